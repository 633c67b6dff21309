"""Turns a frame into the model's input, and boxes in the input into boxes in the frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.buffers import BufferPool
from edge_detector.detect.manifest import InputSpec
from edge_detector.errors import ModelError
from edge_detector.scaling import scaled
from edge_detector.types import Frame, LazyPicture, Size, Tensor, TensorInfo

PADDING = 114  # the grey around a letterboxed picture: what YOLO models are trained with
BRIGHTEST = 255  # pixel
INPUT_TYPES = (np.uint8, np.int8, np.float32)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a frame lies in the model's input: input = frame * scale + offset, in fractions of the input."""

    frame_size: Size
    scale: tuple[float, float]  # fraction of the input's (width, height) per pixel of the frame
    offset: tuple[float, float]  # fraction of the input's (width, height) left of and above the frame

    @classmethod
    def stretch(cls, frame_size: Size) -> Placement:
        """The frame fills the whole input; its aspect changes."""
        width, height = frame_size
        return cls(frame_size, (1 / width, 1 / height), (0.0, 0.0))

    @classmethod
    def letterbox(cls, frame_size: Size, input_size: Size) -> Placement:
        """The frame keeps its aspect, as large as it fits, in the middle of the input."""
        scaled, (left, top) = letterbox_fit(frame_size, input_size)
        width, height = input_size
        scale = scaled[0] / frame_size[0] / width, scaled[1] / frame_size[1] / height
        return cls(frame_size, scale, (left / width, top / height))

    def to_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 4) x1, y1, x2, y2 in fractions of the input -> the same boxes in pixels of the frame, clipped to it."""
        width, height = self.frame_size
        pixels = (boxes - _twice(self.offset)) / _twice(self.scale)
        return np.clip(pixels, 0, _twice((width, height)))

    def to_input(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 4) x1, y1, x2, y2 in pixels of the frame -> the same boxes in fractions of the input."""
        return boxes * _twice(self.scale) + _twice(self.offset)


@lru_cache(maxsize=32)
def _twice(pair: tuple[float, float]) -> NDArray[np.float32]:
    """The same for every frame of a source, so kept; nobody writes to it."""
    return np.array(pair * 2, np.float32)


def scaled_size(frame_size: Size, spec: InputSpec) -> Size:
    """The size in pixels that a frame has in the model's input."""
    return letterbox_fit(frame_size, spec.size)[0] if spec.resize == "letterbox" else spec.size


