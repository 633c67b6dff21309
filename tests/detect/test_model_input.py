"""Which real values the input of a bare model takes: said by the user, by the quantization, or by the family."""

from __future__ import annotations

import pytest

from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.model_input import UNCHANGED, ZERO_TO_ONE, from_quantization, input_spec
from edge_detector.errors import ModelError


def picture(dtype: str, scale: float = 0.0, shape: tuple[int, ...] = (1, 240, 320, 3)) -> TensorDescription:
    return TensorDescription("input", shape, dtype, scale, 0)


def bare(tensor: TensorDescription) -> Description:
    return Description("00", 1, tensor, (), (), (), {}, {}, 0)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (1 / 255, (0.0, 255.0)),
        (0.8 / 255, (0.0, 255.0)),  # the quantizer saw no white
        (1.45 / 255, (0.0, 255.0)),
        (1.55 / 255, (127.5, 127.5)),
        (1 / 128, (127.5, 127.5)),
        (2.9 / 255, (127.5, 127.5)),
        (1.0, (0.0, 1.0)),
        (0.6, (0.0, 1.0)),
        (4.8 / 255, None),  # divided by the deviations of ImageNet
        (0.4 / 255, None),
        (0.4, None),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_the_scale_says_how_far_apart_black_and_white_are(dtype, scale, expected) -> None:
    assert from_quantization(picture(dtype, scale)) == expected


def test_bytes_that_are_not_quantized_take_the_pixels() -> None:
    assert from_quantization(picture("uint8")) == UNCHANGED
    assert from_quantization(picture("float32")) is None


def test_the_user_knows_best_then_the_tensor_then_the_family() -> None:
    quantized, real = bare(picture("int8", 1 / 128)), bare(picture("float32"))
    said = Answers(mean=0.0, std=1.0)
    found = [
        input_spec(quantized, said, trained_on=ZERO_TO_ONE),
        input_spec(quantized, Answers(), trained_on=ZERO_TO_ONE),
        input_spec(real, Answers(), trained_on=ZERO_TO_ONE),
    ]
    assert [(spec.mean, spec.std) for spec in found] == [(0.0, 1.0), (127.5, 127.5), (0.0, 255.0)]
    assert {spec.size for spec in found} == {(320, 240)}


@pytest.mark.parametrize(
    ("tensor", "kind"),
    [(picture("float32"), "float32, not quantized"), (picture("int8", 0.5 / 25.5), "int8 with scale")],
)
def test_without_any_evidence_the_error_names_the_flags(tensor, kind) -> None:
    with pytest.raises(ModelError, match=rf"the input 'input' is {kind}.*--mean 0 --std 255 for 0 to 1"):
        input_spec(bare(tensor), Answers())


@pytest.mark.parametrize("shape", [(1, 16000), (2, 240, 320, 3), (1, 240, 320, 1), (1, 3, 240, 320)])
def test_an_input_that_is_no_colour_picture_is_an_error(shape) -> None:
    with pytest.raises(ModelError, match=r"expected a colour picture \(1, height, width, 3\)"):
        input_spec(bare(picture("uint8", shape=shape)), Answers())
