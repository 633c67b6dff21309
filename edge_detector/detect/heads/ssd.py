"""Single Shot Detectors: the fused TFLite_Detection_PostProcess op, or raw boxes and scores with anchors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.anchors import AnchorSpec, make_anchors
from edge_detector.detect.description import FUSED_OP, Answers, Description, TensorDescription
from edge_detector.detect.heads import Family, Head, by_role, unnamed
from edge_detector.detect.manifest import Decode, Manifest, choose
from edge_detector.detect.model_input import input_spec
from edge_detector.detect.postprocess import Candidates, best
from edge_detector.detect.quantized import sigmoid, to_real, to_stored, where_at_least
from edge_detector.errors import ModelError
from edge_detector.types import Tensor, TensorInfo

DETECTION_ROLES = ("boxes", "classes", "scores", "count")  # the fused op's outputs, in the op's own order
RAW_ROLES = ("boxes", "scores")
# How the exporters of TensorFlow name the outputs in a signature, in the order of the roles.
DETECTION_SIGNATURE = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
RAW_SIGNATURE = ("raw_detection_boxes", "raw_detection_scores")
X_FIRST = [1, 0, 3, 2]  # of what is in the order y, x, y, x
LARGEST_EXPONENT = 20.0  # of a box against its anchor; more is an untrained model's, and overflows


@dataclass(frozen=True, slots=True)
class SsdDecode(Decode):
    """[decode] and [anchors] of an SSD.

    ``kind``: "fused" (TFLite_Detection_PostProcess is in the graph) or "raw" (anchors and NMS are applied here).
    """

    kinds = ("fused", "raw")
    former_keys = ("objectness",)

    activation: str = "none"  # "sigmoid" if the scores are logits
    background: bool = False  # True: the first score column is "nothing"
    box_scales: tuple[float, ...] = (10.0, 10.0, 5.0, 5.0)  # divisors of ty, tx, th, tw
    anchors: AnchorSpec | None = None  # of a raw SSD

    def check(self) -> None:
        """Raises `ModelError` for an unknown choice, missing anchors, or divisors that are not four."""
        Decode.check(self)
        choose("decode.activation", self.activation, ("none", "sigmoid"))
        if self.kind == "raw" and self.anchors is None:
            raise ModelError("a raw ssd needs [anchors]: a generator with its settings, or a file")
        if len(self.box_scales) != 4 or 0 in self.box_scales:
            raise ModelError(f"decode.box_scales is {self.box_scales}; expected four divisors, of ty, tx, th and tw")


class Ssd(Family):
    """The family of Single Shot Detectors, as the exporters of TensorFlow write them."""

    settings = SsdDecode
    roles = (DETECTION_ROLES, RAW_ROLES)
    expects = f"the four outputs of {FUSED_OP}, or boxes (1, A, 4) with scores (1, A, classes)"

    def recognise(self, description: Description, answers: Answers) -> Manifest | None:
        """See `Family.recognise`. A raw SSD always leaves its anchors open, which only a manifest can give."""
        roles = answers.roles or _roles(description)
        if set(roles) == set(RAW_ROLES):
            raise ModelError(
                f"raw SSD outputs (boxes {roles['boxes']!r}, scores {roles['scores']!r}) need to know their anchors; "
                "expected a manifest beside the model with an [anchors] table"
            )
        if set(roles) != set(DETECTION_ROLES):
            return None
        return unnamed(
            input_spec(description, answers),
            outputs=roles,
            decode=SsdDecode("fused"),
            class_count=int(description.fused_options.get("num_classes", 0)),
        )

    def open_head(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> Head:
        """The head for the kind of SSD that ``manifest`` says."""
        if manifest.decode.kind == "fused":
            return FusedSsdHead(manifest, outputs)
        return RawSsdHead(manifest, outputs)


def _roles(description: Description) -> Mapping[str, str]:
    """Role -> tensor name, from the strongest evidence there is; empty if the outputs are not those of an SSD."""
    names = {output.name for output in description.outputs}
    fused = description.fused_outputs
    if len(fused) == len(DETECTION_ROLES) and names.issuperset(fused):
        return dict(zip(DETECTION_ROLES, fused, strict=True))
    for roles, signature in ((DETECTION_ROLES, DETECTION_SIGNATURE), (RAW_ROLES, RAW_SIGNATURE)):
        if description.signature.keys() >= set(signature):
            return {role: description.signature[name] for role, name in zip(roles, signature, strict=True)}
    return _roles_from_shapes(description.outputs)


def _roles_from_shapes(outputs: tuple[TensorDescription, ...]) -> Mapping[str, str]:
    boxes = [output for output in outputs if len(output.shape) == 3 and output.shape[2] == 4]
    rest = [output for output in outputs if output not in boxes]
    if len(outputs) == len(DETECTION_ROLES) and len(boxes) == 1:
        return _fused_by_values(boxes[0], rest)
    if len(boxes) == len(rest) == 1 and len(rest[0].shape) == 3 and boxes[0].shape[1] == rest[0].shape[1]:
        return {"boxes": boxes[0].name, "scores": rest[0].name}
    return {}


def _fused_by_values(boxes: TensorDescription, rest: list[TensorDescription]) -> Mapping[str, str]:
    """Tell classes and scores, both (1, N), apart by what they held for the test picture."""
    count = [output for output in rest if output.shape in ((1,), (1, 1))]
    pair = [output for output in rest if output.shape == boxes.shape[:2]]
    if len(count) != 1 or len(pair) != 2:
        return {}
    above_one = [output for output in pair if output.maximum > 1.0]
    fractional = [output for output in pair if 0.0 < output.maximum < 1.0]
    if len(above_one) == len(fractional) == 1:
        names = (boxes, above_one[0], fractional[0], count[0])
        return dict(zip(DETECTION_ROLES, (output.name for output in names), strict=True))
    names_of_pair = " and ".join(output.name for output in pair)
    raise ModelError(
        f"which of {names_of_pair} holds the classes and which the scores? Say it with "
        f"--outputs boxes={boxes.name},classes=NAME,scores=NAME,count=NAME"
    )


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
        strangers = class_ids[(class_ids < 0) | (class_ids >= len(lowest))]
        if strangers.size:
            raise ModelError(f"{self._name}: found class {strangers[0]} but there are only {len(lowest)} labels")
        keep = scores[0, rows] >= lowest[class_ids]
        return Candidates(boxes[0, rows][keep][:, X_FIRST], scores[0, rows][keep], class_ids[keep])


class RawSsdHead:
    """Decodes boxes (1, A, 4) ty, tx, th, tw and scores (1, A, C) against A anchors.

    The scores are searched as they are stored (int8 as a rule); only rows that pass are turned into real numbers.
    """

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        """Raises `ModelError` if tensors and anchors do not fit each other."""
        decode = manifest.decode_as(SsdDecode)
        self._boxes, self._scores = by_role(manifest, outputs, *RAW_ROLES)
        self._anchors = anchors_of(manifest)
        self._box_scales = np.array(decode.box_scales, np.float32)
        self._logits = decode.activation == "sigmoid"
        self._first = int(decode.background)  # the first column that is a class
        self._known_limits: tuple[NDArray[np.float32], Tensor] | None = None  # the newest thresholds, as stored
        expected = (1, len(self._anchors), 4)
        if self._boxes.shape != expected or self._scores.shape[:2] != expected[:2] or len(self._scores.shape) != 3:
            raise ModelError(
                f"{manifest.name}: boxes {self._boxes.shape} and scores {self._scores.shape} do not fit "
                f"{len(self._anchors)} anchors; expected {expected} and (1, {len(self._anchors)}, classes)"
            )
        self.class_count: int | None = self._scores.shape[2] - self._first

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """See `Head.decode`."""
        rows, class_ids, stored = self._passing(tensors[self._scores.name][0], lowest)
        scores = self._probability(to_real(stored, self._scores))
        top = best(scores)
        encoded = to_real(tensors[self._boxes.name][0, rows[top]], self._boxes)
        boxes = decode_boxes(encoded, self._anchors[rows[top]], self._box_scales)
        return Candidates(boxes, scores[top], class_ids[top])

    def _passing(
        self, stored: Tensor, lowest: NDArray[np.float32]
    ) -> tuple[NDArray[np.intp], NDArray[np.int32], Tensor]:
        """Row, class and value of every stored score (A, C) that reaches its class's threshold."""
        limits = self._limits(lowest)
        # First one comparison of everything with the lowest limit, in the stored type: as fast as memory allows.
        # Then each class's own limit, only on what is left.
        everything = stored.reshape(-1)
        found = where_at_least(everything, limits.min())
        rows, columns = np.divmod(found, stored.shape[1])
        class_ids = columns.astype(np.int32) - self._first
        values = everything[found]
        keep = (class_ids >= 0) & (values >= limits[class_ids])
        return rows[keep], class_ids[keep], values[keep]

    def _limits(self, lowest: NDArray[np.float32]) -> Tensor:
        """``lowest`` as the scores are stored: the same for all frames until somebody sets other thresholds."""
        known = self._known_limits
        if known is None or known[0] is not lowest:
            known = self._known_limits = lowest, to_stored(_logit(lowest) if self._logits else lowest, self._scores)
        return known[1]

    def _probability(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        return sigmoid(scores) if self._logits else scores


def anchors_of(manifest: Manifest) -> NDArray[np.float32]:
    """(A, 4) the anchors that the manifest of a raw SSD names: see `make_anchors`."""
    spec = manifest.decode_as(SsdDecode).anchors or AnchorSpec()
    return make_anchors(spec, input_size=manifest.input.size, folder=manifest.folder)


def decode_boxes(
    encoded: NDArray[np.float32], anchors: NDArray[np.float32], box_scales: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, 4) ty, tx, th, tw -> x1, y1, x2, y2 in fractions.

    The box coder of Faster R-CNN (Ren et al. 2015, equation 2) with the divisors ("variances") of SSD.
    """
    # Column by column: numpy is slow in rows of two.
    moved, anchors = np.ascontiguousarray((encoded / box_scales).T), np.ascontiguousarray(anchors.T)
    middle = moved[:2] * anchors[2:] + anchors[:2]
    half = np.exp(np.minimum(moved[2:], LARGEST_EXPONENT)) * anchors[2:] / 2
    return np.ascontiguousarray(np.concatenate([middle - half, middle + half])[X_FIRST].T)


def _logit(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.log(probability / (1 - probability))
    return np.where(probability >= 1, np.float32(np.inf), logit).astype(np.float32)
