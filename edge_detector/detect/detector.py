"""The detector: a function from frame to result, with the model, the labels and the thresholds inside."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import area
from edge_detector.config import Config
from edge_detector.detect import manifest, recognition
from edge_detector.detect.description import Answers
from edge_detector.detect.heads import Head, open_head
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import Manifest
from edge_detector.detect.postprocess import Candidates, class_thresholds, nms
from edge_detector.detect.preprocess import Placement, Preprocessor, scaled_size
from edge_detector.detect.runtimes import fake, open_runtime
from edge_detector.detect.score_scale import ScoreScale
from edge_detector.errors import ConfigError
from edge_detector.image_files import Picture, as_frame
from edge_detector.model_store.find import default_model, find_model
from edge_detector.options import build
from edge_detector.resource import Resource
from edge_detector.types import Detection, Detections, Frame, Result, Runtime, Size, Tensor, Thresholds, Timings

log = logging.getLogger(__name__)

MILLISECOND_NS = 1e6
NEAR = 0.5  # of the lowest score that counts: so sure is what continues a track, and what is worth a word


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What is reported, and under which names: one object, so that no frame is decoded with half of a change."""

    labels: tuple[str, ...]
    thresholds: Thresholds
    lowest: NDArray[np.float32]  # (C,) the lowest score that counts, by class_id, as shown
    raw: NDArray[np.float32]  # (C,) the same as the model gives it
    raw_near: NDArray[np.float32]  # (C,) of what is `NEAR` it

    @classmethod
    def of(cls, labels: tuple[str, ...], thresholds: Thresholds, scale: ScoreScale) -> Self:
        """``thresholds`` are of shown scores. Raises `ConfigError` if they name a class that is not in ``labels``."""
        lowest = class_thresholds(thresholds, labels)
        return cls(labels, thresholds, lowest, scale.raw(lowest), scale.raw(lowest * np.float32(NEAR)))


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A frame, and the model's input made of it."""

    frame: Frame
    tensor: Tensor  # (1, H, W, 3)
    placement: Placement
    preprocess_ms: float
    step: float = 1.0  # of the tensor's values, for one of the 255 levels of a pixel
    skipped: bool = False  # the frame looks like an earlier one, of which the input is: the model need not run


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """A frame, and what the model's outputs say of it; nothing of them is looked at yet."""

    frame: Frame
    outputs: Mapping[str, Tensor]
    placement: Placement
    preprocess_ms: float
    inference_ms: float
    skipped: bool = False  # the outputs are those of an earlier frame that looks the same


