"""Teachers: detectors whose predictions become labels for training.

Each teacher sees every photograph and its mirror image. What people labelled stays as it is; what the teachers agree on
is added with a score, and written to a file that training reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, open_detector
from edge_detector.detect.heads import open_head
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.image_files import read_image
from edge_detector.types import Frame, Thresholds
from edge_detector.workstation.data.photographs import Photograph, read_photographs, to_coco
from edge_detector.workstation.data.targets import Objects
from edge_detector.workstation.graph.model_files import make_folder, writing
from edge_detector.workstation.progress import progress
from edge_detector.workstation.training.box_fusion import add_proposals, fuse_boxes
from edge_detector.workstation.training.onnx_runtime import OnnxRuntime

LEAST_TEACHER_SCORE = 0.02  # a teacher's predictions with lower scores are left out
THREADS = 2


def label_with_teachers(
    teachers: Sequence[Path], weights: Sequence[float], *, labels: Path, annotations: Path, output: Path
) -> None:
    """Write ``output``: the ``annotations``, with the objects of the classes in ``labels`` that the teachers propose.

    ``weights``: how much each teacher counts. Raises `ConfigError`, `ModelError`, `SourceError` or `SinkError`.
    """
    names = read_labels(labels, class_count=None)
    make_folder(output.parent)
    with ExitStack() as stack:
        detectors = [stack.enter_context(open_teacher(path, labels)) for path in teachers]
        photographs = [
            _labelled(photograph, propose(detectors, weights, read_image(photograph.path), names))
            for photograph in progress(read_photographs(annotations, names), annotations.stem)
        ]
    with writing(output):
        output.write_text(json.dumps(to_coco(photographs, names, output.parent)), encoding="utf-8")


def open_teacher(path: Path, labels: Path) -> Detector:
    """The detector in a .tflite file, or a YOLOX in an .onnx file (BGR from 0 to 255, letterboxed)."""
    thresholds = Thresholds(confidence=LEAST_TEACHER_SCORE)
    if path.suffix != ".onnx":
        return open_detector(Config(model=path, confidence=thresholds.confidence, threads=THREADS))
    runtime = OnnxRuntime(path, threads=THREADS)
    _, height, width, _ = runtime.input.shape
    spec = Manifest(
        name=path.stem,
        family="yolo",
        input=InputSpec((width, height), resize="letterbox", color="bgr", mean=0.0, std=1.0),
        outputs={"predictions": runtime.outputs[0].name},
        decode=YoloDecode("grid", objectness=True),
    )
    return Detector(spec, runtime, open_head(spec, runtime.outputs), read_labels(labels, class_count=None), thresholds)


def propose(teachers: Sequence[Detector], weights: Sequence[float], frame: Frame, labels: Sequence[str]) -> Objects:
    """What the teachers find in the frame and in its mirror image, fused."""
    mirror = Frame(np.ascontiguousarray(frame.image[:, ::-1]), frame.sequence, frame.timestamp_ns)
    predictions = [
        prediction
        for teacher in teachers
        for prediction in (_predict(teacher, frame, labels), _predict(teacher, mirror, labels).mirrored())
    ]
    return fuse_boxes(predictions, np.repeat(np.asarray(weights, np.float32), 2))


def _predict(teacher: Detector, frame: Frame, labels: Sequence[str]) -> Objects:
    """The objects that the teacher finds, of the classes in `labels`."""
    found = teacher.detect(frame).detections
    known = found[np.array([label in labels for label in found.labels])[found.class_ids]]
    x1, y1, x2, y2 = (known.boxes / np.array(frame.size * 2, np.float32)).T
    return Objects(
        boxes=np.stack([y1, x1, y2, x2], axis=1),
        class_ids=np.array([labels.index(found.labels[each]) for each in known.class_ids], np.int32),
        scores=known.scores,
    )


def _labelled(photograph: Photograph, proposed: Objects) -> Photograph:
    return replace(photograph, objects=add_proposals(photograph.objects, proposed))
