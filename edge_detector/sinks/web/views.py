"""What viewers can watch: one camera, or all of several in one picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edge_detector.running.context import Context
from edge_detector.sinks.mosaic import Mosaic
from edge_detector.sinks.web.feed import Feed, Shared
from edge_detector.sinks.web.messages import DetectionsEvent
from edge_detector.types import Box, Frame, Result


class Feeds:
    """The feed of the whole run and, where there are several cameras, of each. Any thread may call `put`."""

    def __init__(self, context: Context, *, clock: Callable[[], float]) -> None:
        self._mosaic = Mosaic.of(context)
        self._lock = threading.Lock()
        self.all = Feed(clock=clock)
        self._each = {name: self.all if self._mosaic is None else Feed(clock=clock) for name in context.cameras}

    def __repr__(self) -> str:
        return f"<Feeds {', '.join(self._each) or 'of one camera'}>"

    def __iter__(self) -> Iterator[Feed]:
        """Each once."""
        return iter(dict.fromkeys([self.all, *self._each.values()]))

    def of(self, camera: str) -> Feed:
        """That of one camera, by its name; "": that of all. Raises `KeyError` for an unknown name."""
        return self._each[camera] if camera else self.all

    def is_mosaic(self, feed: Feed) -> bool:
        """Whether its pictures are made of those of several cameras."""
        return self._mosaic is not None and feed is self.all

    @property
    def tiles(self) -> dict[str, Box]:
        """Where each of several cameras is in the picture of all: x1, y1, x2, y2 in fractions of it."""
        return {} if self._mosaic is None else self._mosaic.tiles

    def put(self, result: Result) -> None:
        """Hand over ``result`` to who watches its camera, or all."""
        with self._lock:
            self._put(result)

    def hide(self, camera: str, hidden: Callable[[Frame], Frame]) -> None:
        """Show the newest frame of a camera with privacy masks that are new: of one that is lost no other one comes."""
        with self._lock:
            newest = self.of(camera).newest
            if newest is not None:
                self._put(replace(newest.result, frame=hidden(newest.result.frame)))

    def _put(self, result: Result) -> None:
        if self._mosaic is None:
            self.all.put(result)
            return
        self._each[result.camera].put(result)
        self.all.put(self._mosaic.add(result))


@dataclass(frozen=True, slots=True)
class View:
    """What is made of the results of one feed, once for all who watch."""

    feed: Feed
    pictures: Shared[bytes]  # with boxes
    clean_pictures: Shared[bytes]  # without boxes, each with its detections
    snapshots: Shared[bytes]
    detections: Shared[DetectionsEvent]

    async def close(self) -> None:
        """Cancel what is being made."""
        for shared in (self.pictures, self.clean_pictures, self.snapshots, self.detections):
            await shared.close()


class Views:
    """The view of each feed."""

    def __init__(self, feeds: Feeds, make: Callable[[Feed], View]) -> None:
        self._feeds = feeds
        self._views = {feed: make(feed) for feed in feeds}

    def __iter__(self) -> Iterator[View]:
        return iter(self._views.values())

    def of(self, camera: str) -> View:
        """As `Feeds.of`."""
        return self._views[self._feeds.of(camera)]
