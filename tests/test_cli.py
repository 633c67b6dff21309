"""The command line: exit codes, one clear line for each mistake, and signals that end the run cleanly."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_detector import __version__, cli
from edge_detector.cli import COMMANDS, with_defaults
from edge_detector.config import Config
from edge_detector.options import Spec, parameters
from edge_detector.sources.synthetic import SyntheticSource
from tests.command import finish, run, started

ROOT = Path(__file__).parents[1]
DEFAULT = ROOT / "models/ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"
FINITE = ("--runtime", "fake", "--source", "synthetic:?live=false&frames=5", "--sink", "jsonl:/dev/null")
ENDLESS = ("--runtime", "fake", "--source", "synthetic", "--fps", "100")


@pytest.fixture(autouse=True)
def signals_are_put_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def complaint(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code, and the message in the one line that the command prints."""
    exit_code = cli.main([str(word) for word in words])
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("edge-detector: error: ")] == lines[-1:]
    assert not any("Traceback" in line or line.startswith("  ") for line in lines)
    return exit_code, lines[-1].removeprefix("edge-detector: error: ")


# Bad usage: exit code 2.


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--confidence", "1.5"], "confidence is 1.5; expected a fraction from 0 to 1"),
        (["--confidence", "-0.1"], "confidence is -0.1; expected a fraction"),
        (["--confidence", "nan"], "confidence = 'nan': expected a number"),
        (["--confidence", "high"], "confidence = 'high': expected a number"),
        (["--confidence"], "expected one argument"),
        (["--iou", "2"], "iou is 2; expected a fraction"),
        (["--class-confidence", "person=2"], "person is 2; expected a fraction"),
        (["--class-confidence", "person"], "expected name=number pairs"),
        (["--max-detections", "0"], "max_detections is 0; expected more than 0"),
        (["--longest-skip", "0"], "longest_skip is 0; expected more than 0"),
        (["--max-detections", "2.5"], "max_detections = '2.5': expected a whole number"),
        (["--fps", "0"], "fps is 0; expected 0.01 to 1000"),
        (["--fps", "1e12"], "fps is 1e+12; expected 0.01 to 1000"),
        (["--timeout", "soon"], "timeout = 'soon': expected a duration such as 90, 1.5s"),
        (["--threads", "-1"], "threads is -1; expected 1 or more, or 0"),
        (["--size", "1280"], "size = '1280': expected a size such as 1280x720"),
        (["--size", "0x720"], "size = '0x720': expected a size"),
        (["--size", "99999x99999"], "size is 99999x99999; expected at most 67 megapixels"),
        (["--resize", "strech"], "unknown resize 'strech'; did you mean 'stretch'?"),
        (["--runtime", "litertt"], "unknown runtime 'litertt'; did you mean 'litert'?"),
        (["--label-base", "2"], "unknown label_base '2'"),
        (["--sink", "vidoe:out.mp4"], "unknown sink 'vidoe'; did you mean 'video'? known: clips, command, email"),
        (["--sink", "video:out.mp4?segment"], "after '?' come options as key=value"),
        (["--max-temperature", "-5"], "max_temperature is -5"),
        (["--model", "~nobody-has-this-name/m.tflite"], "expected a path"),
        (["--confidnce=0.5"], "unknown option '--confidnce'; did you mean '--confidence'?"),
        (["modles"], "unknown command 'modles'; did you mean 'models'?"),
        (["modles"], "inspect, mistakes, models, sinks, sources, specialize, train; and no file here has that name"),
        (["demo/demo.mp4", "twice"], "unexpected argument 'twice'"),
        (["demo/demo.mp4", "--confidnce=0.5"], "unknown option '--confidnce'; did you mean '--confidence'?"),
        (["rtsp://me:secret@a/1", "--source", "rtsp://b/2"], "two sources: rtsp://me:***@a/1 and --source rtsp://b/2"),
        (["--source", "0", "demo/demo.mp4"], "two sources: demo/demo.mp4 and --source 0; expected one"),
        (["--loop", "twice"], "unexpected argument 'twice'"),
        (["models", "--foldr=x"], "unknown option '--foldr'; did you mean '--folder'?"),
        (["inspect"], "arguments are required: model; see edge-detector inspect --help"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(capfd, words, message) -> None:
    exit_code, said = complaint(capfd, *words)
    assert message in said
    assert exit_code == 2


# Bad configuration, model or labels: exit code 78, and systemd does not try again.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confidnce = 0.5", "unknown option 'confidnce'; did you mean 'confidence'?"),
        ("confidence = 1.5", "confidence is 1.5; expected a fraction"),
        ("confidence = 'high'", "confidence = 'high': expected a number"),
        ("confidence = true", "confidence = True: expected a number"),
        ("confidence = nan", "confidence = nan: expected a number"),
        ("timeout = -1", "timeout = -1: expected a duration"),
        ("loop = 1", "loop = 1: expected true or false"),
        ("threads = 2.5", "threads = 2.5: expected a whole number"),
        ("classes = 3", "classes = 3: expected names separated by commas"),
        ("classes = ['person', 3]", "expected names"),
        ("class_confidence = 0.5", "expected name=number pairs"),
        ("size = [1280]", "expected a size such as 1280x720"),
        ("source = 0.5", "source = 0.5: expected text"),
        ("source = true", "source = True: expected text"),
        ("model = 5", "model = 5: expected a path"),
        ("sinks = ['vidoe:out.mp4']", "unknown sink 'vidoe'; did you mean 'video'?"),
        ("confidence = ", "not valid TOML"),
        ("confidence = " + "[" * 5000 + "]" * 5000, "not valid TOML: its values are nested too deeply"),
        ("[confidence]\nperson = 1", "expected a number"),
    ],
)
def test_a_bad_configuration_file_is_named_with_the_key_at_fault(capfd, tmp_path, text, message) -> None:
    path = tmp_path / "edge-detector.toml"
    path.write_text(text)
    exit_code, said = complaint(capfd, "--config", path)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert exit_code == 78


