"""A short film of each visit of a wanted object, with the seconds before it: ``clips:FOLDER?classes=person``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from edge_detector.errors import ConfigError
from edge_detector.events.links import FileLinks
from edge_detector.options import Bytes, Seconds, Spec, argument, option
from edge_detector.overlay import Image, annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.recording.disk import RESERVE_BYTES, DiskFull, Outage
from edge_detector.sinks.recording.encoder import choose_codec
from edge_detector.sinks.recording.filmed_visits import FilmedVisits
from edge_detector.sinks.recording.mp4_writer import Mp4Writer, finish_recording
from edge_detector.sinks.recording.playable import FILM_SUFFIX
from edge_detector.sinks.recording.preroll import PreRollBuffer
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder
from edge_detector.sinks.recording.trigger import Trigger, VisitsInMotion
from edge_detector.trails import Trails
from edge_detector.types import Result

LEAST_MEMORY_BYTES = 10**6  # enough for five pictures of 1280x720
VISIT_BEGINS_NS = 10**9  # a visit is told of some frames after its first one: pictures are kept so much longer
CATCH_UP = 3  # pictures moved from the buffer into the film for each that arrives, until the buffer is empty


@dataclass(frozen=True, slots=True)
class ClipsOptions:
    """``clips:FOLDER?classes=person&before=5s&after=5s&memory=64MB``."""

    folder: Path = argument("the folder for the films; it is made if it is missing")
    classes: tuple[str, ...] = option((), "film only these, such as person,dog; none: all classes")
    before: Seconds = option(Seconds(5), "film from before the visit begins")
    after: Seconds = option(Seconds(5), "film from after the visit's end, and after the object has come to a stand")
    longest: Seconds = option(Seconds(300), "length of one clip at most; then a new one begins")
    memory: Bytes = option(Bytes(64_000_000), "memory for the pictures of the seconds before, at most")
    keep: int = option(100, "number of clips to keep; the oldest are removed when there are more")
    reserve: Bytes = option(Bytes(RESERVE_BYTES), "clips are also removed when the disk has less free than this")
    encoder: str = option("auto", "software, hardware, or auto: hardware if it is there and works")
    trails: bool = option(False, "true: draw where each object has stood in the last seconds")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for limits that leave no room for a clip."""
        if self.longest <= self.before:
            raise ConfigError(
                f"sink clips: longest = {self.longest:g} s; expected more than before, which is {self.before:g} s"
            )
        if self.memory < LEAST_MEMORY_BYTES:
            raise ConfigError(f"sink clips: memory = {self.memory} bytes; expected 1MB or more, such as 64MB")
        if self.keep < 1:
            raise ConfigError(f"sink clips: keep is {self.keep}; expected 1 or more, such as 100")


