"""The data that passes through the program, and the interfaces of the parts that pass it on."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, overload

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # (width, height), pixels
Box = tuple[float, float, float, float]  # x1, y1, x2, y2, pixels of the frame
Rows = slice | NDArray[np.bool_] | NDArray[np.integer[Any]] | list[int]  # some of N: a mask (N,), or row numbers

NOT_TRACKED = -1  # in place of a track_id
DEFAULT_CONFIDENCE = 0.5  # where neither the user nor the model says from which score on an object counts
MOST_SHOWN = 3  # detections in a repr, for one line of text


class LazyPicture(ABC):
    """What a source has received, of which an image is made when somebody looks at it: once, in whatever thread.

    The model's own picture is always made by `scaled`, so that the same is found whether somebody looks or not.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self._image: NDArray[np.uint8] | None = None
        self._making = threading.Lock()

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) BGR, contiguous, read-only; the same array each time."""
        with self._making:
            if self._image is None:
                self._image = self.make()
                self._image.setflags(write=False)
            return self._image

    def give_up(self) -> NDArray[np.uint8]:
        """The image, which is not kept here: for the one who makes another image of it, and lets nobody see this."""
        with self._making:
            image, self._image = self._image, None
        return self.make() if image is None else image

    @abstractmethod
    def make(self) -> NDArray[np.uint8]:
        """The image, made now."""

    @abstractmethod
    def scaled(self, size: Size) -> NDArray[np.uint8]:
        """The whole picture as (h, w, 3) BGR of another ``size``, for the model."""

    def glance(self) -> NDArray[np.uint8] | None:
        """(h, w, 3) in any colours, about an eighth as large: to compare with that of another picture of the source.

        None where nothing costs less than `scaled`.
        """
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source."""

    picture: NDArray[np.uint8] | LazyPicture  # an image as `image` says, owned by this frame; or what becomes one
    sequence: int  # the source's count from 0; a gap is a dropped frame
    timestamp_ns: int  # time.monotonic_ns() clock: start of exposure if the camera reports it, else arrival
    small: NDArray[np.uint8] | None = None  # (h, w, 3) BGR: the whole picture as scaled by the camera for the model
    file: Path | None = None  # the image file it was read from
    position_s: float | None = None  # its place in a film, from the first frame; None: not from a film
    camera: str = ""  # the name of its camera; "" where there is one alone, without a name

    def __post_init__(self) -> None:
        if isinstance(self.picture, np.ndarray):
            self.picture.setflags(write=False)

    def __repr__(self) -> str:
        width, height = self.size
        origin = f" from {self.file}" if self.file else ""
        camera = f" {self.camera}" if self.camera else ""
        return f"<Frame{camera} {self.sequence}: {width}x{height}{origin}>"

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) BGR, contiguous, read-only; made when somebody first asks for it."""
        return self.picture.image if isinstance(self.picture, LazyPicture) else self.picture

    @property
    def size(self) -> Size:
        """(width, height) in pixels."""
        if isinstance(self.picture, LazyPicture):
            return self.picture.size
        height, width = self.picture.shape[:2]
        return width, height


class Detection(NamedTuple):
    """One object, for people and sinks. ``print(detection)`` says ``person 83% at (10, 20, 110, 220)``."""

    box: Box
    score: float  # in [0, 1]
    class_id: int
    label: str
    track_id: int | None = None  # the same for the same object in every frame; None: not tracked
    held: bool = False  # not found in this frame: shown where its track expects it, with its last score

    def __str__(self) -> str:
        edges = ", ".join(f"{edge:.0f}" for edge in self.box)
        return f"{self.label} {self.score:.0%} at ({edges})"

    def __repr__(self) -> str:
        track = "" if self.track_id is None else f", track {self.track_id}"
        return f"<Detection {self}{track}>"


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N objects as arrays: ``d[0]`` is a `Detection`, ``d[d.scores >= 0.8]`` filters, iterating yields `Detection`s.

    Raises `ValueError` if the arrays do not fit together.
    """

    boxes: NDArray[np.float32]  # (N, 4) x1, y1, x2, y2, pixels of the frame, clipped to it
    scores: NDArray[np.float32]  # (N,) in [0, 1], descending
    class_ids: NDArray[np.int32]  # (N,) index into labels
    labels: tuple[str, ...]  # every label of the model, shared, not copied
    track_ids: NDArray[np.int32] = None  # type: ignore[assignment]  # (N,) -1: none; left out, it is made: all -1
    held: NDArray[np.bool_] = None  # type: ignore[assignment]  # (N,) not found in this frame; left out: all False

    def __post_init__(self) -> None:
        count = self.boxes.shape[:1]
        if self.track_ids is None:
            object.__setattr__(self, "track_ids", np.full(count, NOT_TRACKED, np.int32))
        if self.held is None:
            object.__setattr__(self, "held", np.zeros(count, np.bool_))
        columns = self.scores, self.class_ids, self.track_ids, self.held
        if self.boxes.shape != (*count, 4) or any(column.shape != count for column in columns):
            raise ValueError(self._misfit())

    @classmethod
    def empty(cls, labels: tuple[str, ...]) -> Self:
        """No objects."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32), labels)

    def __repr__(self) -> str:
        return f"<Detections {self.summary()}>"

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, rows: int | np.integer[Any]) -> Detection: ...
    @overload
    def __getitem__(self, rows: Rows) -> Detections: ...
    def __getitem__(self, rows: int | np.integer[Any] | Rows) -> Detection | Detections:
        """One object by its number, negative from the end; or those of a slice, a mask (N,) or row numbers (M,).

        Raises `IndexError` for a number that is not there, and a mask of another length.
        """
        if isinstance(rows, int | np.integer):
            return self._row(int(rows))
        return self._rows(rows)

    def __iter__(self) -> Iterator[Detection]:
        columns = self.boxes, self.scores, self.class_ids, self.track_ids, self.held
        for (x1, y1, x2, y2), score, class_id, track_id, held in zip(*(each.tolist() for each in columns), strict=True):
            yield Detection((x1, y1, x2, y2), score, class_id, self.labels[class_id], _known(track_id), held)

    def summary(self) -> str:
        """The first few in words: ``person 83% at (10, 20, 110, 220), 2 more``."""
        rows = zip(self.boxes.tolist(), self.scores.tolist(), self.class_ids.tolist(), strict=True)
        shown = [
            str(Detection(box, score, number, self._name(number))) for box, score, number in islice(rows, MOST_SHOWN)
        ]
        more = [f"{len(self) - MOST_SHOWN} more"] if len(self) > MOST_SHOWN else []
        return ", ".join(shown + more) or "nothing"

    def _row(self, number: int) -> Detection:
        if not -len(self) <= number < len(self):
            raise IndexError(f"no detection {number}: there are {len(self)}")
        (row,) = self._rows([number])
        return row

    def _rows(self, rows: Rows) -> Detections:
        scores = self.scores[rows]
        if scores.ndim != 1:
            raise IndexError(f"index {rows!r}: expected a number, a slice, a mask (N,) or row numbers (M,)")
        return Detections(
            self.boxes[rows], scores, self.class_ids[rows], self.labels, self.track_ids[rows], self.held[rows]
        )

    def _name(self, class_id: int) -> str:
        """The label, or the number of a class that has none: a repr must not fail."""
        return self.labels[class_id] if 0 <= class_id < len(self.labels) else f"class {class_id}"

    def _misfit(self) -> str:
        """Which array has the wrong shape, and the shape that was expected."""
        count = self.boxes.shape[:1]
        if self.boxes.shape != (*count, 4):
            return f"boxes has the shape {self.boxes.shape}; expected (N, 4): x1, y1, x2, y2 of each object"
        columns = {
            "scores": self.scores,
            "class_ids": self.class_ids,
            "track_ids": self.track_ids,
            "held": self.held,
        }
        name, shape = next((name, each.shape) for name, each in columns.items() if each.shape != count)
        return f"{name} has the shape {shape}; expected {count}: boxes has {count[0]} rows"


def _known(track_id: int) -> int | None:
    return None if track_id == NOT_TRACKED else track_id


@dataclass(frozen=True, slots=True)
class Timings:
    """Where one frame's time went, in milliseconds."""

    wait_ms: float  # since the frame's time stamp, while it waited for one of the other three
    preprocess_ms: float
    inference_ms: float
    postprocess_ms: float

    @property
    def latency_ms(self) -> float:
        """From capture to result: the age of the frame when its detections were ready."""
        return self.wait_ms + self.preprocess_ms + self.inference_ms + self.postprocess_ms


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """One object's stay before the camera, from its first detection to its last, as it is known now."""

    id: str  # of this visit alone, in every run: ``3f9a1c2e-12``
    track_id: int  # as in `Detections` of this run
    label: str  # what most of its detections were called
    class_id: int
    started_ns: int  # time.monotonic_ns() clock, as of frames: the first frame in which it was found
    seen_ns: int  # the newest frame in which it was found
    box: Box  # where it was found last, in pixels of the frame
    score: float  # its best score
    best_ns: int  # the time stamp of the frame with the best score
    best_box: Box  # where it was in that frame
    path: tuple[tuple[float, float, float], ...] = ()  # seconds since the start, and x, y of the box's lower middle in
    # fractions of the picture; at most once a second
    zones: Mapping[str, float] = field(default_factory=dict)  # the zones that it was in, and for how many seconds
    stationary: bool = False  # it has not moved for a while, as a parked car
    ended: bool = False

    @property
    def duration_s(self) -> float:
        """From the first frame in which it was found to the newest."""
        return (self.seen_ns - self.started_ns) / 1e9

    def __repr__(self) -> str:
        state = "ended" if self.ended else "stationary" if self.stationary else "here"
        return f"<Visit {self.id}: {self.label} {self.score:.0%} for {self.duration_s:.1f} s, {state}>"


