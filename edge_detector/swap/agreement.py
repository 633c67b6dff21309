"""How alike two models are: which boxes of one the other has found, too, and how long each of them takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from edge_detector.boxes import iou
from edge_detector.track.association import best_pairs
from edge_detector.types import Detections

SAME_BOX = 0.5  # boxes of one label that overlap by so much (IoU) are the same, as where AP50 is measured


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts over the frames that both models have seen."""

    frames: int = 0
    running: int = 0  # boxes of the model that runs
    new: int = 0  # boxes of the new one
    same: int = 0  # pairs of one label that overlap by `SAME_BOX`
    silent: int = 0  # frames in which the running one finds something, and the new one nothing

    @classmethod
    def of(cls, running: Detections, new: Detections) -> Self:
        """Of one frame; labels are compared by name, for the models may number them differently."""
        is_silent = len(running) > 0 and not len(new)
        return cls(1, len(running), len(new), _pairs(running, new), int(is_silent))

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.frames + other.frames,
            self.running + other.running,
            self.new + other.new,
            self.same + other.same,
            self.silent + other.silent,
        )

    def __str__(self) -> str:
        if self.share is None:
            return f"neither model has found anything in {self.frames} frames"
        return (
            f"they agree in {self.share:.0%} of the boxes ({self.running} of the old model, {self.new} of the new one, "
            f"{self.same} the same, in {self.frames} frames)"
        )

    @property
    def share(self) -> float | None:
        """The share of all boxes that have a partner, 0 to 1; None if there are no boxes."""
        boxes = self.running + self.new
        return 2 * self.same / boxes if boxes else None


def _pairs(running: Detections, new: Detections) -> int:
    if not len(running) or not len(new):
        return 0
    overlaps = iou(running.boxes[:, None], new.boxes)
    names = [[mine.label == theirs.label for theirs in new] for mine in running]
    rows, _ = best_pairs(overlaps * (overlaps >= SAME_BOX) * names)
    return len(rows)
