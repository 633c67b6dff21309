"""What a .tflite file says of itself, and what its user says of it: all that a model family has to recognise it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FUSED_OP = "TFLite_Detection_PostProcess"  # decodes boxes and suppresses overlaps inside the graph


@dataclass(frozen=True, slots=True)
class TensorDescription:
    """One input or output, and the range of real values it takes on a test picture."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    minimum: float = 0.0
    maximum: float = 0.0


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of operator, its version and how often the graph has it."""

    name: str
    version: int
    count: int


@dataclass(frozen=True, slots=True)
class Description:
    """What a .tflite file says of itself."""

    sha256: str
    size_bytes: int
    input: TensorDescription
    outputs: tuple[TensorDescription, ...]
    operators: tuple[Operator, ...]
    fused_outputs: tuple[str, ...]  # the fused op's outputs by name: boxes, classes, scores, count; () without the op
    fused_options: dict[str, Any]  # num_classes, max_detections, nms_iou_threshold, ...
    signature: dict[str, str]  # output name in the signature -> tensor name
    anchor_count: int  # of the fused op; 0 without it
    weight_type: str = ""  # the type that holds most bytes of the constants; "" for a graph without any
    activation_type: str = ""  # the type of most tensors that are computed

    def output(self, name: str) -> TensorDescription:
        """The output tensor called ``name``."""
        return next(output for output in self.outputs if output.name == name)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user says of a model without a manifest. Each field is named like the flag that sets it."""

    resize: str = "auto"  # or stretch, letterbox
    outputs: str = ""  # role=tensor,...
    mean: float | None = None  # real = (pixel - mean) / std
    std: float | None = None

    @property
    def roles(self) -> Mapping[str, str]:
        """Role -> tensor name, as ``outputs`` says; empty if it says nothing."""
        return dict(pair.partition("=")[::2] for pair in self.outputs.split(",") if pair)
