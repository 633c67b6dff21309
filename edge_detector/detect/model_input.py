"""How a picture becomes the input of a model without a manifest."""

from __future__ import annotations

from typing import NamedTuple

from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.manifest import InputSpec
from edge_detector.errors import ModelError

HIGHEST_PIXEL = 255


class Normalization(NamedTuple):
    """What pixel values become: real = (pixel - mean) / std."""

    mean: float
    std: float

    @property
    def width(self) -> float:
        """How far apart the real values of black and white are."""
        return HIGHEST_PIXEL / self.std


ZERO_TO_ONE = Normalization(0.0, 255.0)
PLUS_MINUS_ONE = Normalization(127.5, 127.5)
UNCHANGED = Normalization(0.0, 1.0)
COMMON = (ZERO_TO_ONE, PLUS_MINUS_ONE, UNCHANGED)
TOLERANCE = 0.5  # of the width: a quantizer sets the scale by the pictures it saw, which need not reach black and white


def input_spec(
    description: Description,
    answers: Answers,
    *,
    resize: str = "stretch",
    color: str = "rgb",
    trained_on: Normalization | None = None,
) -> InputSpec:
    """How pictures are made ready for the model: as the user says, else as the input tensor's quantization says.

    ``resize``, ``color`` and ``trained_on`` are what the model family always uses; None if its models differ.
    Raises `ModelError` if the input is no picture, or if nothing says which real values it expects.
    """
    tensor = description.input
    if len(tensor.shape) != 4 or tensor.shape[0] != 1 or tensor.shape[3] != 3:
        raise ModelError(f"the input is {tensor.shape}; expected a colour picture (1, height, width, 3)")
    _, height, width, _ = tensor.shape
    found = _answered(answers) or from_quantization(tensor) or trained_on
    if found is None:
        raise ModelError(_question(tensor))
    chosen = resize if answers.resize == "auto" else answers.resize
    return InputSpec((width, height), resize=chosen, color=color, mean=found.mean, std=found.std)


def from_quantization(tensor: TensorDescription) -> Normalization | None:
    """What the scale of a quantized input says: its 256 steps cover the real values of the pixels 0 to 255.

    None if the input is not quantized, or the steps cover nothing that models are usually trained on.
    """
    if tensor.dtype == "uint8" and not tensor.scale:
        return UNCHANGED  # it takes the pixels as they are
    width = tensor.scale * HIGHEST_PIXEL
    return next((each for each in COMMON if abs(width - each.width) <= TOLERANCE * each.width), None)


def _answered(answers: Answers) -> Normalization | None:
    if answers.mean is None or answers.std is None:
        return None
    return Normalization(answers.mean, answers.std)


def _question(tensor: TensorDescription) -> str:
    kind = f"{tensor.dtype} with scale {tensor.scale:.6g}" if tensor.scale else f"{tensor.dtype}, not quantized"
    return (
        f"the input {tensor.name!r} is {kind}: nothing says which real values stand for the pixels 0 to 255. "
        "Say it as the model was trained: --mean 127.5 --std 127.5 for -1 to 1 (most models of TensorFlow), "
        "--mean 0 --std 255 for 0 to 1, --mean 0 --std 1 for 0 to 255"
    )