def test_a_configuration_file_that_is_not_there_is_said(capfd, tmp_path) -> None:
    assert complaint(capfd, "--config", tmp_path / "none.toml") == (
        78,
        f"{tmp_path / 'none.toml'}: cannot read it: No such file or directory",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such model file"),
        (b"", "is empty; expected a .tflite file"),
        (b"a text that is no model, however long it is", "is not a TFLite model; expected a .tflite file"),
        (b"\x1c\0\0\0TFL3" + bytes(2000), "not a model that this runtime can load"),
    ],
    ids=["missing", "empty", "text", "zeros"],
)
def test_a_file_that_is_no_model_is_said(capfd, tmp_path, content, message) -> None:
    path = tmp_path / "m.tflite"
    if content is not None:
        path.write_bytes(content)
    exit_code, said = complaint(capfd, "--model", path, "--labels", "labels/coco.txt")
    assert said.startswith(f"{path}: ")
    assert message in said
    assert exit_code == 78


@pytest.mark.parametrize("seed", range(10))
def test_a_model_cut_short_anywhere_is_said(capfd, tmp_path, shared, seed) -> None:
    folder = shared / "models/ssd_mobilenet_v1_coco_quant"
    whole = (folder / "detect.tflite").read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(whole[: random.Random(seed).randrange(8, len(whole))])
    exit_code, said = complaint(capfd, "--model", path, "--labels", folder / "coco_labels.txt")
    assert said.startswith(f"{path}: ")
    assert exit_code == 78


