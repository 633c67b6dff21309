"""Teachers label photographs: what several detectors, each looking twice, agree on.

What people labelled stays as it is; proposals are added with a score, once and for all: training reads the file.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import reduce
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.config import Config
from edge_detector.detect.detector import Detector, open_detector
from edge_detector.detect.heads import open_head
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ModelError
from edge_detector.image_files import read_image
from edge_detector.types import Frame, Tensor, TensorInfo, Thresholds
from edge_detector.workstation.data.photographs import Photograph, read_photographs, to_coco
from edge_detector.workstation.data.targets import Objects
from edge_detector.workstation.graph.model_files import make_folder, writing
from edge_detector.workstation.progress import progress

SAME_OBJECT_IOU = 0.6  # proposals of one class that overlap by more are about one object
KNOWN_OBJECT_IOU = 0.5  # a proposal that overlaps a labelled object of its class by more says nothing new
LEAST_SCORE = 0.02  # of a teacher
LEAST_AGREEMENT = 0.08  # of a proposal
THREADS = 2


class OnnxRuntime:
    """A YOLO in an .onnx file as a `Runtime`: pictures (1, 3, H, W), float."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Raises `ModelError` if it is not there, or onnxruntime refuses it."""
        self._path = path
        if not path.is_file():
            raise ModelError(f"{path}: no such model file")
        try:
            self.use_threads(threads)
        except Exception as error:  # noqa: BLE001 - onnxruntime's own exceptions have no root but this
            raise ModelError(f"{path}: not a model that onnxruntime can load: {error}") from None
        source = self._session.get_inputs()[0]
        _, channels, height, width = source.shape
        self.input = TensorInfo(source.name, (1, height, width, channels), np.dtype(np.float32))
        self.outputs = tuple(
            TensorInfo(each.name, tuple(each.shape), np.dtype(np.float32)) for each in self._session.get_outputs()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back: the session goes with the object."""

    def use_threads(self, threads: int) -> None:
        """Go on with so many threads, in a new session."""
        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(self._path, options, providers=["CPUExecutionProvider"])

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        """The outputs by name."""
        names = [each.name for each in self.outputs]
        values = self._session.run(names, {self.input.name: tensor.transpose(0, 3, 1, 2)})
        return dict(zip(names, values, strict=True))


def distill(
    teachers: Sequence[Path], weights: Sequence[float], *, labels: Path, annotations: Path, output: Path
) -> None:
    """Write ``output``: the ``annotations`` with what the teachers propose of the classes in ``labels``.

    ``weights``: how much each teacher's word counts. Raises `ConfigError`, `ModelError`, `SourceError` or `SinkError`.
    """
    names = read_labels(labels, class_count=None)
    make_folder(output.parent)
    with ExitStack() as stack:
        looking = [stack.enter_context(open_teacher(path, labels)) for path in teachers]
        photographs = [
            _labelled(photograph, propose(looking, weights, read_image(photograph.path), names))
            for photograph in progress(read_photographs(annotations, names), annotations.stem)
        ]
    with writing(output):
        output.write_text(json.dumps(to_coco(photographs, names, output.parent)), encoding="utf-8")


def open_teacher(path: Path, labels: Path) -> Detector:
    """The detector in a .tflite file, or a YOLOX in an .onnx file (BGR from 0 to 255, letterboxed)."""
    unsure = Thresholds(confidence=LEAST_SCORE)
    if path.suffix != ".onnx":
        return open_detector(Config(model=path, confidence=unsure.confidence, threads=THREADS))
    runtime = OnnxRuntime(path, threads=THREADS)
    _, height, width, _ = runtime.input.shape
    spec = Manifest(
        name=path.stem,
        family="yolo",
        input=InputSpec((width, height), resize="letterbox", color="bgr", mean=0.0, std=1.0),
        outputs={"predictions": runtime.outputs[0].name},
        decode=YoloDecode("grid", objectness=True),
    )
    return Detector(spec, runtime, open_head(spec, runtime.outputs), read_labels(labels, class_count=None), unsure)


def propose(teachers: Sequence[Detector], weights: Sequence[float], frame: Frame, labels: Sequence[str]) -> Objects:
    """What the teachers see in the frame and in its mirror image, put together."""
    mirror = Frame(np.ascontiguousarray(frame.image[:, ::-1]), frame.sequence, frame.timestamp_ns)
    looks = [
        look
        for teacher in teachers
        for look in (_look(teacher, frame, labels), _look(teacher, mirror, labels).mirrored())
    ]
    return fuse(looks, np.repeat(np.asarray(weights, np.float32), 2))


def _look(teacher: Detector, frame: Frame, labels: Sequence[str]) -> Objects:
    """What the teacher sees of the classes in `labels`."""
    found = teacher.detect(frame).detections
    known = found[np.array([label in labels for label in found.labels])[found.class_ids]]
    x1, y1, x2, y2 = (known.boxes / np.array(frame.size * 2, np.float32)).T
    return Objects(
        boxes=np.stack([y1, x1, y2, x2], axis=1),
        class_ids=np.array([labels.index(found.labels[each]) for each in known.class_ids], np.int32),
        scores=known.scores,
    )


def fuse(looks: Sequence[Objects], weights: NDArray[np.float32]) -> Objects:
    """One object for each group of same-class boxes round the surest of them.

    After Solovyev et al. 2021, "Weighted boxes fusion": the box is the mean by score and weight, the score the weighted
    mean over all looks, where one that did not see the object says zero.
    """
    everything = reduce(operator.add, looks)
    voters = np.repeat(np.arange(len(looks)), [len(look) for look in looks])
    groups = list(_groups(everything))
    return Objects(
        boxes=np.array([_mean_box(everything[group], weights[voters[group]]) for group in groups], np.float32).reshape(
            -1, 4
        ),
        class_ids=np.array([everything.class_ids[group[0]] for group in groups], np.int32),
        scores=np.array([_agreement(everything.scores[group], voters[group], weights) for group in groups], np.float32),
    )


def _groups(objects: Objects) -> Iterator[NDArray[np.intp]]:
    """The rows of each group, the surest first."""
    rest = np.argsort(-objects.scores, kind="stable")
    while len(rest):
        leader = rest[0]
        overlap = iou(objects.boxes[leader], objects.boxes[rest])
        same = (overlap > SAME_OBJECT_IOU) & (objects.class_ids[rest] == objects.class_ids[leader])
        same[0] = True  # also a box without any area
        yield rest[same]
        rest = rest[~same]


def _mean_box(objects: Objects, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.average(objects.boxes, axis=0, weights=objects.scores * weights).astype(np.float32)
    return mean


def _agreement(scores: NDArray[np.float32], voters: NDArray[np.intp], weights: NDArray[np.float32]) -> float:
    votes = np.zeros(len(weights), np.float32)
    np.maximum.at(votes, voters, scores)
    return float(np.average(votes, weights=weights))


def add_proposals(known: Objects, proposed: Objects) -> Objects:
    """What people labelled, and the proposals that are sure enough and no second opinion on a labelled object."""
    repeated = (iou(proposed.boxes[:, None], known.boxes) > KNOWN_OBJECT_IOU) & (
        proposed.class_ids[:, None] == known.class_ids[None]
    )
    new = proposed[(proposed.scores >= LEAST_AGREEMENT) & ~repeated.any(axis=1)]
    return known + new


def _labelled(photograph: Photograph, proposed: Objects) -> Photograph:
    return replace(photograph, objects=add_proposals(photograph.objects, proposed))
