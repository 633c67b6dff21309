"""A frame into the model's input, and boxes back."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.detect.manifest import InputSpec
from edge_detector.detect.preprocess import (
    PADDING,
    Placement,
    Preprocessor,
    letterbox_fit,
    pixel_table,
    scaled_size,
    shift_of,
)
from edge_detector.errors import ModelError
from edge_detector.types import Frame, TensorInfo

sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
fractions = st.floats(0, 1, width=32)


def tensor(
    dtype: type, *, shape: tuple[int, ...] = (1, 32, 64, 3), scale: float = 0.0, zero_point: int = 0
) -> TensorInfo:
    return TensorInfo("input", shape, np.dtype(dtype), scale, zero_point)


def flat_frame(color: tuple[int, int, int], size: tuple[int, int] = (640, 480)) -> Frame:
    return Frame(np.full((size[1], size[0], 3), color, np.uint8), 0, 0)


@given(frame_size=sizes, input_size=sizes, corners=st.tuples(fractions, fractions, fractions, fractions))
@pytest.mark.parametrize("kind", ["stretch", "letterbox"])
def test_a_box_finds_its_way_back_to_the_frame(kind, frame_size, input_size, corners) -> None:
    width, height = frame_size
    x1, x2 = sorted((corners[0] * width, corners[2] * width))
    y1, y2 = sorted((corners[1] * height, corners[3] * height))
    box = np.array([[x1, y1, x2, y2]], np.float32)
    placement = Placement.stretch(frame_size) if kind == "stretch" else Placement.letterbox(frame_size, input_size)
    back = placement.to_frame(placement.to_input(box))
    step = 4 * np.finfo(np.float32).eps / min(placement.scale)  # what a float32 fraction resolves, in pixels
    np.testing.assert_allclose(back, box, atol=step)


@given(frame_size=sizes, input_size=sizes)
def test_a_letterboxed_frame_lies_inside_the_input_and_touches_two_sides(frame_size, input_size) -> None:
    (width, height), (left, top) = letterbox_fit(frame_size, input_size)
    assert (width, height) <= (input_size[0], input_size[1]) or height <= input_size[1]
    assert width == input_size[0] or height == input_size[1]
    assert 0 <= left <= input_size[0] - width
    assert 0 <= top <= input_size[1] - height


def test_a_letterbox_by_hand() -> None:
    assert letterbox_fit((640, 480), (64, 32)) == ((43, 32), (10, 0))
    assert letterbox_fit((200, 50), (64, 32)) == ((64, 16), (0, 8))
    assert letterbox_fit((4000, 1), (64, 32)) == ((64, 1), (0, 15))
    # The picture is a whole number of pixels wide, so the two scales differ a little.
    assert Placement.letterbox((640, 480), (64, 32)) == Placement(
        (640, 480), (43 / 640 / 64, 32 / 480 / 32), (10 / 64, 0.0)
    )
    assert Placement.letterbox((480, 640), (32, 64)).scale == (32 / 480 / 32, 43 / 640 / 64)


def test_boxes_outside_the_frame_are_clipped_to_it() -> None:
    boxes = Placement.stretch((200, 100)).to_frame(np.array([[-0.5, 0.5, 1.5, 2.0]], np.float32))
    assert boxes.tolist() == [[0, 50, 200, 100]]


def test_the_model_gets_rgb() -> None:
    preprocess = Preprocessor(InputSpec((64, 32), mean=0.0, std=1.0), tensor(np.float32))
    values, _ = preprocess(flat_frame((10, 20, 30)))
    assert values.shape == (1, 32, 64, 3)
    assert values[0, 0, 0].tolist() == [30, 20, 10]


def test_a_bgr_model_gets_bgr() -> None:
    preprocess = Preprocessor(InputSpec((64, 32), color="bgr", mean=0.0, std=1.0), tensor(np.float32))
    assert preprocess(flat_frame((10, 20, 30)))[0][0, 0, 0].tolist() == [10, 20, 30]


def test_the_usual_int8_input_is_the_pixel_less_128() -> None:
    table = pixel_table(InputSpec((64, 32)), tensor(np.int8, scale=2 / 255, zero_point=-1))
    assert table.tolist() == list(range(-128, 128))


def test_the_usual_uint8_input_is_the_pixel_itself() -> None:
    table = pixel_table(InputSpec((64, 32)), tensor(np.uint8, scale=1 / 127.5, zero_point=127))
    assert np.abs(table.astype(int) - np.arange(256)).max() <= 1
    exact = pixel_table(InputSpec((64, 32), mean=128, std=128), tensor(np.uint8, scale=1 / 128, zero_point=128))
    assert exact.tolist() == list(range(256))


def test_a_float_input_without_a_scale_gets_the_real_numbers() -> None:
    table = pixel_table(InputSpec((64, 32), mean=127.5, std=127.5), tensor(np.float32))
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, np.linspace(-1, 1, 256), atol=1e-6)


def test_an_integer_input_without_a_scale_gets_the_pixel_itself() -> None:
    table = pixel_table(InputSpec((64, 32), mean=127.5, std=127.5), tensor(np.uint8))
    assert (table.dtype, table.tolist()) == (np.uint8, list(range(256)))


@given(
    mean=st.floats(0, 255),
    std=st.floats(1, 255),
    scale=st.floats(1 / 1000, 1),
    zero_point=st.integers(-128, 127),
)
def test_the_table_is_the_formula_within_half_a_step(mean, std, scale, zero_point) -> None:
    info = tensor(np.int8, scale=scale, zero_point=zero_point)
    table = pixel_table(InputSpec((64, 32), mean=mean, std=std), info)
    wanted = np.clip((np.arange(256) - mean) / std / scale + zero_point, -128, 127)
    assert np.abs(table - wanted).max() <= 0.5 + 1e-5


def test_the_grey_is_the_one_that_models_are_trained_with() -> None:
    assert PADDING == 114


def test_a_letterboxed_picture_is_surrounded_by_grey() -> None:
    preprocess = Preprocessor(InputSpec((64, 32), resize="letterbox", mean=0.0, std=1.0), tensor(np.float32))
    values, placement = preprocess(flat_frame((0, 0, 0), size=(100, 100)))
    assert np.unique(values[0, :, :16]).tolist() == [PADDING]
    assert np.unique(values[0, :, 16:48]).tolist() == [0]
    np.testing.assert_allclose(placement.to_frame(np.array([[0.25, 0, 0.75, 1]], np.float32)), [[0, 0, 100, 100]])


def test_a_letterbox_of_another_shape_leaves_no_trace_of_the_last() -> None:
    preprocess = Preprocessor(InputSpec((64, 32), resize="letterbox", mean=0.0, std=1.0), tensor(np.float32))
    preprocess(flat_frame((0, 0, 0), size=(200, 100)))
    values, _ = preprocess(flat_frame((0, 0, 0), size=(100, 100)))
    assert np.unique(values[0, :, :16]).tolist() == [PADDING]


def test_the_cameras_own_scaling_is_used_when_it_fits() -> None:
    small = np.full((32, 64, 3), 7, np.uint8)
    frame = Frame(np.zeros((480, 640, 3), np.uint8), 0, 0, small=small)
    values, placement = Preprocessor(InputSpec((64, 32), mean=0.0, std=1.0), tensor(np.float32))(frame)
    assert np.unique(values).tolist() == [7]
    assert placement == Placement.stretch((640, 480))


def test_the_cameras_own_scaling_serves_a_letterbox_too() -> None:
    spec = InputSpec((64, 32), resize="letterbox", mean=0.0, std=1.0)
    width, height = scaled_size((640, 480), spec)
    assert (width, height) == (43, 32)
    small = np.full((height, width, 3), 7, np.uint8)
    values, _ = Preprocessor(spec, tensor(np.float32))(Frame(np.zeros((480, 640, 3), np.uint8), 0, 0, small=small))
    assert np.unique(values[0, :, 10 : 10 + width]).tolist() == [7]


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_a_scaled_picture_of_another_size_is_not_used(resize) -> None:
    small = np.full((32, 32, 3), 7, np.uint8)
    frame = Frame(np.full((480, 640, 3), 9, np.uint8), 0, 0, small=small)
    values, _ = Preprocessor(InputSpec((64, 32), resize=resize, mean=0.0, std=1.0), tensor(np.float32))(frame)
    assert set(np.unique(values).tolist()) - {PADDING} == {9}


def test_a_tensor_that_is_held_is_not_overwritten_and_one_that_is_not_is_used_again() -> None:
    preprocess = Preprocessor(InputSpec((64, 32), mean=0.0, std=1.0), tensor(np.float32))
    first, second = (preprocess(flat_frame((level,) * 3))[0] for level in (1, 2))
    assert (np.unique(first).tolist(), np.unique(second).tolist()) == ([1], [2])
    address = first.__array_interface__["data"]
    del first
    assert preprocess(flat_frame((3, 3, 3)))[0].__array_interface__["data"] == address


@pytest.mark.parametrize(
    ("dtype", "mean", "scale", "zero_point", "shift"),
    [
        (np.int8, 127.5, 1 / 127.5, -1, (128, 256)),
        (np.int8, 127.5, float(np.float32(1 / 127.5)), -1, (128, 145)),  # as the default model has it
        (np.int8, 0.0, 1.0, -128, (128, 256)),
        (np.uint8, 0.0, 1.0, 0, (0, 256)),
        (np.int8, 127.5, 1 / 120, -1, None),
        (np.int8, 127.5, 1 / 126, -1, None),
        (np.uint8, 0.0, 1.0, 1, (1, 255)),  # 255 stays what it is
        (np.uint8, 0.0, 1.0, 2, None),
        (np.float32, 127.5, 0.0, 0, None),
    ],
)
def test_a_shift_stands_for_the_table_only_where_it_is_the_same(dtype, mean, scale, zero_point, shift) -> None:
    spec = InputSpec((64, 32), color="bgr", mean=mean, std=mean or 1.0)
    info = tensor(dtype, scale=scale, zero_point=zero_point)
    table = pixel_table(spec, info)
    assert shift_of(table) == shift
    every_pixel = np.arange(32 * 64 * 3).astype(np.uint8).reshape(32, 64, 3)
    values, _ = Preprocessor(spec, info)(Frame(every_pixel.copy(), 0, 0))
    assert np.array_equal(values[0], table[every_pixel])


def test_an_input_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ModelError, match=r"expected uint8, int8 or float32 \(1, 32, 64, 3\)"):
        Preprocessor(InputSpec((64, 32)), tensor(np.int32))
    with pytest.raises(ModelError, match="expected"):
        Preprocessor(InputSpec((32, 32)), tensor(np.uint8))


def test_a_picture_is_scaled_to_the_same_bytes_on_every_machine() -> None:
    rows, columns = np.mgrid[0:720, 0:1280]
    channels = (rows * 7 + columns * 13) % 256, (rows * columns) % 251, (rows ^ columns) % 256
    frame = Frame(np.stack(channels, axis=-1).astype(np.uint8), 0, 0)
    spec = InputSpec((320, 320), color="bgr")
    small, _ = Preprocessor(spec, tensor(np.uint8, shape=(1, 320, 320, 3)))(frame)
    assert zlib.crc32(small.tobytes()) == 0x8148EB62  # as OpenCV 4.11 and 5.0 do it on x86 and on ARM
