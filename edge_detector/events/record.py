"""One visit as it stands in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edge_detector.types import Box, Size

HERE, ENDED, CUT_OFF = 0, 1, 2
STATES = {HERE: "here", ENDED: "ended", CUT_OFF: "cut off"}  # cut off: its run died; its end is its last update
PICTURE = "picture"  # the kind of file that the database's own folder holds
UPDATE_S = 10.0  # between two commits of a visit that goes on
STATIONARY_UPDATE_S = 300.0  # of one that does not move
MISSED_S = 60.0  # what was last found so long ago may be gone, though its visit goes on
KEPT = "kept-"  # begins the kind of a second name, which stays when the sink that wrote the file removes its own
CLIP, SNAPSHOT = "clip", "snapshot"  # the kinds that other sinks write; of several clips the second is clip-2


class Crossing(NamedTuple):
    """One crossing of a line."""

    line: str
    direction: str
    after_s: float  # since the start of the visit


class Link(NamedTuple):
    """A file that belongs to a visit."""

    path: Path
    gone: bool  # it was there, and somebody or something has removed it


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """All that is kept of one visit."""

    id: str
    source: str  # the camera, without its password
    label: str
    score: float  # the best
    box: Box  # where it was at its best score, in pixels of the frame
    size: Size  # of the frame
    started_s: float  # seconds since 1970, as the machine's clock told at the last write
    seen_s: float  # when it was last found
    path: tuple[tuple[float, float, float], ...] = ()  # as in `Visit`, with fewer points
    zones: Mapping[str, float] = field(default_factory=dict)  # seconds in each
    crossings: tuple[Crossing, ...] = ()
    stationary: bool = False
    state: int = HERE  # one of STATES
    kept: bool = False  # somebody keeps it: neither age nor size removes it
    files: Mapping[str, Link] = field(default_factory=dict)  # by kind: picture, clip, snapshot; only of what is read

    @property
    def duration_s(self) -> float:
        """From the first to the newest frame in which it was found."""
        return self.seen_s - self.started_s

    def is_missed(self, now_s: float) -> bool:
        """Whether the visit goes on, but the object was last found more than a minute before ``now_s``.

        What stands still is written so rarely that this is known later: it may have been found since the last write.
        """
        unwritten_s = STATIONARY_UPDATE_S if self.stationary else 0.0
        return self.state == HERE and now_s - self.seen_s > MISSED_S + unwritten_s

    def files_of(self, kind: str) -> list[Link]:
        """The files of one kind, such as clip, clip-2 and so on, in the order in which they were made."""
        kinds = (each for each in self.files if each == kind or each.startswith(f"{kind}-"))
        return [self.files[each] for each in sorted(kinds, key=lambda name: (len(name), name))]