def letterbox_fit(frame_size: Size, input_size: Size) -> tuple[Size, tuple[int, int]]:
    """The size in pixels of a frame scaled into the input with its aspect kept, and its (left, top) corner."""
    ratio = min(inside / outside for inside, outside in zip(input_size, frame_size, strict=True))
    width, height = (max(1, round(length * ratio)) for length in frame_size)
    return (width, height), ((input_size[0] - width) // 2, (input_size[1] - height) // 2)


def _small(frame: Frame, size: Size, *, dst: Tensor | None = None) -> Tensor:
    """The frame's picture at ``size``: ``frame.small`` if the camera made it in this size."""
    if frame.small is not None and frame.small.shape[1::-1] == size:
        return frame.small
    if isinstance(frame.picture, LazyPicture):
        return frame.picture.scaled(size)
    return scaled(frame.picture, size, dst=dst)


class Preprocessor:
    """Resizes, reorders the colours and quantizes, in memory that is used again; for one thread at a time.

    Every pixel value has one counterpart in the model's type, so normalisation and quantization together are a table
    of 256 entries: no floating-point arithmetic per pixel, whatever mean, std, scale and zero point are.
    """

    def __init__(self, spec: InputSpec, tensor: TensorInfo) -> None:
        """Raises `ModelError` if the tensor is not a picture of the size in ``spec``."""
        width, height = spec.size
        if tensor.shape != (1, height, width, 3) or tensor.dtype not in INPUT_TYPES:
            raise ModelError(
                f"input {tensor.name!r} is {tensor.dtype} {tensor.shape}; expected uint8, int8 or float32 "
                f"(1, {height}, {width}, 3)"
            )
        self.spec = spec
        self._swap = spec.color == "rgb"
        self._canvas = np.full((height, width, 3), PADDING, np.uint8)
        self._swapped = np.empty_like(self._canvas)
        self._table = pixel_table(spec, tensor)
        self._shift = shift_of(self._table)
        self._is_bright = np.empty(self._canvas.shape, np.bool_)
        self.step = abs(float(self._table[-1]) - float(self._table[0])) / 255  # of the tensor for a level of a pixel
        self._tensors = BufferPool()

    def __call__(self, frame: Frame) -> tuple[Tensor, Placement]:
        """The input tensor (1, H, W, 3), the caller's to keep, and where the frame lies in it."""
        if self.spec.resize == "letterbox":
            placement, picture = self._letterbox(frame)
        else:
            placement, picture = self._stretch(frame)
        if self._swap:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=self._swapped)
        tensor = self._tensors.take(self._canvas.shape, self._table.dtype)
        if self._shift is None:
            cv2.LUT(picture, self._table, dst=tensor)
        else:
            self._shifted(picture, self._shift, tensor.view(np.uint8))
        return tensor[np.newaxis], placement

    def _shifted(self, picture: Tensor, shift: Shift, out: Tensor) -> None:
        np.add(picture, shift.offset, out=out)
        if shift.bright <= BRIGHTEST:
            np.greater_equal(picture, np.uint8(shift.bright), out=self._is_bright)
            np.subtract(out, self._is_bright.view(np.uint8), out=out)

    def _stretch(self, frame: Frame) -> tuple[Placement, Tensor]:
        return Placement.stretch(frame.size), _small(frame, self.spec.size, dst=self._canvas)

    def _letterbox(self, frame: Frame) -> tuple[Placement, Tensor]:
        (width, height), (left, top) = letterbox_fit(frame.size, self.spec.size)
        self._canvas[:] = PADDING  # the frame before may have had another shape
        self._canvas[top : top + height, left : left + width] = _small(frame, (width, height))
        return Placement.letterbox(frame.size, self.spec.size), self._canvas


class Shift(NamedTuple):
    """A table of pixels as arithmetic."""

    offset: np.uint8  # is added to every pixel, modulo 256
    bright: int  # from this pixel on, the sum is one less; 256: nowhere


def shift_of(table: Tensor) -> Shift | None:
    """What ``table`` does to every pixel, where that is a `Shift`: a quarter of the time of a table, or a tenth.

    An int8 input with [-1, 1] in 255 steps is one, 128 for all pixels. A scale of 1/127.5 as float32 has it is a little
    more than that: bright pixels, which lie between two steps, fall to the lower one. A uint8 input is one of 0.
    """
    if table.dtype.itemsize > 1:
        return None
    offsets = table.view(np.uint8) - np.arange(256, dtype=np.uint8)
    bright = int(np.count_nonzero(offsets == offsets[0]))
    is_shift = (offsets[:bright] == offsets[0]).all() and (offsets[bright:] + np.uint8(1) == offsets[0]).all()
    return Shift(offsets[0], bright) if is_shift else None


def pixel_table(spec: InputSpec, tensor: TensorInfo) -> Tensor:
    """(256,) what each pixel value becomes in the tensor's type.

    Halves round up: with [-1, 1] in 255 steps (scale 1/127.5, zero point -1) the int8 value is exactly pixel - 128.
    """
    real = (np.arange(256) - spec.mean) / spec.std
    if not tensor.quantized:
        return real.astype(tensor.dtype) if tensor.dtype == np.float32 else np.arange(256).astype(tensor.dtype)
    limits = np.iinfo(tensor.dtype)
    stored = np.floor(real / tensor.scale + tensor.zero_point + 0.5 + 1e-6)
    return np.clip(stored, limits.min, limits.max).astype(tensor.dtype)
