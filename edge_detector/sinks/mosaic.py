"""The newest pictures of several cameras as one picture, for who shows one."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.running.context import Context
from edge_detector.types import NOT_TRACKED, Box, Detections, Frame, LazyPicture, Result, Size

SIZE = (1280, 720)  # of the whole picture
TRACKS_OF_A_CAMERA = 10_000_000  # tracks are numbered anew by each camera: here each has a range of its own
TEXT_MARGIN = 8  # pixels
TEXT_SCALE = 0.6
DARKER = 4  # times, the last picture of a camera that is lost


class Cell:
    """The part of the whole picture that shows one camera, as large as its shape allows."""

    def __init__(self, number: int, count: int, size: Size) -> None:
        columns = math.ceil(math.sqrt(count))
        rows = math.ceil(count / columns)
        self.size = size[0] // columns, size[1] // rows
        self.left, self.top = self.size[0] * (number % columns), self.size[1] * (number // columns)

    def part_of(self, size: Size) -> Box:
        """x1, y1, x2, y2 in fractions of the whole picture."""
        right, bottom = self.left + self.size[0], self.top + self.size[1]
        return self.left / size[0], self.top / size[1], right / size[0], bottom / size[1]

    def placed(self, frame_size: Size) -> tuple[float, float, float]:
        """How much smaller a frame is shown, and where its upper left corner is."""
        scale = min(own / frames for own, frames in zip(self.size, frame_size, strict=True))
        left, top = (
            corner + (own - round(scale * frames)) // 2
            for corner, own, frames in zip((self.left, self.top), self.size, frame_size, strict=True)
        )
        return scale, left, top


class Shown(NamedTuple):
    """One camera in the whole picture."""

    cell: Cell
    text: str
    frame: Frame | None  # the newest; None: none has come yet
    is_lost: bool


class MosaicPicture(LazyPicture):
    """Made when somebody looks."""

    def __init__(self, shown: Sequence[Shown], size: Size) -> None:
        super().__init__(size)
        self._shown = shown

    def make(self) -> NDArray[np.uint8]:
        image = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        for cell, text, frame, is_lost in self._shown:
            if frame is not None:
                _draw(image, cell, frame, darker=DARKER if is_lost else 1)
            place = cell.left + TEXT_MARGIN, cell.top + cell.size[1] - TEXT_MARGIN
            for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
                cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, TEXT_SCALE, color, thickness, cv2.LINE_AA)
        return image

    def scaled(self, size: Size) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(self.image, size, interpolation=cv2.INTER_AREA), np.uint8)


class Mosaic:
    """Puts each result into the whole: what it gives has the newest frame and the newest detections of each camera."""

    def __init__(
        self,
        cameras: Sequence[str],
        *,
        states: Callable[[], Mapping[str, object]] = dict,
        lost: Callable[[], Collection[str]] = tuple,
        size: Size = SIZE,
    ) -> None:
        """``states()``: what is written beside the name of each camera. ``lost()``: the cameras that are silent."""
        self._cells = {name: Cell(number, len(cameras), size) for number, name in enumerate(cameras)}
        self._newest: dict[str, Result] = {}
        self._states = states
        self._lost = lost
        self._size = size
        self._sequence = -1

    @classmethod
    def of(cls, context: Context) -> Self | None:
        """Of the cameras of a run; None if there are not several."""
        if len(context.cameras) < 2:
            return None
        meter = context.meter
        return cls(
            context.cameras,
            states=lambda: meter.vitals.cameras,
            lost=lambda: [name for name, each in meter.vitals.cameras.items() if each.silent_s is not None],
        )

    def __repr__(self) -> str:
        return f"<Mosaic of {', '.join(self._cells)}>"

    @property
    def tiles(self) -> dict[str, Box]:
        """Where each camera is: x1, y1, x2, y2 in fractions of the whole picture."""
        return {name: cell.part_of(self._size) for name, cell in self._cells.items()}

    def add(self, result: Result) -> Result:
        """The whole with ``result``, as if it were the result of one camera.

        The last picture of a camera that is lost is dark, and what was found on it is not there any more.
        """
        self._newest[result.camera] = result
        self._sequence += 1
        states, lost = self._states(), set(self._lost()) - {result.camera}
        shown = [
            Shown(
                cell,
                f"{name}  {states.get(name, '')}".strip(),
                newest.frame if (newest := self._newest.get(name)) else None,
                name in lost,
            )
            for name, cell in self._cells.items()
        ]
        frame = Frame(MosaicPicture(shown, self._size), self._sequence, result.frame.timestamp_ns)
        return replace(result, frame=frame, detections=self._detections(result.detections.labels, lost))

    def _detections(self, labels: tuple[str, ...], lost: Collection[str]) -> Detections:
        """Those of all cameras that are there; after a change of the model only those that it has found."""
        parts = [
            self._moved(number, self._cells[name], self._newest[name])
            for number, name in enumerate(self._cells)
            if name in self._newest and name not in lost and self._newest[name].detections.labels == labels
        ]
        columns = [
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("boxes", "scores", "class_ids", "track_ids", "held")
        ]
        boxes, scores, class_ids, track_ids, held = columns
        order = np.argsort(-scores, kind="stable")
        return Detections(boxes, scores, class_ids, labels, track_ids, held)[order]

    def _moved(self, number: int, cell: Cell, result: Result) -> Detections:
        """Where they are in the whole."""
        scale, left, top = cell.placed(result.frame.size)
        found = result.detections
        boxes = found.boxes * np.float32(scale) + np.array([left, top, left, top], np.float32)
        first = np.int32(number * TRACKS_OF_A_CAMERA)
        track_ids = np.where(found.track_ids == NOT_TRACKED, found.track_ids, found.track_ids + first)
        return replace(found, boxes=boxes.astype(np.float32), track_ids=track_ids.astype(np.int32))


def _draw(image: NDArray[np.uint8], cell: Cell, frame: Frame, *, darker: int) -> None:
    scale, left, top = (cell.placed(frame.size)[0], *map(int, cell.placed(frame.size)[1:]))
    size = round(scale * frame.size[0]), round(scale * frame.size[1])
    picture = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    image[top : top + size[1], left : left + size[0]] = picture // darker if darker > 1 else picture
