"""A runtime without a model: it finds the coloured shapes of the synthetic source. For tests and demonstrations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.heads.ssd import DETECTION_ROLES, SsdDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.resource import Resource
from edge_detector.types import Tensor, TensorInfo

WIDTH, HEIGHT = 320, 180
MOST_OBJECTS = 20
LABELS = ("circle", "square", "triangle")  # red, green, blue: the class_id is the leading channel of RGB
LEAD = 100  # how far that channel is above the others; the background's channels differ by 12 at most
MANIFEST = Manifest(
    name="fake",
    family="ssd",
    input=InputSpec((WIDTH, HEIGHT), mean=0.0, std=1.0),
    outputs={role: role for role in DETECTION_ROLES},
    decode=SsdDecode("fused"),
    class_count=len(LABELS),
)
_ROWS = np.dtype(np.float32)


class FakeRuntime(Resource):
    """Looks at the pixels like a detector would, and answers like a fused SSD."""

    def __init__(self, path: Path = Path(), *, threads: int = 1) -> None:
        """A runtime like any other; there is no file to load and nothing to run in parallel."""
        self.path, self.threads = path, threads
        self.input = TensorInfo("picture", (1, HEIGHT, WIDTH, 3), np.dtype(np.uint8))
        shapes = {
            "boxes": (1, MOST_OBJECTS, 4),
            "classes": (1, MOST_OBJECTS),
            "scores": (1, MOST_OBJECTS),
            "count": (1,),
        }
        self.outputs = tuple(TensorInfo(name, shape, _ROWS) for name, shape in shapes.items())

    def __repr__(self) -> str:
        return "<FakeRuntime>"

    def use_threads(self, threads: int) -> None:
        """There is nothing to run in parallel."""
        self.threads = threads

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        """The four outputs of a fused SSD: every blob whose colour leads, larger ones with higher scores."""
        found = np.concatenate([_blobs(tensor[0], class_id) for class_id in range(len(LABELS))])
        rows = found[np.argsort(-found[:, 5], kind="stable")][:MOST_OBJECTS]
        outputs = {info.name: np.zeros(info.shape, np.float32) for info in self.outputs}
        outputs["boxes"][0, : len(rows)] = rows[:, :4]
        outputs["classes"][0, : len(rows)] = rows[:, 4]
        outputs["scores"][0, : len(rows)] = rows[:, 5]
        outputs["count"][0] = len(rows)
        return outputs


def _blobs(picture: Tensor, class_id: int) -> NDArray[np.float32]:
    """(N, 6) ymin, xmin, ymax, xmax in fractions, class_id, score."""
    others = np.delete(picture, class_id, axis=2).max(axis=2)
    mask = cv2.subtract(picture[..., class_id], others) > LEAD
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    left, top, width, height, area = statistics[1:].T.astype(np.float32)  # the first component is the background
    score = area / (area + 16)  # a speck of 16 pixels is as likely noise as not
    box = (top / HEIGHT, left / WIDTH, (top + height) / HEIGHT, (left + width) / WIDTH)
    return np.stack([*box, np.full_like(score, class_id), score], axis=1)
