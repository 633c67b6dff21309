"""A short film when something wanted is seen, with the seconds before it: ``clips:FOLDER?classes=person``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from edge_detector.errors import ConfigError
from edge_detector.options import Bytes, Seconds, Spec
from edge_detector.overlay import Image, annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink
from edge_detector.sinks.recording.disk import RESERVE_BYTES, DiskFull, Outage
from edge_detector.sinks.recording.encoder import choose_codec
from edge_detector.sinks.recording.mp4_writer import Mp4Writer, put_away
from edge_detector.sinks.recording.preroll import PreRollBuffer
from edge_detector.sinks.recording.retention import Limits, RecordingFolder
from edge_detector.sinks.recording.trigger import Trigger
from edge_detector.types import Result

LEAST_MEMORY_BYTES = 10**6  # for five pictures of 1280x720
CATCH_UP = 3  # pictures filmed for each that arrives, until the seconds before are in the film


@dataclass(frozen=True, slots=True)
class ClipsOptions:
    """``clips:FOLDER?classes=person&before=5s&after=5s&memory=64MB``."""

    folder: Path
    classes: tuple[str, ...] = ()  # none named means all
    before: Seconds = Seconds(5)  # film from before the first sight
    after: Seconds = Seconds(5)  # and after the last
    longest: Seconds = Seconds(300)  # then a new clip begins
    memory: Bytes = Bytes(64_000_000)  # for the pictures from before
    keep: int = 100  # the oldest go when there are more
    reserve: Bytes = Bytes(RESERVE_BYTES)  # they also go when the disk has less left
    encoder: str = "auto"

    def __post_init__(self) -> None:
        """Raises `ConfigError` for limits that leave no room for a clip."""
        if self.longest <= self.before:
            raise ConfigError(f"sink clips: longest = {self.longest:g} s is no longer than before")
        if self.memory < LEAST_MEMORY_BYTES:
            raise ConfigError(f"sink clips: memory = {self.memory} bytes; expected 1MB or more, such as 64MB")
        if self.keep < 1:
            raise ConfigError(f"sink clips: keep is {self.keep}; expected 1 or more, such as 100")


class ClipsSink(Sink, may_block=True, backlog=8):
    """Films a wanted class from ``before`` its first sight until ``after`` its last.

    Pictures wait in the ring. When a clip begins, they move into the film a few at a time, so that the seconds
    before do not hold up the present; once the film has caught up, pictures go straight into it.
    """

    def __init__(self, spec: Spec, context: Context) -> None:
        options = sink_options(ClipsOptions, spec, argument="folder")
        self._before_ns, self._after_ns = round(options.before * 1e9), round(options.after * 1e9)
        self._longest_s = options.longest
        self._codec = choose_codec(options.encoder)
        self._trigger = Trigger(options.classes, context.detector.labels, where="sink clips")
        self._shelf = RecordingFolder(options.folder, Limits(items=options.keep, reserve_bytes=options.reserve))
        self._ring = PreRollBuffer(limit_bytes=options.memory)
        self._outage = Outage("clips", live=context.live)
        self._meter = context.meter
        self._film: Mp4Writer | None = None
        self._until_ns = 0  # the film's end, as far as it is known

    def __repr__(self) -> str:
        return f"<ClipsSink {self._shelf!r} {self._ring!r} {self._film!r}>"

    @property
    def lost(self) -> int:
        """Pictures of something wanted for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        self._shelf.open()

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
            with self._outage.survived():
                self._film_pictures(len(self._ring))
        finally:
            self._finish()

    def write(self, result: Result) -> None:
        """Keep the annotated frame, and film if a wanted class is or was there.

        Raises `SinkError` when the disk fails; `DiskFull` when it is full and the source is a file.
        """
        now_ns = result.frame.timestamp_ns
        labels = self._trigger(result)
        if labels:
            self._until_ns = now_ns + self._after_ns
        if labels and self._film is None:
            self._outage.attempt(partial(self._begin, labels[0], now_ns - self._before_ns))
        image = annotate(result, line=self._meter.line())
        if self._film is None:
            self._ring.append(image, now_ns)
            self._ring.forget_before(now_ns - self._before_ns)
        else:
            self._outage.attempt(partial(self._take, self._film, image, now_ns))

    def _begin(self, label: str, start_ns: int) -> None:
        self._shelf.make_room()
        self._ring.forget_before(start_ns)
        path = self._shelf.folder / f"{self._shelf.new_name(label)}.mp4"
        self._film = Mp4Writer(path, self._codec, count=self._meter.wrote)

    def _take(self, film: Mp4Writer, image: Image, now_ns: int) -> None:
        """Put ``image`` where it belongs: straight into the film if no earlier picture waits, else into the ring."""
        try:
            if not len(self._ring) and not self._is_over(film, now_ns):
                film.add(image, now_ns)
            else:
                self._ring.append(image, now_ns)
                self._film_pictures(CATCH_UP)
        except DiskFull:
            self._finish()
            raise

    def _film_pictures(self, most: int) -> None:
        """Move up to ``most`` pictures from the ring into the film, more if memory runs out; end it when it is over."""
        filmed = 0
        while self._film is not None and len(self._ring) and (filmed < most or self._ring.over_limit):
            if self._is_over(self._film, self._ring.oldest_ns):
                self._finish()
                return
            picture = self._ring.pop_oldest()
            self._film.add(picture.image, picture.timestamp_ns)
            filmed += 1

    def _is_over(self, film: Mp4Writer, next_ns: int) -> bool:
        return next_ns > self._until_ns or film.duration_s >= self._longest_s

    def _finish(self) -> None:
        if self._film is None:
            return
        film, self._film = self._film, None
        put_away(film, self._shelf, self._outage)
