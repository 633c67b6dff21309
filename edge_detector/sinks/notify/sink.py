"""What all services have in common: a message a visit, with its best picture, through a queue on the disk."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from edge_detector.errors import ConfigError, SinkError
from edge_detector.image_files import encode_jpeg, shrunk
from edge_detector.masking import masked_value
from edge_detector.options import Spec
from edge_detector.overlay import annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.background import Background
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.outbox import Outbox
from edge_detector.sinks.notify.rules import NotifyOptions, Rules
from edge_detector.sinks.notify.sender import RETRY_S, Sender
from edge_detector.sinks.record import wall_clock
from edge_detector.system.state import queue_folder, short_digest
from edge_detector.types import Result, Visit

log = logging.getLogger(__name__)

ServiceOptions = TypeVar("ServiceOptions", bound=NotifyOptions)

LONGEST_SIDE = 1280  # pixels of a picture: enough to recognise somebody, and some 150 KB
QUALITY = 85


@dataclass(slots=True)
class Announcement:
    """A visit that people will be told of as soon as its picture has had time to become better."""

    visit: Visit
    due_ns: int
    picture: bytes = b""
    picture_ns: int = -1  # the frame that it shows

    def is_better_in(self, result: Result) -> bool:
        """Whether ``result`` has the best picture of the visit, or the first."""
        now_ns = result.frame.timestamp_ns
        return not self.picture or (now_ns == self.visit.best_ns and now_ns != self.picture_ns)


class NotifySink(
    Sink, Generic[ServiceOptions], may_block=True, backlog=8, cameras=Cameras.APART, adds=("deliver", "prepare")
):
    """A service has its options and overrides `prepare` and `deliver`.

    Two threads: the sink's own draws pictures and writes the queue on the disk, another one waits for the network.
    """

    def __init__(
        self, spec: Spec, context: Context, *, retry_s: tuple[float, float] = RETRY_S, outbox: Outbox | None = None
    ) -> None:
        """Raises `ConfigError` for options that cannot work."""
        where = f"sink {spec.name}"
        try:
            self._given: ServiceOptions = sink_options(type(self).options, spec)  # type: ignore[arg-type]
        except ConfigError as error:
            raise ConfigError(str(error) if str(error).startswith(where) else f"{where}: {error}") from None
        self.prepare(self._given, where=where)
        self._rules = Rules(self._given, context, where=where)
        self._context = context
        self._coming: dict[str, Announcement] = {}
        self._outbox = outbox or Outbox(
            _folder(spec, self._given, context.camera), most=self._given.keep, count=context.meter.wrote
        )
        sender = Sender(spec.name, self._outbox, self.deliver, retry_s=retry_s)
        self._background: Background[None] = Background(sender, name=sender.name, live=True)
        self._name = spec.name
        context.meter.watch(sender)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._outbox!r}>"

    @abstractmethod
    def prepare(self, options: ServiceOptions, *, where: str) -> None:
        """Check the service's options and read its secrets; nothing is sent yet. Raises `ConfigError`."""

    @abstractmethod
    def deliver(self, message: Message, picture: bytes | None) -> None:
        """Send one message with its JPEG. Raises `DeliveryFailed` and `Refused`."""

    def open(self) -> None:
        """Raises `SinkError` if the queue's folder cannot be made."""
        try:
            self._outbox.open()
        except OSError as error:
            raise SinkError(
                f"sink {self._name}: {self._outbox.folder}: {error.strerror}; choose another folder with queue=FOLDER"
            ) from None
        if not self._context.config.track:
            log.warning("sink %s: tells of visits, and there are none without tracks: leave out --no-track", self._name)
        self._background.open()
        self._background.write(None)  # what an earlier run has left

    def close(self) -> None:
        for id_ in list(self._coming):
            self._announce(self._coming.pop(id_))
        self._background.close()

    def write(self, result: Result) -> None:
        """Tell of the visits that have begun, ``wait`` after that or when they end."""
        now_ns = result.frame.timestamp_ns
        for change in result.visits:
            visit = change.visit
            if self._rules.apply(change, now_ns, datetime.now()):
                self._coming[visit.id] = Announcement(visit, now_ns + round(self._given.wait * 1e9))
            if visit.id in self._coming:
                self._coming[visit.id].visit = visit
        self._draw(result)
        for id_, coming in list(self._coming.items()):
            if coming.visit.ended or now_ns >= coming.due_ns:
                self._announce(self._coming.pop(id_))

    def _draw(self, result: Result) -> None:
        """Keep the picture for all visits whose best it is; drawn once."""
        better = [each for each in self._coming.values() if each.is_better_in(result)]
        if better:
            picture = encode_jpeg(shrunk(annotate(result), LONGEST_SIDE), quality=QUALITY)
            for each in better:
                each.picture, each.picture_ns = picture, result.frame.timestamp_ns

    def _announce(self, coming: Announcement) -> None:
        self._outbox.put(self._message(coming.visit), coming.picture)
        self._background.write(None)

    def _message(self, visit: Visit) -> Message:
        zones = tuple(visit.zones)
        where = f" in {', '.join(zones)}" if zones else ""
        before = f"{self._context.camera}: " if self._context.camera else ""
        return Message(
            id=visit.id,
            time=wall_clock(visit.started_ns),
            title=self._given.title,
            text=f"{before}{visit.label}{where}, {visit.score:.0%}",
            label=visit.label,
            score=round(visit.score, 4),
            box=tuple(round(edge, 2) for edge in visit.best_box),
            zones=zones,
            source=self._context.camera or masked_value(self._context.config.source),
        )


def _folder(spec: Spec, options: NotifyOptions, camera: str) -> Path:
    """Of each destination and camera its own, so that two do not send each other's messages.

    The name tells nothing of the destination.
    """
    digest = short_digest(f"{spec.name}:{spec.argument}:{options.title}")
    return queue_folder("notifications", options.queue) / "-".join(filter(None, (spec.name, digest, camera)))
