"""Leaves out the decoding of frames that nobody needs, while the model is slower than the stream."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable
from typing import Final

from av.codec.context import CodecContext

LOOK_EVERY_S = 2.0
USUAL_SHARE = 0.5  # of frames to which others refer, in a stream with B-frames; until it is measured
SPARE = 0.9  # of the frames that would be left: the model takes fewer than that, so none is missed
STARVED = 0.05  # share of frames dropped: with fewer, the model may be waiting for frames

EVERY_FRAME: Final = "DEFAULT"  # FFmpeg's names of what it skips
REFERENCES: Final = "NONREF"


class LeanDecoder:
    """Tells a decoder to skip the frames to which no other frame refers, as long as the model misses nothing.

    All other frames stay exactly as they are: nothing is made of what is skipped. Streams in which every frame is
    referred to, as of many cameras, cost what they did.
    """

    def __init__(
        self, codec: CodecContext, dropped: Callable[[], int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``dropped()``: decoded frames that were overtaken by newer ones, since any beginning."""
        self._codec = codec
        self._dropped = dropped
        self._clock = clock
        self._waiting: list[int] = []  # time stamps of packets given to the decoder while it skips, in order
        self._share = USUAL_SHARE
        self._begin_window()

    def __repr__(self) -> str:
        return f"<LeanDecoder {'references only' if self.skips else 'every frame'}>"

    @property
    def skips(self) -> bool:
        """Whether only frames to which others refer are decoded."""
        return bool(self._codec.skip_frame == REFERENCES)

    def note_packet(self, pts: int | None) -> None:
        """Before a packet is decoded."""
        if self._clock() - self._since_s >= LOOK_EVERY_S:
            self._look()
        self._packets += 1
        if self.skips and pts is not None:
            bisect.insort(self._waiting, pts)

    def note_frame(self, pts: int | None) -> int:
        """After a frame was decoded; returns how many before it, in the order of the film, were skipped."""
        self._frames += 1
        if pts is None:
            return 0
        before, done = bisect.bisect_left(self._waiting, pts), bisect.bisect_right(self._waiting, pts)
        del self._waiting[:done]
        return before

    def _look(self) -> None:
        """Decide for the next window by what happened in this one."""
        dropped = self._dropped() - self._dropped_before
        taken = self._frames - dropped
        if self.skips:
            self._share = min(1.0, self._frames / max(1, self._packets))
            if dropped < STARVED * self._frames:
                self._codec.skip_frame = EVERY_FRAME
        elif dropped > 0 and taken < SPARE * self._share * self._packets:
            self._codec.skip_frame = REFERENCES
        self._begin_window()

    def _begin_window(self) -> None:
        self._since_s = self._clock()
        self._packets = self._frames = 0
        self._dropped_before = self._dropped()