@pytest.mark.parametrize("seed", range(3))
def test_a_model_cut_short_beside_its_manifest_is_said(capfd, tmp_path, seed) -> None:
    whole = DEFAULT.read_bytes()
    path = tmp_path / DEFAULT.name
    path.write_bytes(whole[: random.Random(seed).randrange(8, len(whole))])
    path.with_suffix(".toml").write_bytes(DEFAULT.with_suffix(".toml").read_bytes())
    exit_code, said = complaint(capfd, "--model", path)
    assert "was it changed, or cut short in a copy?" in said
    assert exit_code == 78


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("model_invoking_error.tflite", "unresolved custom op"),
        ("mobilenet_v2_imagenet/mobilenet_v2_1.0_224_quant.tflite", "this is a classifier: its only output"),
    ],
)
def test_a_model_that_is_no_detector_is_said(capfd, shared, model, message) -> None:
    exit_code, said = complaint(capfd, "--model", shared / "models" / model, "--labels", "labels/coco.txt")
    assert re.search(message, said)
    assert exit_code == 78


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "cannot read the labels: No such file or directory"),
        ([], "0 labels but the model has 80 classes"),
        (["person", "dog"], "2 labels but the model has 80 classes"),
        (["???", *"a" * 80, "b"], "82 labels but the model has 80 classes"),
        (["person", "", "dog"], "line 2 is empty"),
    ],
    ids=["missing", "none", "two", "too many", "empty line"],
)
def test_labels_of_another_model_are_said(capfd, tmp_path, lines, message) -> None:
    path = tmp_path / "labels.txt"
    if lines is not None:
        path.write_text("\n".join(lines))
    exit_code, said = complaint(capfd, "--labels", path)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert exit_code == 78


@pytest.mark.parametrize("option", ["--classes", "--class-confidence"])
def test_a_class_that_the_model_does_not_have_names_the_nearest(capfd, option) -> None:
    exit_code, said = complaint(capfd, option, "persn" + ("=0.5" if option == "--class-confidence" else ""))
    assert "unknown class 'persn'; did you mean 'person'?" in said
    assert exit_code == 78


# A failure while running: exit code 1, and systemd tries again.


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.mp4", "nowhere.mp4: no such file"),
        ("/dev/video77", "/dev/video77: no such camera"),
        ("rtsp://127.0.0.1:9/none", "rtsp://127.0.0.1:9/none: "),
        ("synthetic:?silent_after=1", "silent for 0.2 s"),
    ],
)
def test_a_source_that_fails_is_exit_code_1(capfd, source, message) -> None:
    exit_code, said = complaint(
        capfd, "--runtime", "fake", "--source", source, "--timeout", "200ms", "--sink", "jsonl:/dev/null"
    )
    assert message in said
    assert exit_code == 1


def test_a_full_disk_is_exit_code_1(capfd) -> None:
    assert complaint(capfd, *FINITE, "--sink", "jsonl:/dev/full") == (
        1,
        "/dev/full: cannot be written: No space left on device",
    )


def test_a_mistake_of_our_own_is_one_line_too_and_the_log_knows_where(capfd, caplog, monkeypatch) -> None:
    def broken(_words: list[str]) -> int:
        raise KeyError("oops")

    monkeypatch.setattr(cli, "_run_detector", broken)
    assert complaint(capfd) == (1, "KeyError: 'oops' (--verbose shows where)")
    caplog.set_level("DEBUG")  # what --verbose does
    cli.main(["--verbose"])
    assert "Traceback" in caplog.text


# All is well: exit code 0.


def test_a_file_that_ends_is_exit_code_0() -> None:
    exit_code, output, errors = run(*FINITE[:4], "--sink", "jsonl:-")
    assert exit_code == 0, errors
    assert [json.loads(line)["sequence"] for line in output.splitlines()] == list(range(5))


def test_version_and_help_are_exit_code_0() -> None:
    assert run("--version") == (0, f"edge-detector {__version__}\n", "")
    exit_code, output, errors = run("--help")
    assert (exit_code, errors) == (0, "")
    for item in parameters(Config):
        flag = "--sink" if item.name == "sinks" else f"--{item.name.replace('_', '-')}"
        assert re.search(rf"{flag}\b", output), flag
    assert "--zones" not in output  # tables, which are for the file alone
    for name in COMMANDS:
        assert f"\n  {name} " in output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name) -> None:
    exit_code, output, errors = run(name, "--help")
    assert (exit_code, errors) == (0, "")
    assert output.startswith(f"usage: edge-detector {name} ")


