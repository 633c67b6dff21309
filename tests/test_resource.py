"""What sources and sinks have in common: opening, closing, and names that are refused when they are misspelt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_detector.errors import ReaderGone, SinkError
from edge_detector.resource import Resource
from edge_detector.sinks.base import Sink
from edge_detector.sources.base import Source


class Door(Resource):
    """Notes what is done to it; closing may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[str] = []
        self._error = error

    def open(self) -> None:
        self.events.append("open")

    def close(self) -> None:
        self.events.append("close")
        if self._error is not None:
            raise self._error


def test_with_opens_and_closes_and_gives_the_resource_itself() -> None:
    door = Door()
    with door as entered:
        assert entered is door
        assert door.events == ["open"]
    assert door.events == ["open", "close"]


def test_an_error_of_closing_is_raised() -> None:
    with pytest.raises(SinkError, match="the disk is full"), Door(SinkError("the disk is full")):
        pass


def test_an_error_of_closing_does_not_hide_the_one_before_it(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="the cable fell out"), Door(SinkError("the disk is full")):
        raise OSError("the cable fell out")
    assert caplog.messages == ["the disk is full"]


def test_a_reader_that_has_gone_is_no_news_then(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="the cable fell out"), Door(ReaderGone("| head")):
        raise OSError("the cable fell out")
    assert caplog.messages == []
    with pytest.raises(ReaderGone), Door(ReaderGone("| head")):
        pass


def test_a_misspelt_method_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"class .*Tally: unknown name 'clsoe'; did you mean 'close'\? known: backlog"):

        class Tally(Sink):
            def clsoe(self) -> None: ...


def test_a_misspelt_attribute_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"unknown name 'reconects'; did you mean 'reconnects'\?"):

        class Camera(Source):
            reconects = 3


def test_a_misspelt_option_of_a_class_is_refused() -> None:
    with pytest.raises(TypeError, match="may_blok"):

        class Tally(Sink, may_blok=True):  # type: ignore[call-arg]
            pass


def test_a_class_may_have_names_of_its_own() -> None:
    class Tally(Sink, may_block=True, adds=("total",)):
        LARGEST = 5
        _count = 0

        def total(self) -> int:
            return self._count

        def write(self, result: object) -> None:
            self._count += 1

    class Subclass(Tally):
        def total(self) -> int:
            return self.LARGEST

    assert (Subclass().total(), Subclass().may_block, Subclass().backlog) == (5, True, 1)


def test_what_must_be_overridden_is_asked_for() -> None:
    class Nothing(Sink):
        pass

    class Still(Source):
        pass

    with pytest.raises(TypeError, match=r"abstract method.* write"):
        Nothing()  # type: ignore[abstract]
    with pytest.raises(TypeError, match=r"abstract method.* __iter__, stop"):
        Still()  # type: ignore[abstract]


MISTAKES = """
from edge_detector.sinks.base import Sink, Writer
from edge_detector.sources.base import Source
from edge_detector.types import Result

class Fine(Sink, may_block=True, backlog=8):
    def write(self, result: Result) -> None: ...

class Option(Sink, may_blok=True): ...
class Kind(Sink, backlog="8"): ...
class Camera(Source, liv=False): ...
class Closes(Sink):
    def close(self, hard: bool) -> None: ...
class Nothing(Sink):
    def wriet(self, result: Result) -> None: ...
Nothing()
def room(sink: Writer[Result]) -> int:
    return sink.backlgo
"""
FOUND = {9: "may_blok", 10: '"backlog"', 11: '"liv"', 13: '"close"', 16: '"write"', 18: '"backlgo"'}  # by line


def test_mypy_finds_mistakes_in_a_sink(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    file = tmp_path / "mistakes.py"
    file.write_text(MISTAKES)
    words = [
        "--config-file=",
        "--strict",
        "--follow-imports=silent",
        "--ignore-missing-imports",
        "--no-warn-return-any",
    ]
    output, _, _ = api.run([*words, "--hide-error-codes", "--cache-dir", str(tmp_path / "cache"), str(file)])
    errors = {int(line): text for line, text in re.findall(r"mistakes\.py:(\d+): error: (.*)", output)}
    assert list(errors) == list(FOUND), output
    assert [line for line, word in FOUND.items() if word not in errors[line]] == []
