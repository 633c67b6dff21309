"""What flows through the program, and the shapes of the parts it flows through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # (width, height), pixels
Box = tuple[float, float, float, float]  # x1, y1, x2, y2, pixels of the frame


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source."""

    image: NDArray[np.uint8]  # (H, W, 3) BGR, contiguous, owned by this frame, read-only
    sequence: int  # the source's count from 0; a gap is a dropped frame
    timestamp_ns: int  # time.monotonic_ns() clock: start of exposure if the camera tells, else arrival
    small: NDArray[np.uint8] | None = None  # (h, w, 3) BGR: the whole picture as scaled by the camera for the model
    file: Path | None = None  # the image file it was read from

    def __post_init__(self) -> None:
        self.image.flags.writeable = False

    @property
    def size(self) -> Size:
        """(width, height) in pixels."""
        height, width = self.image.shape[:2]
        return width, height


class Detection(NamedTuple):
    """One object, for people and sinks."""

    box: Box
    score: float
    class_id: int
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N objects as arrays. ``d[mask]`` filters; iterating yields `Detection` rows."""

    boxes: NDArray[np.float32]  # (N, 4) x1, y1, x2, y2, pixels of the frame, clipped to it
    scores: NDArray[np.float32]  # (N,) in [0, 1], descending
    class_ids: NDArray[np.int32]  # (N,) index into labels
    labels: tuple[str, ...]  # every label of the model, shared, not copied

    @classmethod
    def empty(cls, labels: tuple[str, ...]) -> Self:
        """No objects."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32), labels)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Detections:
        return Detections(self.boxes[rows], self.scores[rows], self.class_ids[rows], self.labels)

    def __iter__(self) -> Iterator[Detection]:
        rows = zip(self.boxes.tolist(), self.scores.tolist(), self.class_ids.tolist(), strict=True)
        for (x1, y1, x2, y2), score, class_id in rows:
            yield Detection((x1, y1, x2, y2), score, class_id, self.labels[class_id])


@dataclass(frozen=True, slots=True)
class Timings:
    """Where one frame's time went, in milliseconds."""

    wait_ms: float  # from the frame's time stamp until the detector took it
    preprocess_ms: float
    inference_ms: float
    postprocess_ms: float

    @property
    def latency_ms(self) -> float:
        """From capture to result: the age of the frame when its detections were ready."""
        return self.wait_ms + self.preprocess_ms + self.inference_ms + self.postprocess_ms


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was found in one frame; the boxes belong to this frame's image."""

    frame: Frame
    detections: Detections
    timings: Timings


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as a detection. Replace the detector's whole object to change it while running."""

    confidence: float = 0.5  # lowest score kept, inclusive
    class_confidence: Mapping[str, float] | None = None  # label -> its own lowest score
    classes: tuple[str, ...] = ()  # labels kept; none named means all
    iou: float = 0.6  # boxes of one class that overlap by more than this are the same object
    max_detections: int = 100


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a model."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float = 0.0  # real = (stored - zero_point) * scale; 0.0: not quantized
    zero_point: int = 0

    @property
    def quantized(self) -> bool:
        return self.scale != 0.0


Tensor = NDArray[Any]  # of whatever type the model stores


class Runtime(Protocol):
    """An interpreter of models: one input tensor in, named output tensors out."""

    input: TensorInfo
    outputs: tuple[TensorInfo, ...]
    threads: int

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def invoke(self, tensor: Tensor) -> dict[str, Tensor]: ...
    def use_threads(self, threads: int) -> None: ...