def test_the_configuration_printed_is_the_one_that_was_read(tmp_path) -> None:
    path = tmp_path / "edge-detector.toml"
    _, path_text, _ = run("--confidence", "0.25", "--classes", "person,dog", "--sink", "print", "--print-config")
    path.write_text(path_text)
    assert "confidence = 0.25" in path_text
    assert run("--config", path, "--print-config") == (0, path_text, "")


def test_flags_win_over_the_file(tmp_path) -> None:
    path = tmp_path / "edge-detector.toml"
    path.write_text("confidence = 0.25\niou = 0.3\n")
    _, output, _ = run("--config", path, "-c", "0.75", "--print-config")
    assert "confidence = 0.75" in output
    assert "iou = 0.3" in output


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        (("jsonl:-",), ("jsonl:-", "telemetry", "watchdog")),
        (("telemetry", "video:x.mp4"), ("telemetry", "video:x.mp4", "watchdog")),
    ],
)
@pytest.mark.parametrize("photographs", [True, False])
def test_every_run_has_telemetry_and_the_watchdog_once(asked, used, photographs) -> None:
    assert with_defaults(asked, photographs=photographs) == used


@pytest.mark.parametrize(
    "words",
    [("demo/demo.mp4",), ("demo/demo.mp4", "--loop"), ("--loop", "demo/demo.mp4"), ("-c", "0.4", "demo/demo.mp4")],
)
def test_a_source_needs_no_flag(words) -> None:
    exit_code, output, _ = run(*words, "--print-config")
    assert exit_code == 0
    assert '\nsource = "demo/demo.mp4"\n' in output


@pytest.mark.parametrize("source", ["0", "rtsp://camera/1", "synthetic:?frames=3", "picamera2:0", "tests"])
def test_what_a_source_without_a_flag_may_be(source) -> None:
    assert f'\nsource = "{source}"\n' in run(source, "--print-config")[1]


def test_a_number_in_the_configuration_file_is_a_camera(tmp_path) -> None:
    (tmp_path / "edge-detector.toml").write_text("source = 2\n")
    assert '\nsource = "2"\n' in run("--config", tmp_path / "edge-detector.toml", "--print-config")[1]


def test_of_a_photograph_the_objects_are_printed(tmp_path) -> None:
    frame = SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0)
    cv2.imwrite(str(tmp_path / "shapes.png"), frame)
    exit_code, output, errors = run(tmp_path / "shapes.png", "--runtime", "fake")
    assert exit_code == 0, errors
    assert output.startswith("shapes.png  ")
    assert "circle" in output


def test_a_run_says_nothing_but_what_it_does(tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((180, 320, 3), np.uint8))
    _, _, errors = run(tmp_path / "black.png", "--sink", "jsonl:/dev/null")
    assert [line.split(":")[0] for line in errors.splitlines()] == [f"INFO {DEFAULT.stem}", "INFO in total"]


