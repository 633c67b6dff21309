"""A mistake, marked, exported, learnt and taken into a run that goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector import cli, pipeline, registry
from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.mistakes.export import export
from edge_detector.mistakes.store import Store
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.running.reload import Reload
from edge_detector.sinks.base import Sink
from edge_detector.types import Frame, Result
from edge_detector.workstation.improvement.improving import next_name, times_of, training_set
from edge_detector.workstation.improvement.marked import read_marked
from edge_detector.workstation.improvement.replay import read_replay
from tests.sinks.conftest import FakeDetector
from tests.sinks.web.pages import Page, open_page
from tests.workstation.graphs import LABELS
from tests.workstation.improvement.pictures import SIDE, Scene, scenes

SCALE = 4  # of the clip and of the camera, whose frames are larger than the tiny pictures
QUARTER_OF_AN_HOUR_NS = 900 * 10**9
NEW_RESULTS, MOST_RESULTS = 20, 3000
NUMBERS = ("--epochs", "30", "--batch", "4", "--rate", "0.02")


def clip(path: Path) -> Path:
    """A red square goes from left to right for two seconds."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=Fraction(15), options={"qp": "10"})
        stream.width = stream.height = SIDE * SCALE
        stream.pix_fmt = "yuv420p"
        for number in range(30):
            small = Scene("red", 3, number // 5).image
            image = cv2.resize(small, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        film.mux(stream.encode())
    return path


class UntilNew(Sink):
    """Ends the run when another model has made some results, or when none comes."""

    def __init__(self, _spec: Spec, context: Context) -> None:
        self._context, self._first, self._results, self._new = context, "", 0, 0

    def write(self, result: Result) -> None:
        self._first = self._first or result.model
        self._results += 1
        self._new += result.model != self._first
        if self._new == NEW_RESULTS or self._results == MOST_RESULTS:
            self._context.stop()


def labels_of(rows: list[dict]) -> set[str]:
    return {found["label"] for row in rows for found in row["detections"]}


def mark(folder: Path, model: Path, seen: Sequence[Scene]) -> None:
    """Watch what ``model`` finds on the page, a scene each quarter of an hour, and say of every dog: it is a cat."""
    with open_detector(Config(model=model)) as detector:
        shown = FakeDetector(model.stem, labels=detector.labels, thresholds=detector.thresholds)
        meter = Meter(temperature=lambda: None, throttling=lambda: None)
        context = Context(Config(model=model, track=False), shown, meter, live=True, stop=lambda: None)
        with open_page(context, f"web:127.0.0.1:0?mistakes={folder}") as page, page.viewer("/api/pictures") as viewer:
            for number, scene in enumerate(seen):
                page.sink.write(detector.detect(taken(scene, number)))
                while viewer.clean_picture()[0]["sequence"] != number:
                    pass  # the one before
                say_that_dogs_are_cats(page, number)


def taken(scene: Scene, number: int) -> Frame:
    """The scene as a camera gives it."""
    image = cv2.resize(scene.image, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
    return Frame(image, number, number * QUARTER_OF_AN_HOUR_NS)


def say_that_dogs_are_cats(page: Page, sequence: int) -> None:
    """Freeze the picture and correct it, with the requests that the page sends."""
    frozen = send(page, "POST", "/api/mistakes/frozen", {"sequence": sequence})
    dogs = [place for place, found in enumerate(frozen["detections"]) if found["label"] == "dog"]
    objects = [{"found": place, "verdict": "relabelled", "label": "cat"} for place in dogs]
    send(page, "PUT", f"/api/mistakes/{frozen['id']}", {"objects": objects, "exhaustive": ["cat", "dog"]})


def send(page: Page, method: str, path: str, body: object) -> Any:
    answer = page.ask(path, method=method, body=json.dumps(body), content_type="application/json")
    assert answer.status == 200, answer.text
    return answer.json


def test_a_wrong_label_is_marked_exported_learnt_and_swapped_while_the_camera_goes_on(
    base: Path, replay: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setitem(registry.SINKS, "until", "tests.workstation.improvement.test_improving:UntilNew")
    running, film = base.with_name("model_int8.tflite"), clip(tmp_path / "clip.mp4")
    config = Config(model=running, source=str(film), loop=True, shadow_frames=3, shadow_every=2, shadow_slower=0.0)

    rows = rows_of(replace(config, loop=False), tmp_path / "before.jsonl")
    assert labels_of(rows) == {"dog"}  # which is wrong

    mark(tmp_path / "mistakes", running, scenes("red", 16, seed=3))
    marked, output = tmp_path / "marked.zip", tmp_path / "run"
    assert cli.main(["mistakes", "export", str(marked), "--folder", str(tmp_path / "mistakes")]) == 0

    words = ["--mistakes", str(marked), "--base", str(base), "--replay", str(replay), "--old", str(running)]
    assert cli.main(["improve", *words, *NUMBERS, "--most-lost", "0.1", "--output", str(output)]) == 0
    assert "\nSwap: of " in capsys.readouterr().out
    outcome = json.loads((output / "improve.json").read_text())
    assert outcome["new"]["met"] > outcome["old"]["met"] == 0
    new, old = (manifests.read(manifests.manifest_path(path)) for path in (output / "model_int8.tflite", base))
    assert new.scores == old.scores  # the gain is none of a higher threshold

    rows = rows_of(config, tmp_path / "after.jsonl", wanted=replace(config, model=output / "model_int8.tflite"))
    assert [row["sequence"] for row in rows] == list(range(len(rows)))  # no frame is lost
    by_model = [list(group) for _, group in groupby(rows, key=lambda row: row["model"])]
    assert [group[0]["model"] for group in by_model] == ["model_int8", "model-2_int8"]
    assert [labels_of(by_model[0]), labels_of(by_model[1][-1:])] == [{"dog"}, {"cat"}]  # right


def rows_of(config: Config, written: Path, *, wanted: Config | None = None) -> list[dict]:
    """The rows of a run, which is asked for the model of ``wanted`` at its start."""
    config = replace(config, sinks=(f"jsonl:{written}", "until"))
    reload = None
    if wanted is not None:
        reload = Reload(config, lambda: replace(wanted, sinks=config.sinks))
        reload.request()
    pipeline.run(config, reload)
    return [json.loads(line) for line in written.read_text().splitlines()]


@pytest.fixture
def marked(base: Path, tmp_path: Path) -> Path:
    """What the device exports of twelve pictures."""
    mark(tmp_path / "mistakes", base, scenes("red", 12, seed=3))
    export(Store(tmp_path / "mistakes"), tmp_path / "marked")
    return tmp_path / "marked"


def test_without_replay_no_swap_is_recommended_whatever_has_been_learnt(base, marked, tmp_path, capsys, caplog) -> None:
    words = ["--mistakes", str(marked), "--base", str(base), "--output", str(tmp_path / "run")]
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        assert cli.main(["improve", *words, "--epochs", "2", "--batch", "4"]) == 1
    assert "Do not swap: " in capsys.readouterr().out
    assert [each for each in caplog.messages if "the base" in each] == [
        f"known to the base: 3 of 3 classes ({', '.join(LABELS)})"
    ]


def test_a_folder_of_photographs_is_labelled_by_the_base(base: Path, replay: Path) -> None:
    (replay / "annotations.json").unlink()
    found = read_replay(replay, LABELS, base, seed=0)
    assert found.is_taught
    assert len(found.training) + len(found.held_out) == 40
    names = [LABELS[class_id] for each in found.held_out for class_id in each.objects.class_ids.tolist()]
    assert {"dog", "person"} <= set(names)


def test_of_what_nobody_has_said_nothing_is_learnt(base: Path, marked: Path, replay: Path, tmp_path: Path) -> None:
    known = read_marked(marked, tmp_path, seed=0)
    data = training_set(known, read_replay(replay, LABELS, base, seed=0), LABELS, LABELS)
    by_size = {len(part.photographs): part for part in data.parts}
    assert len(by_size) == 2
    marks, replayed = (by_size[size] for size in sorted(by_size))
    assert [LABELS[each] for each in marks.open_classes] == ["person"]  # the person has judged cats and dogs
    assert [LABELS[each] for each in replayed.open_classes] == ["cat"]  # no photograph shows one
    held_out = {each.labelled.path for each in known.held_out}
    assert not held_out & {each.path for each in (*data.photographs, *data.validation)}


def test_corrected_pictures_are_a_third_of_an_epoch_within_limits() -> None:
    times = [times_of(10, 70), times_of(10, 0), times_of(100, 10), times_of(1, 1000)]
    assert times == pytest.approx([3.0, 1.0, 1.0, 20.0])


@pytest.mark.parametrize(
    ("name", "next_one"),
    [("cats_float16", "cats-2"), ("cats-2_float", "cats-3"), ("cats", "cats-2"), ("cats-19_int8", "cats-20")],
)
def test_each_improvement_has_a_name_of_its_own(name, next_one) -> None:
    assert next_name(name) == next_one


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--base", "no_such_model"), "no such model file"),
        (("--most-lost", "-1"), "--most-lost -1: expected 0 or more"),
        (("--mistakes", "no/such/folder"), "no/such/folder: there is no such file or folder"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(base, marked, tmp_path, capsys, words, said) -> None:
    given = {"--mistakes": str(marked), "--base": str(base), "--output": str(tmp_path / "run")} | {words[0]: words[1]}
    assert cli.main(["improve", *(word for pair in given.items() for word in pair)]) != 0
    assert said in capsys.readouterr().err
