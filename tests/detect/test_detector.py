"""The whole detector on photographs: label, score bound and overlap bound; never pixels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.config import Config
from edge_detector.detect import Detector, open_detector
from edge_detector.detect.heads import Head, open_head
from edge_detector.detect.manifest import ScoreSpec
from edge_detector.detect.postprocess import Candidates
from edge_detector.detect.runtimes import fake, open_runtime
from edge_detector.errors import ConfigError, ModelError
from edge_detector.image_files import as_frame
from edge_detector.options import Spec
from edge_detector.sources.synthetic import SyntheticSource
from edge_detector.types import Detection, Frame, Result, Tensor, Thresholds, Timings

V1 = "ssd_mobilenet_v1_coco_quant/detect.tflite", "ssd_mobilenet_v1_coco_quant/coco_labels.txt"
PLUS_MINUS_ONE = {"mean": 127.5, "std": 127.5}  # of the FPN model, whose float input does not say it
FPN = "ssd_mobilenet_v2_fpnlite_320_coco/model.tflite", "ssd_mobilenet_v2_fpnlite_320_coco/labels.txt"


def detector(shared: Path, files: tuple[str, str], **options) -> Detector:
    model, labels = (shared / "models" / file for file in files)
    if files is FPN:
        options |= PLUS_MINUS_ONE
    return open_detector(Config(model=model, labels=labels, threads=1, **options))


def look(detector: Detector, path: Path) -> Result:
    return detector.detect(Frame(cv2.imread(str(path)), 0, time.monotonic_ns()))


def overlaps(found: Detection, box: tuple[float, float, float, float]) -> float:
    return float(iou(np.array(found.box, np.float32), np.array([box], np.float32))[0])


# Boxes drawn by eye on the photographs; a detector's box overlaps them by 0.6 or better.
GOLDEN = [
    (V1, "cat_720p.jpg", 0.5, [("cat", (140, 60, 920, 720))]),
    (V1, "pets.jpg", 0.5, [("dog", (115, 30, 250, 290)), ("dog", (340, 160, 497, 368))]),
    (FPN, "cat_720p.jpg", 0.5, [("cat", (140, 60, 920, 720))]),
    (FPN, "pets.jpg", 0.5, [("dog", (115, 30, 250, 290)), ("dog", (340, 160, 497, 368))]),
    (
        FPN,
        "dog.jpg",
        0.3,
        [("bicycle", (125, 120, 570, 430)), ("car", (465, 75, 700, 172)), ("dog", (130, 215, 320, 545))],
    ),
]


@pytest.mark.parametrize(("files", "photograph", "confidence", "wanted"), GOLDEN)
def test_what_is_on_the_photograph_is_found(shared, files, photograph, confidence, wanted) -> None:
    with detector(shared, files, confidence=confidence) as open_one:
        found = list(look(open_one, shared / "stills" / photograph).detections)
    for label, box in wanted:
        assert max(overlaps(one, box) for one in found if one.label == label) > 0.6, (label, found)


def test_the_default_model_finds_the_cat(shared) -> None:
    with open_detector(Config(threads=1)) as open_one:
        found = list(look(open_one, shared / "stills/cat_720p.jpg").detections)
    assert [one.label for one in found][:1] == ["cat"]
    assert overlaps(found[0], (140, 60, 920, 720)) > 0.6


def test_results_come_best_first_and_inside_the_frame(shared) -> None:
    with detector(shared, FPN, confidence=0.1) as open_one:
        found = look(open_one, shared / "stills/kite.jpg").detections
    assert len(found) > 3
    assert (np.diff(found.scores) <= 0).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= np.float32((1352, 900, 1352, 900))).all()


def test_thresholds_change_while_running(shared) -> None:
    with detector(shared, V1) as open_one:
        assert "cat" in [one.label for one in look(open_one, shared / "stills/cat_720p.jpg").detections]
        open_one.thresholds = Thresholds(confidence=0.3, classes=("dog",))
        assert "cat" not in [one.label for one in look(open_one, shared / "stills/cat_720p.jpg").detections]
        with pytest.raises(ConfigError, match="did you mean 'cat'"):
            open_one.thresholds = Thresholds(classes=("catt",))
        assert open_one.thresholds.classes == ("dog",)


class Interrupting:
    """A head that is interrupted by a reload: new labels and thresholds come while it decodes."""

    def __init__(self, head: Head, *, interruption: Callable[[], None]) -> None:
        self._head, self._interruption = head, interruption
        self.class_count = head.class_count

    def decode(self, outputs: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        self._interruption()
        return self._head.decode(outputs, lowest)


def test_a_reload_in_the_middle_of_a_frame_counts_from_the_next_one_on() -> None:
    runtime, german = fake.FakeRuntime(), ("Kreis", "Quadrat", "Dreieck")
    head = Interrupting(
        open_head(fake.MANIFEST, runtime.outputs),
        interruption=lambda: interrupted.relabel(german, Thresholds(classes=("Kreis",))),
    )
    interrupted = Detector(fake.MANIFEST, runtime, head, fake.LABELS, Thresholds())
    frame = next(iter(SyntheticSource(Spec("synthetic"), Config(), (320, 180))))
    assert [{one.label for one in interrupted.detect(frame).detections} for _ in range(2)] == [
        {"circle", "square", "triangle"},
        {"Kreis"},
    ]


def test_at_most_so_many_detections(shared) -> None:
    with detector(shared, V1, confidence=0.1, max_detections=2) as open_one:
        assert len(look(open_one, shared / "stills/kite.jpg").detections) == 2


def test_labels_of_another_model_are_an_error(shared) -> None:
    with pytest.raises(ConfigError, match="80 labels but the model has 90 classes"):
        open_detector(Config(model=shared / "models" / V1[0], labels=Path("labels/coco.txt").resolve()))


def test_no_labels_at_all_is_an_error(shared) -> None:
    with pytest.raises(ConfigError, match="no labels; say --labels FILE"):
        open_detector(Config(model=shared / "models" / V1[0]))


def test_a_model_that_is_not_the_one_of_its_manifest_is_refused(tmp_path) -> None:
    models = Path(__file__).parents[2] / "models"
    name = "ssd_mobilenet_v2_fpnlite_320_coco_int8"
    (tmp_path / f"{name}.toml").write_bytes((models / f"{name}.toml").read_bytes())
    (tmp_path / f"{name}.tflite").write_bytes((models / f"{name}.tflite").read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"not the file that .*\.toml describes"):
        open_detector(Config(model=tmp_path / f"{name}.tflite"))


def test_only_a_live_frame_has_an_age(shared) -> None:
    photograph = cv2.imread(str(shared / "stills/pets.jpg"))
    old = Frame(photograph, 0, time.monotonic_ns() - 2_000_000_000)
    with detector(shared, V1) as open_one:
        assert open_one.detect(old, live=True).timings.wait_ms >= 2000
        assert open_one.detect(old).timings.wait_ms == 0


def test_an_answer_that_the_manifest_gives_already_is_said_to_have_no_effect(caplog) -> None:
    with open_detector(resize="letterbox", threads=1) as open_one:
        assert open_one.manifest.input.resize == "stretch"
    assert "--resize letterbox has no effect" in caplog.text


def test_of_a_photograph_without_objects_the_nearest_is_told() -> None:
    photograph = as_frame(SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0))
    with open_detector(runtime="fake") as open_one:
        best = open_one.detect(photograph).detections[0]
        open_one.thresholds = Thresholds(confidence=min(1.0, best.score * 1.5))
        missed = open_one.detect(replace(photograph, file=Path("shapes.png")))
        assert (len(missed.detections), missed.below) == (0, best)
        assert open_one.detect(photograph).below is None, "a camera's picture"
        open_one.thresholds = Thresholds(confidence=best.score)
        assert open_one.detect(replace(photograph, file=Path("shapes.png"))).below is None, "something is found"


def with_temperature(plain: Detector, temperature: float) -> Detector:
    """The same model, whose manifest has a temperature."""
    path = (plain.manifest.folder / f"{plain.name}.tflite") if plain.name != "fake" else None
    runtime = open_runtime("auto", path, threads=1) if path else fake.FakeRuntime()
    spec = replace(plain.manifest, scores=ScoreSpec(temperature=temperature))
    return Detector(spec, runtime, open_head(spec, runtime.outputs), plain.labels, plain.thresholds)


@pytest.mark.parametrize("options", [{}, {"runtime": "fake"}], ids=["int8", "fused"])
def test_a_temperature_changes_the_scores_and_with_its_threshold_nothing_else(shared, options) -> None:
    photograph = as_frame(SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0))
    picture = photograph if options else shared / "stills/pets.jpg"
    shipped = open_detector(threads=1, confidence=0.1, **options)
    with with_temperature(shipped, 1.0) as plain, with_temperature(shipped, 0.5) as scaled:
        raw = plain.detect(picture).detections
        for lowest in (raw.scores.min(), raw.scores.max()):
            scaled.thresholds = Thresholds(float(scaled.score_scale.shown(np.float32([lowest]))[0]))
            found, kept = scaled.detect(picture).detections, raw[raw.scores >= lowest]
            np.testing.assert_array_equal(found.boxes, kept.boxes)
            np.testing.assert_array_equal(found.scores, scaled.score_scale.shown(kept.scores))


def test_what_came_nearest_is_told_with_the_score_that_people_see() -> None:
    photograph = replace(as_frame(SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0)), file=Path("a.png"))
    with open_detector(runtime="fake") as plain, with_temperature(plain, 2.0) as scaled:
        best = scaled.detect(photograph).detections[0]
        assert best.score < plain.detect(photograph).detections[0].score
        scaled.thresholds = Thresholds(confidence=min(1.0, best.score * 1.5))
        assert scaled.detect(photograph).below == best


def test_the_manifest_says_the_lowest_score_unless_the_user_does(tmp_path) -> None:
    models = Path(__file__).parents[2] / "models"
    name = "ssd_mobilenet_v2_fpnlite_320_coco_int8"
    text = (models / f"{name}.toml").read_text().split("[scores]")[0].split("[metrics]")[0]
    (tmp_path / f"{name}.toml").write_text(text + "[scores]\nconfidence = 0.125\n")
    (tmp_path / f"{name}.tflite").symlink_to(models / f"{name}.tflite")
    config = Config(model=tmp_path / f"{name}.tflite", labels=models.parent / "labels/coco.txt", threads=1)
    with open_detector(config) as open_one:
        assert open_one.thresholds.confidence == 0.125
        open_one.reconfigure(replace(config, confidence=0.75))
        assert open_one.thresholds.confidence == 0.75
        open_one.reconfigure(config)
        assert open_one.thresholds.confidence == 0.125
    with open_detector(replace(config, confidence=0.5)) as open_one:
        assert open_one.thresholds.confidence == 0.5


def test_what_is_far_from_its_threshold_is_not_told() -> None:
    blank = Frame(np.zeros((180, 320, 3), np.uint8), 0, 0, file=Path("blank.png"))
    with open_detector(threads=1) as open_one:
        assert open_one.detect(blank).below is None


class Seeing:
    """A head that finds the same boxes in every picture."""

    class_count = len(fake.LABELS)

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self._boxes = np.float32(boxes)

    def decode(self, outputs: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        scores = np.linspace(0.9, 0.8, len(self._boxes), dtype=np.float32)
        return Candidates(self._boxes, scores, np.arange(len(self._boxes), dtype=np.int32))


def test_what_a_letterboxed_model_sees_in_the_grey_is_not_reported() -> None:
    spec = replace(fake.MANIFEST, input=replace(fake.MANIFEST.input, resize="letterbox"))
    grey, flat, real = (0.0, 0.2, 0.2, 0.8), (0.5, 0.4, 0.5, 0.6), (0.4, 0.4, 0.6, 0.6)
    looking = Detector(spec, fake.FakeRuntime(), Seeing(grey, flat, real), fake.LABELS, Thresholds())
    tall = Frame(np.zeros((180, 180, 3), np.uint8), 0, time.monotonic_ns())  # 70 grey columns to its left and right
    assert [one.class_id for one in looking.detect(tall).detections] == [2]


def test_a_frame_from_the_future_has_waited_for_no_time() -> None:
    looking = Detector(fake.MANIFEST, fake.FakeRuntime(), Seeing((0, 0, 1, 1)), fake.LABELS, Thresholds())
    frame = Frame(np.zeros((180, 320, 3), np.uint8), 0, time.monotonic_ns() + 10**12)
    assert looking.detect(frame, live=True).timings.wait_ms == 0.0


class Slow(fake.FakeRuntime):
    """A runtime and its head, each with a time of its own."""

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        CLOCK.now_ns += 30_000_000
        return super().invoke(tensor)


class Clock:
    now_ns = 1_000_000_000

    def monotonic_ns(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns


CLOCK = Clock()


def test_the_time_of_each_stage_goes_to_its_stage(monkeypatch) -> None:
    monkeypatch.setattr("edge_detector.detect.detector.time", CLOCK)
    looking = Detector(fake.MANIFEST, Slow(), Seeing((0, 0, 1, 1)), fake.LABELS, Thresholds())
    frame = Frame(np.zeros((180, 320, 3), np.uint8), 0, CLOCK.now_ns - 4_000_000)
    # This clock also goes on for a millisecond between two stages, where a frame may wait for a thread.
    assert looking.detect(frame, live=True).timings == Timings(8.0, 1.0, 31.0, 1.0)


def test_overlap_and_number_are_bounded_by_the_thresholds() -> None:
    boxes = (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 0.9), (0.0, 0.0, 1.0, 0.8)
    looking = Detector(fake.MANIFEST, fake.FakeRuntime(), Seeing(*boxes), fake.LABELS, Thresholds(max_detections=2))
    frame = Frame(np.zeros((180, 320, 3), np.uint8), 0, time.monotonic_ns())
    assert [one.label for one in looking.detect(frame).detections] == ["circle", "square"]  # of different classes


def test_a_float_model_whose_input_says_nothing_asks_for_the_flags(shared) -> None:
    model, labels = (shared / "models" / file for file in FPN)
    with pytest.raises(
        ModelError, match=r"model\.tflite: the input .* is float32, not quantized: .*--mean 127.5 --std"
    ):
        open_detector(model=model, labels=labels)


@pytest.mark.parametrize(("option", "value"), [("outputs", "boxes=b"), ("resize", "stretch")])
def test_every_needless_answer_is_named(caplog, option, value) -> None:
    with open_detector(threads=1, **{option: value}):
        assert [record.getMessage().split(" has no effect")[0] for record in caplog.records] == [f"--{option} {value}"]


def test_needless_numbers_are_named_even_zero(caplog) -> None:
    with open_detector(threads=1, mean=0.0, std=255.0) as open_one:
        assert open_one.manifest.input.mean == 127.5
    assert [record.getMessage().split(" has no effect")[0] for record in caplog.records] == [
        "--mean 0.0",
        "--std 255.0",
    ]


def test_what_may_begin_a_track_is_in_the_scores_that_people_see_and_what_may_continue_one_is_half_of_it() -> None:
    photograph = as_frame(SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0))
    with open_detector(runtime="fake") as plain, with_temperature(plain, 2.0) as scaled:
        best = scaled.detect(photograph).detections[0]
        confidence = (best.score + 1) / 2
        scaled.thresholds = Thresholds(confidence=confidence)
        assert scaled.lowest.tolist() == pytest.approx([confidence] * len(scaled.labels))
        assert len(scaled.detect(photograph).detections) == 0
        assert scaled.detect(photograph, with_unsure=True).detections[0] == best
        assert len(scaled.detect(replace(photograph, file=Path("a.png")), with_unsure=True).detections) == 0
