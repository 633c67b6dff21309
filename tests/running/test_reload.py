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

from edge_detector import pipeline
from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.running.context import ConfigFile
from edge_detector.running.places import LivePlaces
from edge_detector.running.reload import Reload
from edge_detector.swap.live_detector import LiveDetector
from edge_detector.track.places import Mask, Zone

RUNNING = Config(confidence=0.5)
FAKE = Config(confidence=0.5, runtime="fake")


@pytest.fixture
def detector() -> LiveDetector:
    return LiveDetector.of(RUNNING)


def write_labels(path: Path, labels: tuple[str, ...]) -> Path:
    path.write_text("\n".join(labels))
    return path


def after_reload(detector: LiveDetector, *wanted: Config | Exception) -> list[int]:
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


def test_it_tells_how_often_it_was_carried_out_and_what_that_has_changed(detector) -> None:
    lower = replace(RUNNING, confidence=0.25)
    configs = iter((lower, lower, replace(lower, classes=("unicorn",))))
    reload, told = Reload(RUNNING, lambda: next(configs)), []
    for _ in reload.watch(range(4), detector):
        told.append((reload.done, reload.said))
        if len(told) < 4:
            reload.request()
    assert told == [(0, ""), (1, "confidence = 0.25"), (2, "nothing has changed"), (3, "")]


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


LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
DOOR = Zone("door", LEFT_HALF, classes=("square",))


def places_after(detector: LiveDetector, wanted: Config | Exception) -> LivePlaces:
    """The places of a run with a yard, after one reload."""
    places = LivePlaces(Config(zones=(Zone("yard", LEFT_HALF),)), lambda: detector.labels)

    def load() -> Config:
        if isinstance(wanted, Exception):
            raise wanted
        return wanted

    reload = Reload(FAKE, load)
    for result in reload.watch(range(2), detector, places):
        if result == 0:
            reload.request()
        else:
            return places
    raise AssertionError


def test_zones_lines_and_masks_are_used_with_the_next_result(caplog) -> None:
    with caplog.at_level(logging.INFO):
        wanted = replace(FAKE, zones=(DOOR,), masks=(Mask(LEFT_HALF, "privacy"),))
        places = places_after(LiveDetector.of(FAKE), wanted)
    assert places.places.zones == (DOOR,)
    assert "reloaded: 1 zone, no lines, 1 mask" in caplog.text
    assert "restart" not in caplog.text


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (ConfigError("e.toml: not valid TOML: line 3"), "reload: e.toml: not valid TOML: line 3; everything stays"),
        (replace(FAKE, zones=(replace(DOOR, classes=("cow",)),), confidence=0.1), "zone 'door': the model has no such"),
    ],
)
def test_wrong_places_keep_the_old_ones_and_the_old_thresholds_and_are_said_in_one_line(wanted, said, caplog) -> None:
    detector = LiveDetector.of(FAKE)
    before = detector.thresholds
    places = places_after(detector, wanted)
    assert [zone.name for zone in places.places.zones] == ["yard"]
    assert detector.thresholds == before
    (line,) = caplog.messages
    assert said in line
    assert "\n" not in line


def test_zones_may_speak_of_the_labels_that_come_with_them(detector, tmp_path) -> None:
    german = write_labels(tmp_path / "de.txt", ("Mensch", *detector.labels[1:]))
    zone = replace(DOOR, classes=("Mensch",))
    assert places_after(detector, replace(RUNNING, labels=german, zones=(zone,))).places.zones == (zone,)


def test_sighup_brings_new_zones_to_a_running_program_and_a_damaged_file_does_not(tmp_path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('source = "synthetic"\nruntime = "fake"\nsinks = ["print"]\n')
    command = [sys.executable, "-m", "edge_detector", "--config", str(config)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as program:
        program.stdout.readline()
        said = []
        for text in (
            '[[zones]]\nname = "all"\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n',
            "[[zones]]\nname = \n",
            '[[zones]]\nname = "all"\npolygon = [[0, 0], [2, 0], [1, 1]]\n',
        ):
            config.write_text(f'source = "synthetic"\nruntime = "fake"\nsinks = ["print"]\n{text}')
            program.send_signal(signal.SIGHUP)
            said.append(next(line for line in program.stderr if "reload" in line))
        program.terminate()
        program.communicate()
    assert said[0] == "INFO reloaded: 1 zone, no lines, no masks\n"
    assert said[1].startswith(f"ERROR reload: {config}: not valid TOML")
    assert said[1].endswith("; everything stays as it was\n")
    assert "zone 'all': point 2 is [2, 0], outside the picture" in said[2]


def test_without_a_configuration_file_a_reload_leaves_alone_what_was_drawn(monkeypatch) -> None:
    """Then only the page can have drawn anything, and no file names other places."""
    given = []
    monkeypatch.setattr(Reload, "watch", lambda _self, results, _detector, places=None: given.append(places) or results)
    run = Config(source="synthetic:?live=false&frames=2", runtime="fake", sinks=())
    for file in (None, ConfigFile(Path("e.toml"))):
        pipeline.run(run, Reload(run, lambda: run), config_file=file)
    assert [places is None for places in given] == [True, False]


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
    labels = write_labels(tmp_path / "labels.txt", tuple(LiveDetector.of(RUNNING).labels))
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


def test_sighup_brings_another_model_to_a_film_that_plays_on(tmp_path) -> None:
    """The file of the same name is another one: the model of 320 pixels gives way to that of 256."""
    model = tmp_path / "mine.tflite"
    install(320, model)
    config = tmp_path / "config.toml"
    config.write_text(
        f'source = "demo/demo.mp4"\nloop = true\nmodel = "{model}"\nsinks = ["jsonl:-"]\nlabels = "labels/coco.txt"\n'
        "shadow_frames = 3\nshadow_every = 2\nshadow_slower = 0\n"
    )
    command = [sys.executable, "-m", "edge_detector", "--config", str(config)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as program:
        rows = [json.loads(program.stdout.readline())]
        install(256, model)  # into the same files, as `cp` does
        program.send_signal(signal.SIGHUP)
        for line in program.stdout:
            rows.append(json.loads(line))
            if rows[-1]["model"] != rows[0]["model"]:
                break
        program.terminate()
        _, log = program.communicate()
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    assert [rows[0]["model"], rows[-1]["model"]] == [STEM.format(320), STEM.format(256)]
    assert rows[-1]["detections"]
    assert "takes over from" in log


STEM = "ssd_mobilenet_v2_fpnlite_{}_coco_int8"


def install(size: int, model: Path) -> None:
    """Put one of the models that come with the project into the files of ``model``."""
    for suffix in (".tflite", ".toml"):
        model.with_suffix(suffix).write_bytes((Path("models") / f"{STEM.format(size)}{suffix}").read_bytes())
