"""What every sink promises; a new one is one line in `SINKS` and one in `EXAMPLES`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar, Self

import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.options import Spec
from edge_detector.registry import SINKS
from edge_detector.running.context import Context
from edge_detector.sinks import open_sink
from edge_detector.sinks.background import Background
from edge_detector.sinks.base import Writer
from edge_detector.types import Result
from tests import make
from tests.sinks.conftest import MakeContext

# How each is opened; {folder} is an empty folder.
EXAMPLES = {
    "clips": "clips:{folder}?reserve=0&encoder=software",
    "command": "command:true?queue={folder}",
    "email": "email:ada@example.org?server=127.0.0.1:9&queue={folder}",  # nobody is there, nor for the others
    "events": "events:{folder}",
    "gpio": "gpio:17",
    "jsonl": "jsonl:{folder}/out.jsonl",
    "mqtt": "mqtt:127.0.0.1:9",  # nobody is there
    "ntfy": "ntfy:http://127.0.0.1:9/topic?queue={folder}",
    "print": "print",
    "snapshots": "snapshots:{folder}?reserve=0",
    "telegram": "telegram:1?token_file={folder}/token&queue={folder}",
    "telemetry": "telemetry",
    "timelapse": "timelapse:{folder}?reserve=0&encoder=software",
    "video": "video:{folder}/out.mp4?encoder=software",
    "watchdog": "watchdog",
    "web": "web:127.0.0.1:0",
    "webhook": "webhook:http://127.0.0.1:9/hook?queue={folder}",
    "window": "window",
}
EXTRAS = {
    "gpio": "gpiozero",
    "mqtt": "paho",
    "web": "aiohttp",
    "window": "pygame",
}  # what some need besides the core dependencies
WRITES_FILES = {
    "clips": "clips:{missing}",
    "jsonl": "jsonl:{missing}/out.jsonl",
    "snapshots": "snapshots:{missing}",
    "timelapse": "timelapse:{missing}",
    "video": "video:{missing}/out.mp4",
}
MISPLACED = {
    "window:fullscreen=true": "window?fullscreen=true",
    "window:fullscreen=true?snapshots=photos": "window?fullscreen=true&snapshots=photos",
    "window:fullscren=true": "window?fullscren=true",
    "web:token_file=token": "web?token_file=token",
    "telemetry:interval=5s": "telemetry?interval=5s",
    "jsonl:append=true": "jsonl:FILE?append=true",
    "clips:classes=person&keep=5": "clips:FOLDER?classes=person&keep=5",
    "video:keep=2GB": "video:PATH?keep=2GB",
}
PERSON = ((20.0, 20.0, 200.0, 200.0), 0.9, 0)


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tests' machine may have a screen and a service manager; these sinks shall not find them."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")  # nor pins
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "NOTIFY_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "no-sockets-here"))


@pytest.fixture(params=sorted(SINKS))
def name(request: pytest.FixtureRequest) -> str:
    if request.param in EXTRAS:
        pytest.importorskip(EXTRAS[request.param])
    return str(request.param)


@pytest.fixture
def text(name: str, tmp_path: Path) -> str:
    folder = tmp_path / "sinks"
    folder.mkdir()
    (folder / "token").write_text("123:abc")
    return EXAMPLES[name].format(folder=folder)


def bare(sink: Writer[Result]) -> Writer[Result]:
    """The sink itself, without its thread."""
    return sink._sink if isinstance(sink, Background) else sink


def test_every_sink_is_tested_here() -> None:
    assert sorted(EXAMPLES) == sorted(SINKS)


@pytest.mark.parametrize("live", [True, False])
def test_it_opens_takes_results_and_closes_twice(text: str, live: bool, make_context: MakeContext) -> None:
    context = make_context(live=live)
    sink = open_sink(text, context)
    with sink:
        for sequence in range(3):
            context.meter.record(make.result(sequence, PERSON))
            sink.write(make.result(sequence, PERSON))
    sink.__exit__(None, None, None)


def test_it_closes_without_a_result(text: str, make_context: MakeContext) -> None:
    with open_sink(text, make_context()):
        pass


def test_closing_what_was_never_opened_does_no_harm(text: str, make_context: MakeContext) -> None:
    open_sink(text, make_context()).close()
    bare(open_sink(text, make_context())).close()


def test_it_closes_while_another_error_unwinds(text: str, make_context: MakeContext) -> None:
    with pytest.raises(OSError, match="the cable fell out"), open_sink(text, make_context()) as sink:  # noqa: PT012
        sink.write(make.result(0, PERSON))
        raise OSError("the cable fell out")


def test_it_says_what_it_is(text: str, make_context: MakeContext) -> None:
    sink = bare(open_sink(text, make_context()))
    assert repr(sink).startswith(f"<{type(sink).__name__} ")


def test_an_unknown_option_is_an_error_that_names_the_sink_and_the_option(
    text: str, name: str, make_context: MakeContext
) -> None:
    with pytest.raises(ConfigError, match=rf"^sink {name}: unknown option 'colour'"):
        open_sink(f"{text}{'&' if '?' in text else '?'}colour=red", make_context())


@pytest.mark.parametrize(("spec", "wrong", "right"), [
    ("video:{folder}/out.mp4", "encodr", "encoder"),
    ("jsonl:{folder}/out.jsonl", "apend", "append"),
    ("snapshots:{folder}", "cooldwon", "cooldown"),
    ("clips:{folder}", "befor", "before"),
])  # fmt: skip
def test_a_misspelt_option_names_the_nearest(
    spec: str, wrong: str, right: str, tmp_path: Path, make_context: MakeContext
) -> None:
    with pytest.raises(ConfigError, match=rf"unknown option '{wrong}'; did you mean '{right}'\?"):
        open_sink(f"{spec.format(folder=tmp_path)}?{wrong}=1", make_context())


@pytest.mark.parametrize("spec", WRITES_FILES.values(), ids=WRITES_FILES)
def test_a_path_that_cannot_be_written_is_one_error_when_it_opens(
    spec: str, tmp_path: Path, make_context: MakeContext
) -> None:
    obstacle = tmp_path / "file"
    obstacle.touch()
    sink = open_sink(spec.format(missing=obstacle / "folder"), make_context())
    with pytest.raises(SinkError, match=rf"^{obstacle}/folder.*: Not a directory$"):
        sink.__enter__()


@pytest.mark.parametrize("spec", WRITES_FILES.values(), ids=WRITES_FILES)
def test_a_sink_that_writes_files_counts_its_bytes(spec: str, tmp_path: Path, make_context: MakeContext) -> None:
    context = make_context()
    folder = tmp_path / "sinks"
    folder.mkdir()
    options = {"clips": "?reserve=0", "snapshots": "?reserve=0", "timelapse": "?reserve=0"}.get(
        spec.partition(":")[0], ""
    )
    with open_sink(spec.format(missing=folder) + options, context) as sink:
        for sequence in range(3):
            sink.write(make.result(sequence, PERSON))
    assert context.meter.bytes_written == sum(path.stat().st_size for path in folder.iterdir()) > 0


def test_all_of_them_together_close_in_good_order(tmp_path: Path, make_context: MakeContext) -> None:
    context = make_context(live=True)
    with ExitStack() as stack:
        for name, spec in EXAMPLES.items():
            if name not in EXTRAS or importlib.util.find_spec(EXTRAS[name]):
                folder = tmp_path / name
                folder.mkdir()
                (folder / "token").write_text("123:abc")
                sink = stack.enter_context(open_sink(spec.format(folder=folder), context))
                sink.write(make.result(0, PERSON))
    assert (tmp_path / "jsonl" / "out.jsonl").read_text().count("\n") == 1


def test_an_unknown_sink_names_the_nearest(make_context: MakeContext) -> None:
    with pytest.raises(ConfigError, match=r"unknown sink 'vidoe'; did you mean 'video'\?"):
        open_sink("vidoe:out.mp4", make_context())


@contextmanager
def tally(_spec: Spec, _context: Context) -> Iterator[Tally]:
    """What a user may write instead of a class."""
    with Tally() as counter:
        yield counter


class Tally:
    """No `Sink`, and all that `PlainSink` asks for."""

    instances: ClassVar[list[Tally]] = []

    def __init__(self, *_: object) -> None:
        self.sequences: list[int] = []
        self.ends: list[object] = []
        self.instances.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: object, _traceback: object) -> None:
        self.ends.append(error)

    def write(self, result: Result) -> None:
        self.sequences.append(result.frame.sequence)


@pytest.mark.parametrize("target", ["tally", "Tally"])
def test_any_context_manager_that_takes_results_is_a_sink(
    target: str, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SINKS, "tally", f"{__name__}:{target}")
    sink, error = open_sink("tally", make_context()), OSError("the cable fell out")
    with pytest.raises(OSError, match="the cable fell out"), sink:  # noqa: PT012
        sink.write(make.result(7))
        raise error
    sink.close()
    assert (Tally.instances[-1].sequences, Tally.instances[-1].ends) == ([7], [error])


def nothing(_spec: Spec, _context: Context) -> None:
    """Forgets to return its sink."""


def test_what_is_no_sink_is_an_error(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SINKS, "tally", f"{__name__}:nothing")
    with pytest.raises(ConfigError, match=r"^sink tally: made None; expected a Sink, or a context manager that gives"):
        open_sink("tally", make_context())


@pytest.mark.parametrize("text", MISPLACED)
def test_an_option_in_the_place_of_the_argument_is_told_where_it_belongs(make_context: MakeContext, text: str) -> None:
    pytest.importorskip(EXTRAS.get(text.partition(":")[0], "edge_detector"))
    with pytest.raises(ConfigError) as caught:
        open_sink(text, make_context())
    assert str(caught.value) == f"sink {text.partition(':')[0]}: options come after '?'; write {MISPLACED[text]}"


def test_a_file_may_have_a_name_like_an_option(
    tmp_path: Path, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (f"{tmp_path}/append=true", f"{tmp_path}/a=b", "a=b", "./append=true"):
        with open_sink(f"jsonl:{name}", make_context()):
            assert Path(name).exists()
