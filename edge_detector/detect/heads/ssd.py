"""Single Shot Detectors: the fused TFLite_Detection_PostProcess op, or raw boxes and scores with anchors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.anchors import make_anchors
from edge_detector.detect.heads import Head, by_role
from edge_detector.detect.manifest import DETECTION_ROLES, AnchorSpec, Manifest
from edge_detector.detect.postprocess import Candidates, best
from edge_detector.detect.quantized import at_least, sigmoid, to_real, to_stored
from edge_detector.errors import ModelError
from edge_detector.types import Tensor, TensorInfo


def ssd_head(manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> Head:
    """The head for the kind of SSD that ``manifest`` says."""
    return FusedSsdHead(manifest, outputs) if manifest.decode.kind == "fused" else RawSsdHead(manifest, outputs)


class FusedSsdHead:
    """Reads the four outputs of TFLite_Detection_PostProcess, which has decoded and suppressed already.

    boxes (1, N, 4) ymin, xmin, ymax, xmax in fractions; classes (1, N) counted without the background; scores (1, N);
    count (1,). Which tensor is which comes from the manifest: exporters put them in different orders.
    """

    class_count: int | None = None  # the tensors do not tell

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        self._name = manifest.name
        self._infos = by_role(manifest, outputs, *DETECTION_ROLES)

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """See `Head.decode`. Raises `ModelError` for a class that has no label."""
        boxes, classes, scores, count = (to_real(tensors[info.name], info) for info in self._infos)
        rows = slice(int(count.flat[0]))
        class_ids = classes[0, rows].astype(np.int32)
        if class_ids.size and not 0 <= class_ids.min() <= class_ids.max() < len(lowest):
            raise ModelError(f"{self._name}: found class {class_ids.max()} but there are only {len(lowest)} labels")
        keep = scores[0, rows] >= lowest[class_ids]
        return Candidates(boxes[0, rows][keep][:, [1, 0, 3, 2]], scores[0, rows][keep], class_ids[keep])


class RawSsdHead:
    """Decodes boxes (1, A, 4) ty, tx, th, tw and scores (1, A, C) against A anchors.

    The scores are searched as they are stored (int8 as a rule); only rows that pass are turned into real numbers.
    """

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        """Raises `ModelError` if tensors and anchors do not fit each other."""
        decode = manifest.decode
        self._boxes, self._scores = by_role(manifest, outputs, "boxes", "scores")
        self._anchors = make_anchors(
            manifest.anchors or AnchorSpec(), input_size=manifest.input.size, folder=manifest.folder
        )
        self._box_scales = np.array(decode.box_scales, np.float32)
        self._logits = decode.activation == "sigmoid"
        self._first = int(decode.background)  # the first column that is a class
        expected = (1, len(self._anchors), 4)
        if self._boxes.shape != expected or self._scores.shape[:2] != expected[:2] or len(self._scores.shape) != 3:
            raise ModelError(
                f"{manifest.name}: boxes {self._boxes.shape} and scores {self._scores.shape} do not fit "
                f"{len(self._anchors)} anchors; expected {expected} and (1, {len(self._anchors)}, classes)"
            )
        self.class_count: int | None = self._scores.shape[2] - self._first

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """See `Head.decode`."""
        stored = tensors[self._scores.name][0]
        rows, class_ids = self._passing(stored, lowest)
        scores = self._probability(to_real(stored[rows, class_ids + self._first], self._scores))
        top = best(scores)
        encoded = to_real(tensors[self._boxes.name][0, rows[top]], self._boxes)
        boxes = decode_boxes(encoded, self._anchors[rows[top]], self._box_scales)
        return Candidates(boxes, scores[top], class_ids[top])

    def _passing(self, stored: Tensor, lowest: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Row and class of every stored score (A, C) that reaches its class's threshold."""
        limits = to_stored(_logit(lowest) if self._logits else lowest, self._scores)
        # One comparison with the lowest limit over everything, in the stored type and so at the speed of memory; limits
        # by class only on what is left.
        everything = stored.reshape(-1)
        found = np.flatnonzero(at_least(everything, limits.min()))
        rows, columns = np.divmod(found, stored.shape[1])
        class_ids = columns.astype(np.int32) - self._first
        keep = (class_ids >= 0) & (everything[found] >= limits[class_ids])
        return rows[keep], class_ids[keep]

    def _probability(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        return sigmoid(scores) if self._logits else scores


def decode_boxes(
    encoded: NDArray[np.float32], anchors: NDArray[np.float32], box_scales: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, 4) ty, tx, th, tw -> x1, y1, x2, y2 in fractions.

    The box coder of Faster R-CNN (Ren et al. 2015, equation 2) with the divisors ("variances") of SSD.
    """
    ty, tx, th, tw = (encoded / box_scales).T
    ya, xa, ha, wa = anchors.T
    y, x = ty * ha + ya, tx * wa + xa
    h, w = np.exp(th) * ha / 2, np.exp(tw) * wa / 2
    return np.stack([x - w, y - h, x + w, y + h], axis=1)


def _logit(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.log(probability / (1 - probability))
    return np.where(probability >= 1, np.float32(np.inf), logit).astype(np.float32)