class VisitChange(NamedTuple):
    """What has changed of one visit with one frame."""

    kind: str  # one of VISIT_CHANGES
    visit: Visit  # as it is after the change
    place: str = ""  # the name of the zone or line, for what happens at one
    direction: str = ""  # of a crossing: the line's own word for it
    was: str = ""  # of a visit that is renamed: its label before


VISIT_CHANGES = {
    "started": "an object is here that was not",
    "updated": "it is still here; at most once a second, and when its best score rises",
    "renamed": "most of its detections call it something else than before",
    "stopped": "it has become stationary",
    "moved": "it was stationary and moves again",
    "entered": "it is in a zone",
    "left": "it is no longer in a zone",
    "stayed": "it has been in a zone for the zone's dwell time",
    "crossed": "it has crossed a line",
    "ended": "it has gone",
}


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was found in one frame; the boxes belong to this frame's image."""

    frame: Frame
    detections: Detections
    timings: Timings
    below: Detection | None = None  # of a photograph in which nothing is found: what came nearest to being found
    visits: tuple[VisitChange, ...] = ()  # what has changed of the visits, in order; empty if nothing is tracked
    skipped: bool = False  # the model did not run: the frame looks like an earlier one, whose detections these are
    model: str = ""  # the name of the model that found them; "" where nobody said

    def __repr__(self) -> str:
        return f"<Result frame {self.frame.sequence}: {self.detections.summary()}; {self.timings.latency_ms:.1f} ms>"

    @property
    def camera(self) -> str:
        """The name of the frame's camera; "" where there is one alone, without a name."""
        return self.frame.camera


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as a detection. Replace the detector's whole object to change it while running."""

    confidence: float = DEFAULT_CONFIDENCE  # lowest score kept, inclusive
    class_confidence: Mapping[str, float] | None = None  # label -> its own lowest score
    classes: tuple[str, ...] = ()  # labels kept; empty: all
    iou: float = 0.6  # boxes of one class that overlap by more than this count as one object
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
    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        """The outputs by name; the next call must not change them: it may come before they are looked at."""
        ...

    def use_threads(self, threads: int) -> None: ...
