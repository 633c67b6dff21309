"""SIGHUP: new labels and thresholds while the detector runs."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, open_detector
from edge_detector.errors import ConfigError
from edge_detector.running.reload import Reload

RUNNING = Config(confidence=0.5)


@pytest.fixture
def detector() -> Detector:
    return open_detector(RUNNING)


def write_labels(path: Path, labels: tuple[str, ...]) -> Path:
    path.write_text("\n".join(labels))
    return path


def after_reload(detector: Detector, *wanted: Config | Exception) -> list[int]:
    """Ask after each of the results 0, 1, ...; the results that came out."""
    answers = iter(wanted)

    def load() -> Config:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    reload = Reload(RUNNING, load)
    seen = []
    for result in reload.watch(range(len(wanted) + 1), detector):
        seen.append(result)
        if result < len(wanted):
            reload.request()
    return seen


def test_no_result_is_lost_and_the_next_one_has_the_new_thresholds(detector) -> None:
    assert after_reload(detector, replace(RUNNING, confidence=0.25, classes=("dog",))) == [0, 1]
    assert (detector.thresholds.confidence, detector.thresholds.classes) == (0.25, ("dog",))


def test_nothing_happens_unless_somebody_asks(detector) -> None:
    before = detector.thresholds
    reload = Reload(RUNNING, lambda: pytest.fail("nobody asked"))
    assert list(reload.watch(range(3), detector)) == [0, 1, 2]
    assert detector.thresholds is before


def test_labels_may_be_translated_and_the_classes_with_them(detector, tmp_path, caplog) -> None:
    german = write_labels(tmp_path / "de.txt", ("Mensch", *detector.labels[1:]))
    with caplog.at_level(logging.INFO):
        after_reload(detector, replace(RUNNING, labels=german, classes=("Mensch",)))
    assert (detector.labels[0], detector.thresholds.classes) == ("Mensch", ("Mensch",))
    assert "other labels" in caplog.text


def test_a_label_file_that_was_edited_is_read_again(detector, tmp_path, caplog) -> None:
    labels = replace(RUNNING, labels=write_labels(tmp_path / "mine.txt", detector.labels))
    after_reload(detector, labels)
    write_labels(tmp_path / "mine.txt", ("human", *detector.labels[1:]))
    after_reload(detector, labels)
    assert detector.labels[0] == "human"


def test_labels_of_another_model_change_nothing(detector, tmp_path, caplog) -> None:
    before, thresholds = detector.labels, detector.thresholds
    after_reload(detector, replace(RUNNING, labels=write_labels(tmp_path / "two.txt", ("a", "b")), confidence=0.1))
    assert (detector.labels, detector.thresholds) == (before, thresholds)
    assert "2 labels but the model has" in caplog.text


def test_a_wrong_configuration_changes_nothing_and_a_later_right_one_counts(detector, caplog) -> None:
    after_reload(detector, ConfigError("x.toml: no"), replace(RUNNING, classes=("dgo",)), replace(RUNNING, iou=0.3))
    assert detector.thresholds == replace(RUNNING, iou=0.3).thresholds()
    assert ["x.toml: no" in caplog.text, "'dgo'" in caplog.text] == [True, True]


@pytest.mark.parametrize(
    ("change", "said"), [({"source": "1"}, "source = 1"), ({"sinks": ("print",)}, "sinks = ('print',)")]
)
def test_what_only_a_restart_can_change_is_said_once(detector, caplog, change, said) -> None:
    after_reload(detector, replace(RUNNING, **change), replace(RUNNING, **change))
    assert caplog.text.count(f"only a restart can change {said}") == 1


def test_the_sinks_that_every_run_has_are_no_change(tmp_path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('source = "synthetic"\nruntime = "fake"\n')
    command = [sys.executable, "-m", "edge_detector", "--config", str(config), "--sink", "print"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as program:
        program.stdout.readline()
        program.send_signal(signal.SIGHUP)
        said = next(line for line in program.stderr if "reload" in line)
        program.terminate()
        _, rest = program.communicate()
    assert said == "INFO reloaded: nothing has changed\n"
    assert "restart" not in rest


def test_a_password_in_the_new_address_stays_out_of_the_log(detector, caplog) -> None:
    after_reload(detector, replace(RUNNING, source="rtsp://ada:secret@porch/1"))
    assert "only a restart can change source = rtsp://ada:***@porch/1" in caplog.text


def test_sighup_reaches_a_running_program_and_costs_no_frame(tmp_path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('source = "synthetic:?live=false&frames=400"\nruntime = "fake"\nsinks = ["jsonl:-"]\n')
    command = [sys.executable, "-m", "edge_detector", "--config", str(config)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as program:  # as a service: no terminal
        sequences = [json.loads(program.stdout.readline())["sequence"]]
        config.write_text(config.read_text() + 'classes = ["square"]\n')
        program.send_signal(signal.SIGHUP)
        lines = [json.loads(line) for line in program.stdout]
        log = program.stderr.read()
    sequences += [line["sequence"] for line in lines]
    assert (program.returncode, sequences) == (0, list(range(400)))
    assert "reloaded: classes = ('square',)" in log
    assert {found["label"] for found in lines[-1]["detections"]} == {"square"}


def test_sighup_reads_an_edited_label_file_again_without_a_configuration_file(tmp_path) -> None:
    labels = write_labels(tmp_path / "labels.txt", tuple(open_detector(RUNNING).labels))
    words = ("--source", "demo/demo.mp4", "--loop", "--labels", str(labels), "--sink", "jsonl:-")
    command = [sys.executable, "-m", "edge_detector", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as program:
        program.stdout.readline()
        program.send_signal(signal.SIGHUP)
        said = next(line for line in program.stderr if "reload" in line)
        program.terminate()
        program.communicate()
    assert said == "INFO reloaded: nothing has changed\n"
    assert program.returncode == 0
