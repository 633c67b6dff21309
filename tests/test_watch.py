"""`watch`: the user's own loop over results."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector import pipeline, watch
from edge_detector.errors import ConfigError, SourceError, SourceTimeout

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


def test_a_loop_needs_no_with() -> None:
    assert [result.frame.sequence for result in watch(FILE, runtime="fake")] == list(range(20))


def test_break_closes_a_loop_without_with() -> None:
    before = threading.active_count()
    for _ in watch("synthetic", runtime="fake"):
        assert threading.active_count() > before
        break
    assert threading.active_count() == before


def test_an_error_closes_a_loop_without_with() -> None:
    def loop() -> None:
        for _ in watch("synthetic", runtime="fake"):
            raise ValueError("mine")

    before = threading.active_count()
    with pytest.raises(ValueError, match="mine"):
        loop()
    assert threading.active_count() == before


def test_an_iterator_that_is_forgotten_is_closed() -> None:
    before = threading.active_count()
    results = iter(watch("synthetic", runtime="fake"))
    next(results)
    del results
    assert threading.active_count() == before


def test_an_error_of_the_source_comes_out_of_the_loop() -> None:
    before = threading.active_count()
    with pytest.raises(SourceTimeout, match="silent"):
        list(watch("synthetic:?silent_after=3", runtime="fake", fps=100.0, timeout=0.05))
    assert threading.active_count() == before


def test_nothing_is_opened_before_the_first_result_is_asked_for() -> None:
    results = iter(watch("nothing.mp4", runtime="fake"))
    with pytest.raises(SourceError, match=r"nothing\.mp4"):
        next(results)


def test_several_loops_share_one_with_block() -> None:
    with watch(FILE, runtime="fake") as results:
        first = next(results).frame.sequence
        for result in results:
            second = result.frame.sequence
            break
        assert (first, second, len(list(results))) == (0, 1, 18)


def test_a_watch_that_was_entered_may_be_iterated_itself() -> None:
    numbers = watch(FILE, runtime="fake")
    with numbers:
        assert len(list(numbers)) == 20


@pytest.mark.parametrize("again", [list, lambda watched: watched.__enter__()], ids=["a loop", "with"])
def test_a_second_time_is_an_error(again) -> None:
    watched = watch(FILE, runtime="fake")
    assert len(list(watched)) == 20
    with pytest.raises(RuntimeError, match=r"<Watch .*: used> can be iterated over once; call watch\(\.\.\.\) again"):
        again(watched)


def test_a_second_time_after_with_is_an_error() -> None:
    with (watched := watch(FILE, runtime="fake")) as results:
        next(results)
    with pytest.raises(RuntimeError, match="once"):
        list(watched)


def test_a_loop_inside_its_own_loop_is_an_error() -> None:
    watched = watch(FILE, runtime="fake")
    with pytest.raises(RuntimeError, match="once"):
        [result for _ in watched for result in watched]


def test_a_number_is_a_camera(monkeypatch) -> None:
    sources = []
    monkeypatch.setattr(pipeline, "open_source", lambda config, **_: sources.append(config.source))
    for source in (0, "0", 12):
        with pytest.raises(TypeError):  # None is no source
            list(watch(source, runtime="fake"))
    assert sources == ["0", "0", "12"]


def test_a_path_is_a_file_or_a_folder_whatever_its_name(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("0", "synthetic"):
        folder = Path(name)
        folder.mkdir()
        cv2.imwrite(f"{name}/black.png", np.zeros((48, 64, 3), np.uint8))
        for path in (folder, folder.absolute(), folder / "black.png"):
            assert [result.frame.file.name for result in watch(path, runtime="fake")] == ["black.png"]


def test_a_watch_is_printed_without_the_cameras_password() -> None:
    assert repr(watch("rtsp://ada:secret@porch/live")) == "<Watch rtsp://ada:***@porch/live: not opened yet>"


def test_an_error_in_the_loop_is_the_error_that_is_raised() -> None:
    with pytest.raises(ValueError, match="mine"), watch("synthetic", runtime="fake") as results:
        raise ValueError(f"mine, after {next(iter(results))}")


def test_a_source_that_is_not_there_is_said() -> None:
    with pytest.raises(SourceError, match=r"nothing\.mp4"), watch("nothing.mp4", runtime="fake"):
        pass


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="watch: unknown option 'clases'; did you mean 'classes'"):
        watch(clases="x")