class Detector(Resource):
    """Finds objects in pictures: ``detector.detect("photo.jpg")``. A context manager; one thread at a time.

    `detect` is three steps, `prepare`, `infer` and `decode`, each of which may have a thread of its own.
    ``thresholds`` may be replaced from any thread while it runs; the next frame that is decoded uses the new ones.
    """

    def __init__(
        self, manifest: Manifest, runtime: Runtime, head: Head, labels: tuple[str, ...], thresholds: Thresholds
    ) -> None:
        """Raises `ConfigError` if the thresholds name a class that is not in ``labels``."""
        self.name = manifest.name
        self.manifest = manifest
        self.score_scale = ScoreScale(manifest.scores.temperature)
        self._selection = Selection.of(labels, thresholds, self.score_scale)
        self._changing = threading.Lock()  # one change at a time; `decode` never waits for it
        self._runtime = runtime
        self._head = head
        self._preprocess = Preprocessor(manifest.input, runtime.input)

    def __repr__(self) -> str:
        return f"<Detector {self.name} {len(self.labels)} classes on {self._runtime!r}>"

    @property
    def runtime(self) -> str:
        """The kind of interpreter that runs the model, such as ``LiteRtRuntime``."""
        return type(self._runtime).__name__

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes are called, by class_id."""
        return self._selection.labels

    @property
    def thresholds(self) -> Thresholds:
        """What counts as a detection."""
        return self._selection.thresholds

    @thresholds.setter
    def thresholds(self, thresholds: Thresholds) -> None:
        with self._changing:
            self._selection = Selection.of(self._selection.labels, thresholds, self.score_scale)

    def relabel(self, labels: tuple[str, ...], thresholds: Thresholds) -> None:
        """Other names for the same classes, and thresholds that speak of them; from any thread.

        Raises `ConfigError` and changes nothing if ``thresholds`` name a class that is not in ``labels``.
        """
        with self._changing:
            self._selection = Selection.of(labels, thresholds, self.score_scale)

    def reconfigure(self, config: Config) -> None:
        """Take the labels and thresholds of ``config``; from any thread.

        Raises `ConfigError` and changes nothing if they do not fit the model.
        """
        thresholds = config.thresholds(self.manifest.scores.confidence)
        if config.runtime == "fake":
            self.thresholds = thresholds
        else:
            self.relabel(_labels(self.manifest, config, class_count=len(self.labels)), thresholds)

    def picture_size(self, frame_size: Size) -> Size:
        """The size at which a frame reaches the model: what a camera may scale to (`Frame.small`)."""
        return scaled_size(frame_size, self.manifest.input)

    @property
    def threads(self) -> int:
        """With how many threads the model runs."""
        return self._runtime.threads

    def use_threads(self, threads: int) -> None:
        """Run the model with so many; between two calls of `infer`, by the same thread."""
        self._runtime.use_threads(threads)

    def open(self) -> None:
        self._runtime.__enter__()

    def close(self) -> None:
        self._runtime.__exit__(None, None, None)

    @property
    def lowest(self) -> NDArray[np.float32]:
        """(C,) the lowest score that counts, by class_id, as scores are shown; infinite for what is not wanted."""
        return self._selection.lowest

    def detect(self, picture: Picture, *, live: bool = False, with_unsure: bool = False) -> Result:
        """The objects in one picture, best first, and where the time went.

        ``picture``: a `Frame`, the path of a photograph, or an array (H, W, 3) of uint8 in OpenCV's order, blue, green,
        red, which is copied. ``live``: the frame's age counts as time it waited; leave it out for pictures from files.
        ``with_unsure``: also what is near the lowest score that counts, for a tracker; photographs are not tracked.
        Raises `ModelError` if the model fails, `SourceError` for a file that cannot be read, `PictureError` for what
        is no picture.
        """
        prepared = self.prepare(as_frame(picture))
        return self.decode(self.infer(prepared), live=live, with_unsure=with_unsure)

    def prepare(self, frame: Frame) -> Prepared:
        """The first step: the model's input."""
        started_ns = time.monotonic_ns()
        tensor, placement = self._preprocess(frame)
        return Prepared(frame, tensor, placement, _since_ms(started_ns), self._preprocess.step)

    def infer(self, prepared: Prepared) -> Inferred:
        """The second step: the model's outputs. Raises `ModelError` if the model fails."""
        started_ns = time.monotonic_ns()
        outputs = self._runtime.invoke(prepared.tensor)
        inference_ms = _since_ms(started_ns)
        return Inferred(prepared.frame, outputs, prepared.placement, prepared.preprocess_ms, inference_ms)

    def decode(self, inferred: Inferred, *, live: bool = False, with_unsure: bool = False) -> Result:
        """The third step: the objects. See `detect`. Raises `ModelError` if the outputs make no sense."""
        started_ns = time.monotonic_ns()
        frame, selection = inferred.frame, self._selection
        lowest = selection.raw_near if with_unsure and not frame.file else selection.raw
        candidates = self._head.decode(inferred.outputs, lowest)
        thresholds = selection.thresholds
        rows = nms(candidates, iou_threshold=thresholds.iou, limit=thresholds.max_detections)
        found = self._in_frame(candidates.at(rows), selection, inferred.placement)
        timings = _timings(inferred, started_ns, live=live)
        below = self._nearest(inferred, selection) if frame.file and not len(found) else None
        return Result(frame, found, timings, below, skipped=inferred.skipped, model=self.name)

    def nothing(self, inferred: Inferred, *, live: bool = False) -> Result:
        """The result for a frame on which the model has not run, and nothing counts as found."""
        timings = _timings(inferred, time.monotonic_ns(), live=live)
        return Result(inferred.frame, Detections.empty(self.labels), timings, model=self.name)

    def repeat(self, result: Result, inferred: Inferred, *, live: bool = False) -> Result:
        """``result`` for another frame, of which ``inferred`` has the same outputs."""
        timings = _timings(inferred, time.monotonic_ns(), live=live)
        return replace(result, frame=inferred.frame, timings=timings, skipped=inferred.skipped)

    def _nearest(self, inferred: Inferred, selection: Selection) -> Detection | None:
        """The best object that misses its threshold, but not by half."""
        candidates = self._head.decode(inferred.outputs, selection.raw_near)
        near = self._in_frame(candidates, selection, inferred.placement)
        return near[int(np.argmax(near.scores))] if len(near) else None

    def _in_frame(self, candidates: Candidates, selection: Selection, placement: Placement) -> Detections:
        """Those that lie in the frame, not only in the grey beside it, in which a letterboxed model may see things."""
        boxes = placement.to_frame(candidates.boxes)
        scores = self.score_scale.shown(candidates.scores)
        found = Detections(boxes, scores, candidates.class_ids, selection.labels)
        is_inside = area(boxes) > 0
        return found if is_inside.all() else found[is_inside]


