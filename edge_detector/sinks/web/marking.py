"""Marking: the very picture that a viewer looks at, what the viewer says of it, and the pictures offered for review."""

from __future__ import annotations

import logging
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_detector.errors import SinkError
from edge_detector.image_files import decode_image, encode_jpeg
from edge_detector.mask import Masks
from edge_detector.masking import masked_value
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.record import BY_HAND, Found, Marked
from edge_detector.mistakes.store import Store, Usage
from edge_detector.mistakes.unsure import DAY_S, Offer, Sampler
from edge_detector.resource import Resource
from edge_detector.running.context import Context
from edge_detector.sinks.background import Background
from edge_detector.sinks.base import Writer
from edge_detector.sinks.record import wall_clock_s
from edge_detector.sinks.web.place_masks import masks_of
from edge_detector.types import Result

log = logging.getLogger(__name__)

RECENT_BYTES = 16 * 10**6  # of pictures that were sent to viewers; a slow phone is seconds behind
MOST_HELD = 16  # pictures that viewers mark at this moment; the one that was frozen first goes
QUALITY = 92  # of a JPEG that is made for the folder


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that somebody has seen, with what was found on it."""

    sequence: int
    picture: Marked  # without an id
    jpeg: bytes


class Recent:
    """The pictures that were sent last. Used by one thread."""

    def __init__(self, limit_bytes: int = RECENT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._shown: deque[Shown] = deque()

    def __repr__(self) -> str:
        return f"<Recent {len(self._shown)} pictures, {self._bytes} bytes>"

    def add(self, shown: Shown) -> None:
        """The oldest make room."""
        self._shown.append(shown)
        self._bytes += len(shown.jpeg)
        while self._bytes > self._limit_bytes and len(self._shown) > 1:
            self._bytes -= len(self._shown.popleft().jpeg)

    def of(self, sequence: int) -> Shown | None:
        """The newest one of that frame: a film that begins again uses its numbers again."""
        return next((shown for shown in reversed(self._shown) if shown.sequence == sequence), None)


class Marking(Resource):
    """Holds what viewers mark until they are done, and keeps it in a folder; offers pictures for review.

    `see` is called by the detector's thread, `remember`, `freeze`, `hold`, `judge` and `remove` by the encoder's.
    """

    def __init__(
        self,
        context: Context,
        folder: Path,
        *,
        size_bytes: int,
        a_day: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``a_day``: how many pictures are offered at most; 0: none."""
        self.store = Store(folder, size_bytes=size_bytes)
        self.usage: Usage | None = None  # None: the folder cannot be read
        self._context = context
        self._a_day = a_day if context.live else 0
        self._clock = clock
        cameras = context.cameras or ("",)
        self._recent = {camera: Recent(RECENT_BYTES // len(cameras)) for camera in cameras}
        self._held: OrderedDict[str, tuple[Marked, bytes]] = OrderedDict()
        self._sampler: Sampler | None = None
        self._offers: Background[Offer] = Background(OfferWriter(self._keep_offer), name="mistakes", live=True)

    def __repr__(self) -> str:
        return f"<Marking {self.store!r} {self.usage}>"

    @property
    def cameras(self) -> tuple[str, ...]:
        """As `Context.cameras`."""
        return self._context.cameras

    def open(self) -> None:
        """A folder that cannot be used is one line of the log: the camera goes on."""
        try:
            self.store.tidy()
        except SinkError as error:
            log.warning("%s; until that is mended, nothing that is marked on the page can be kept", error)
        self._count()
        if self._a_day:
            self._sampler = Sampler(self._a_day, ages_s=self._ages_s(), clock=self._clock)
            self._offers.open()

    def close(self) -> None:
        if self._sampler is not None:
            self._sampler = None
            self._offers.close()

    def see(self, result: Result) -> None:
        """Offer the picture for review if the detector is unsure of it; hardly ever more than a look at its scores."""
        if self._sampler is not None and self._context.tells_visits(result):
            offer = self._sampler.look(result, self._context.detector.thresholds)
            if offer is not None:
                self._offers.write(offer)

    def remember(self, result: Result, jpeg: bytes) -> None:
        """A picture that is about to be sent to viewers."""
        self._recent[result.camera].add(Shown(result.frame.sequence, self._described(result, BY_HAND), jpeg))

    def freeze(self, sequence: int, camera: str = "") -> Marked | None:
        """Hold the picture of that frame for somebody who wants to mark it; None if it is too old.

        ``camera``: whose frame it is, where there are several.
        """
        shown = self._recent[camera or self._context.camera].of(sequence)
        return None if shown is None else self.hold(shown.picture, shown.jpeg)

    def hold(self, picture: Marked, jpeg: bytes) -> Marked:
        """Hold any picture until it is judged; returns it with the id under which it is."""
        held = replace(picture, id=f"held-{secrets.token_hex(8)}")
        self._held[held.id] = held, jpeg
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return held

    def offers(self) -> list[Marked]:
        """The pictures that wait for review, oldest first. Raises `SinkError` if the folder cannot be read."""
        self._count()  # somebody may have removed some on the command line
        return self.store.offers()

    def jpeg(self, id_: str) -> bytes | None:
        """The picture of that id, held or in the folder."""
        return self._held[id_][1] if id_ in self._held else self.store.jpeg(id_)

    def judge(self, id_: str, given: Any) -> Marked | None:
        """Keep what a viewer says of a picture; None if there is none of that id.

        Raises `ConfigError` if it cannot be used, `SinkError` if it cannot be written.
        """
        try:
            if id_ not in self._held:
                return self._judge_kept(id_, given)
            picture, jpeg = self._held[id_]
            kept = self.store.add(judged(picture, given), self._masked(picture, jpeg))
            del self._held[id_]
            return kept
        finally:
            self._count()

    def remove(self, id_: str) -> bool:
        """Forget a picture: one that is held, offered or kept. False if there is none of that id."""
        try:
            return self._held.pop(id_, None) is not None or self.store.remove(id_)
        finally:
            self._count()

    def _judge_kept(self, id_: str, given: Any) -> Marked | None:
        picture = self.store.get(id_)
        if picture is None:
            return None
        changed = judged(picture, given)
        self.store.change(changed)
        return changed

    def _keep_offer(self, offer: Offer) -> None:
        frame = self._masks(offer.result.camera).privacy(offer.result.frame)
        self.store.add(self._described(offer.result, offer.reason), encode_jpeg(frame.image, quality=QUALITY))
        self._count()

    def _described(self, result: Result, reason: str) -> Marked:
        return Marked(
            id="",
            taken_s=wall_clock_s(result.frame.timestamp_ns),
            size=result.frame.size,
            model=self._context.detector.name,
            source=result.camera or masked_value(self._context.config.source),
            reason=reason,
            found=tuple(Found(each.label, each.score, each.box) for each in result.detections),
        )

    def _masked(self, picture: Marked, jpeg: bytes) -> bytes:
        """The picture with the privacy masks of now: it was taken before the viewer began to mark it."""
        masks = self._masks(picture.source if picture.source in self._context.cameras else "")
        if not masks.private:
            return jpeg
        return encode_jpeg(masks.privacy(decode_image(jpeg)).image, quality=QUALITY)

    def _masks(self, camera: str) -> Masks:
        return masks_of(self._context.places_of(camera))

    def _ages_s(self) -> list[float]:
        """How long ago the pictures of earlier runs were offered, as far as the clock can be believed."""
        now_s = wall_clock_s(time.monotonic_ns())
        try:
            known = [*self.store.offers(), *self.store.kept(newest=self._a_day)]
        except SinkError:
            return []
        ages_s = (now_s - each.taken_s for each in known if each.reason != BY_HAND)
        return [age_s for age_s in ages_s if 0 <= age_s < DAY_S]

    def _count(self) -> None:
        try:
            self.usage = self.store.usage()
        except SinkError:
            self.usage = None


class OfferWriter(Writer[Offer], backlog=1):
    """Keeps pictures that are offered. What cannot be written is lost and said once: the camera goes on."""

    def __init__(self, keep: Callable[[Offer], None]) -> None:
        self._keep = keep
        self._fails = False

    def write(self, item: Offer) -> None:
        """Raises nothing for a disk that is full or read-only."""
        try:
            self._keep(item)
        except SinkError as error:
            if not self._fails:
                log.warning("%s; pictures to review are lost until that is mended", error)
            self._fails = True
        else:
            if self._fails:
                log.warning("pictures to review are kept again")
            self._fails = False