class ClipsSink(Sink, options=ClipsOptions, may_block=True, backlog=8, cameras=Cameras.APART):
    """Films visits of wanted classes from ``before`` their beginning until ``after`` their end.

    Visits that overlap are one film. One that is stationary, as a parked car, lets the film end; when it moves, the
    next film begins. Without visits, the detections of a wanted class count instead. The database of visits, if the run
    keeps one, says which film shows which visit.

    Pictures wait in the buffer. When a clip begins, they are moved into the film a few at a time, because to encode
    all of them at once would delay the next frame. As soon as the buffer is empty, pictures go directly into the film.
    """

    def __init__(self, spec: Spec, context: Context) -> None:
        options = sink_options(ClipsOptions, spec)
        self._before_ns, self._after_ns = round(options.before * 1e9), round(options.after * 1e9)
        self._longest_s = options.longest
        self._codec = choose_codec(options.encoder)
        self._tells_visits = context.tells_visits
        self._trigger = Trigger(options.classes, context.detector.labels, where="sink clips")
        self._visits = VisitsInMotion(self._trigger.wanted)
        limits = Limits(items=options.keep, reserve_bytes=options.reserve)
        self._folder = RecordingFolder(options.folder, limits, camera=context.camera)
        self._buffer = PreRollBuffer(limit_bytes=options.memory)
        self._outage = Outage("clips", live=context.live)
        self._links = FileLinks(context.config.sinks, count=context.meter.wrote)
        self._filmed = FilmedVisits(self._links)
        self._meter = context.meter
        self._trails = Trails(wanted=options.trails)
        self._writer: Mp4Writer | None = None
        self._end_ns = 0  # of the film; moves on while a wanted object is in view

    def __repr__(self) -> str:
        return f"<ClipsSink {self._folder!r} {self._buffer!r} {self._writer!r}>"

    @property
    def lost(self) -> int:
        """Pictures of clips for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        self._folder.open()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """After an error the film ends where it is: the pictures that wait may be what cannot be written."""
        if exc is not None:
            self._finish()
        super().__exit__(exc_type, exc, traceback)

    def close(self) -> None:
        """Film what waits, and end the film."""
        try:
            with self._outage.full_disk_tolerated():
                self._move_pictures(len(self._buffer))
        finally:
            self._finish()
            self._links.close()

    def write(self, result: Result) -> None:
        """Keep the annotated frame, and film it if a wanted class is or was in view.

        Raises `SinkError` if the disk fails; `DiskFull` if it is full and the source is a file.
        """
        now_ns = result.frame.timestamp_ns
        is_tracked = self._tells_visits(result)
        if is_tracked:
            self._heed_visits(result)
        else:
            self._heed_detections(result)
        image = annotate(result, line=self._meter.line(), trails=self._trails.update(result))
        if self._writer is None:
            self._buffer.append(image, now_ns)
            self._buffer.drop_before(now_ns - self._before_ns - (VISIT_BEGINS_NS if is_tracked else 0))
        else:
            self._outage.attempt(partial(self._add, self._writer, image, now_ns))
        self._links.write()

    def _heed_visits(self, result: Result) -> None:
        """Let the film go on while a visit is in motion, and end ``after`` the last one was seen."""
        now_ns = result.frame.timestamp_ns
        visits = self._visits.take(result.visits)
        if visits:
            self._end_ns = (now_ns if len(self._visits) else self._visits.last_seen_ns) + self._after_ns
        if visits and self._writer is None:
            begin_ns = max(min(visit.started_ns for visit in visits), now_ns - VISIT_BEGINS_NS)
            self._outage.attempt(partial(self._begin, visits[0].label, begin_ns - self._before_ns))
        if self._writer is not None:
            self._filmed.expect(visits)

    def _heed_detections(self, result: Result) -> None:
        now_ns = result.frame.timestamp_ns
        labels = self._trigger(result)
        if labels:
            self._end_ns = now_ns + self._after_ns
        if labels and self._writer is None:
            self._outage.attempt(partial(self._begin, labels[0], now_ns - self._before_ns))

    def _begin(self, label: str, start_ns: int) -> None:
        self._folder.make_room()
        self._buffer.drop_before(start_ns)
        path = self._folder.path / f"{self._folder.new_name(label)}{FILM_SUFFIX}"
        self._writer = Mp4Writer(path, self._codec, count=self._meter.wrote)

    def _add(self, writer: Mp4Writer, image: Image, now_ns: int) -> None:
        """Put ``image`` directly into the film if no earlier picture waits in the buffer, else into the buffer."""
        try:
            if not len(self._buffer) and not self._is_over(writer, now_ns):
                self._film(writer, image, now_ns)
            else:
                self._buffer.append(image, now_ns)
                self._move_pictures(CATCH_UP)
        except DiskFull:
            self._finish()
            raise

    def _move_pictures(self, most: int) -> None:
        """Move up to ``most`` pictures from the buffer into the film, and more while the buffer is over its limit.

        At its end, the film is finished.
        """
        moved = 0
        while self._writer is not None and len(self._buffer) and (moved < most or self._buffer.over_limit):
            if self._is_over(self._writer, self._buffer.oldest_ns):
                self._finish()
                return
            picture = self._buffer.pop_oldest()
            self._film(self._writer, picture.image, picture.timestamp_ns)
            moved += 1

    def _film(self, writer: Mp4Writer, image: Image, timestamp_ns: int) -> None:
        writer.add(image, timestamp_ns)
        self._filmed.reach(writer.path, timestamp_ns)

    def _is_over(self, writer: Mp4Writer, next_ns: int) -> bool:
        return next_ns > self._end_ns or writer.duration_s >= self._longest_s

    def _finish(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        finish_recording(writer, self._folder, self._outage)
        self._filmed.end(writer.path)