# Signals: whatever was being written is finished.


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_film_and_the_lines(tmp_path, number, exit_code) -> None:
    film = tmp_path / "out.mp4"
    with started(*ENDLESS, "--sink", "jsonl:-", "--sink", f"video:{film}?encoder=software") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(10)]
        process.send_signal(number)
        output, errors = finish(process)
    assert process.returncode == exit_code, errors
    assert "Traceback" not in errors
    sequences = [json.loads(line)["sequence"] for line in (*lines, *output.splitlines())]
    assert sequences == sorted(set(sequences))
    with av.open(str(film)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert frames > 0


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_in_the_middle_of_a_real_run_unwinds(number, exit_code) -> None:
    with started("--source", "demo/demo.mp4", "--loop", "--sink", "jsonl:-") as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        process.send_signal(number)
        _, errors = finish(process)
    assert process.returncode == exit_code, errors
    assert "Traceback" not in errors


def test_two_signals_are_as_good_as_one() -> None:
    with started(*ENDLESS, "--sink", "jsonl:-") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        _, errors = finish(process)
    assert process.returncode == 0, errors


def test_a_reader_that_goes_away_ends_the_run_without_a_word() -> None:
    with started(*ENDLESS, "--sink", "jsonl:-") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(120)
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == 141
    assert "error" not in errors.lower()


AT_TERMINAL = ("bash", "-c", 'exec 3<>"$0"; exec "$@"')  # what a session's first process opens becomes its terminal


@contextmanager
def on_a_terminal(tmp_path: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command as the only one of a login session, logging to a file, and the other end of its terminal."""
    ours, theirs = os.openpty()
    command = [*AT_TERMINAL, os.ttyname(theirs), *words]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdin=theirs, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()


@pytest.mark.parametrize("config", [(), ("--config", "/dev/null")])
def test_a_terminal_that_is_gone_ends_the_run_in_good_order(tmp_path, config) -> None:
    film = tmp_path / "out.mp4"
    words = (*ENDLESS, *config, "--sink", "jsonl:-", "--sink", f"video:{film}?encoder=software")
    with on_a_terminal(tmp_path, sys.executable, "-m", "edge_detector", *words) as (process, terminal):
        assert process.stdout is not None
        process.stdout.readline()
        os.close(terminal)
        process.communicate(timeout=120)
    log = (tmp_path / "log").read_text()
    assert process.returncode == 0, log
    assert "in total: " in log
    with av.open(str(film)) as container:
        assert next(container.decode(video=0))


def test_nohup_outlives_its_terminal(tmp_path) -> None:
    words = ("nohup", sys.executable, "-m", "edge_detector", *ENDLESS, "--sink", "jsonl:-")
    with on_a_terminal(tmp_path, *words) as (process, terminal):
        assert process.stdout is not None
        process.stdout.readline()
        os.close(terminal)
        assert [process.stdout.readline()[:12] for _ in range(100)] == [b'{"sequence":'] * 100
        process.terminate()
        process.communicate(timeout=120)
    assert process.returncode == 0


# Secrets.


@pytest.mark.parametrize("source", ["rtsp://ada:tuna/fish#1@127.0.0.1:9/x", "http://127.0.0.1:9/?user=ada&pwd=tuna"])
def test_an_error_message_hides_passwords(capfd, source) -> None:
    exit_code, said = complaint(capfd, "--runtime", "fake", "--source", source, "--sink", "jsonl:/dev/null")
    assert exit_code == 1
    assert "cannot connect (" in said
    assert "tuna" not in said
    assert "***" in said


def test_a_wrong_word_of_the_command_line_is_said_without_its_password(capfd) -> None:
    words = ("--source", "0", "--sink", "print", "ada:swordfish@porch")
    exit_code, said = complaint(capfd, *words)
    assert exit_code == 2
    assert "swordfish" not in said
    assert "porch" in said


@pytest.mark.parametrize(("at_terminal", "shown"), [(True, "ada:***@"), (False, "ada:swordfish@")])
def test_print_config_hides_passwords_at_a_terminal_only(capsys, monkeypatch, at_terminal, shown) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: at_terminal)
    assert cli.main(["--source", "rtsp://ada:swordfish@porch", "--print-config"]) == 0
    assert f'source = "rtsp://{shown}porch"\n' in capsys.readouterr().out


def test_a_run_imports_numpy_with_one_thread() -> None:
    code = (
        "import os, sys; from edge_detector import cli\n"
        "class Spy:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'numpy': print('numpy with', os.environ.get('OPENBLAS_NUM_THREADS'))\n"
        "sys.meta_path.insert(0, Spy())\n"
        "cli.main(['--source', 'missing.mp4', '--sink', 'jsonl:-'])\n"
        "print('later', os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    environ = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environ
    )
    assert done.stdout.splitlines() == ["numpy with 1", "later None"]