def _timings(inferred: Inferred, started_ns: int, *, live: bool) -> Timings:
    """Of a frame whose decoding began at ``started_ns`` and ends now; only a live one has an age, and so a wait."""
    work = inferred.preprocess_ms, inferred.inference_ms, _since_ms(started_ns)
    wait_ms = _since_ms(inferred.frame.timestamp_ns) - sum(work) if live else 0.0
    return Timings(max(0.0, wait_ms), *work)


def _since_ms(moment_ns: int) -> float:
    return (time.monotonic_ns() - moment_ns) / MILLISECOND_NS


def open_detector(config: Config | None = None, /, **options: Any) -> Detector:
    """The detector that ``config`` describes; its model is loaded but has not run yet.

    Without one, ``options`` are those of `Config`: ``open_detector(model="m.tflite", confidence=0.4)``.
    Raises `ModelError` for a model that is missing, damaged, no detector, or ambiguous; `ConfigError` for labels or
    options that do not fit it.
    """
    config = config or build(Config, options, where="open_detector")
    if config.runtime == "fake":
        return _fake_detector(config)
    path = find_model(config.model) if config.model else default_model()
    recognition.check_file(path)
    spec = load_manifest(path, config)
    _warn_of_needless_answers(path, config)
    runtime = open_runtime(config.runtime, path, threads=config.threads)
    head = open_head(spec, runtime.outputs)
    labels = _labels(spec, config, class_count=head.class_count or spec.class_count or None)
    return Detector(spec, runtime, head, labels, config.thresholds(spec.scores.confidence))


def _fake_detector(config: Config) -> Detector:
    spec, runtime = fake.MANIFEST, fake.FakeRuntime()
    thresholds = config.thresholds(spec.scores.confidence)
    return Detector(spec, runtime, open_head(spec, runtime.outputs), fake.LABELS, thresholds)


def load_manifest(path: Path, config: Config) -> Manifest:
    """What is known of the model in ``path``: its manifest, else what an inspection in a child process finds.

    Raises `ModelError` if the manifest belongs to another file, or the inspection leaves a question open.
    """
    beside = manifest.manifest_path(path)
    if not beside.is_file():
        description = recognition.describe(path, config.runtime)
        return recognition.deduce(path, description, answers_of(config))
    spec = manifest.read(beside)
    manifest.check_sum(spec, path)
    if not spec.sha256:
        recognition.describe(path, config.runtime)  # without a checksum: a damaged file crashes the child only
    return spec


def answers_of(config: Config) -> Answers:
    """What the options say of a model without a manifest."""
    return Answers(config.resize, config.outputs, config.mean, config.std)


def _warn_of_needless_answers(path: Path, config: Config) -> None:
    beside = manifest.manifest_path(path)
    if not beside.is_file():
        return
    for name, answer in asdict(answers_of(config)).items():
        if answer not in ("", "auto", None):
            log.warning("--%s %s has no effect: %s answers that", name, answer, beside)


def _labels(spec: Manifest, config: Config, *, class_count: int | None) -> tuple[str, ...]:
    path = config.labels or (spec.folder / spec.labels if spec.labels else None)
    if path is None:
        raise ConfigError(f"{spec.name}: no labels; say --labels FILE, one label a line")
    return read_labels(path, class_count=class_count, base=config.label_base)
