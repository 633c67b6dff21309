"""`watch`: the user's own loop over results."""

from __future__ import annotations

import threading

import pytest

from edge_detector import watch
from edge_detector.errors import ConfigError, SourceError

FILE = "synthetic:?live=false&frames=20"


def test_every_frame_of_a_file_is_seen() -> None:
    with watch(FILE, runtime="fake") as results:
        assert [result.frame.sequence for result in results] == list(range(20))


def test_options_are_those_of_the_command_line() -> None:
    with watch(FILE, runtime="fake", classes="circle", confidence="0.6") as results:
        assert {found.label for result in results for found in result.detections} == {"circle"}


def test_leaving_early_leaves_no_thread() -> None:
    before = threading.active_count()
    with watch("synthetic", runtime="fake") as results:
        for _ in results:
            break
    assert threading.active_count() == before


def test_an_error_in_the_loop_is_the_error_that_is_raised() -> None:
    with pytest.raises(ValueError, match="mine"), watch("synthetic", runtime="fake") as results:
        raise ValueError(f"mine, after {next(iter(results))}")


def test_a_source_that_is_not_there_is_said() -> None:
    with pytest.raises(SourceError, match=r"nothing\.mp4"), watch("nothing.mp4", runtime="fake"):
        pass


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="watch: unknown option 'clases'; did you mean 'classes'"), watch(clases="x"):
        pass
