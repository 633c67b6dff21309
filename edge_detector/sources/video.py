"""Video files, decoded by FFmpeg (PyAV): every frame, with its own time stamp."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_detector.config import Config
from edge_detector.errors import SourceError
from edge_detector.limits import MOST_PIXELS_IN_WORDS
from edge_detector.options import Spec, argument
from edge_detector.registry import SOURCES, names
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.sources.decoding import PictureMaker, decode, open_container, why_not
from edge_detector.types import Frame, Size

log = logging.getLogger(__name__)

CUT_S = 0.5  # a file that ends this much before its declared end was cut; less is rounding
MOST_BEHIND_S = 0.5  # with --realtime: a film that is decoded later than this goes on from there
DEFAULT_RATE = Fraction(25)  # frames per second of a bare stream that tells none (FFmpeg's own default)
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class VideoFileOptions:
    """``video:PATH``."""

    path: Path = argument("a video file")


class VideoSource(Source, options=VideoFileOptions):
    """The frames of one file, from its beginning; again and again with ``--loop``.

    ``timestamp_ns`` is the monotonic clock at the first frame plus the frame's place in the film: differences are
    those of the film, whatever the speed at which it is read. With ``config.realtime`` that is the film's own,
    and where the machine is too slow for it, `_paced` adds what it is late.
    """

    def __init__(
        self,
        spec: Spec,
        config: Config,
        _model_size: Size,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """``wait(seconds)`` waits until a frame is due; with ``clock_ns``, for tests."""
        self.live = config.realtime
        self.path = source_options(VideoFileOptions, spec).path
        self._first: InputContainer | None = None  # opened on entry, until the iteration takes it
        self._loop = config.loop
        self._reported = False
        self._sequence = 0
        self._stopped = threading.Event()
        self._picture = PictureMaker()
        self._clock_ns = clock_ns
        self._wait = wait or self._stopped.wait

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "open"
        return f"<VideoSource {state} {self.path} frame {self._sequence} of {self.frame_count or '?'}>"

    def open(self) -> None:
        self._first = _open(self.path)
        self.frame_count = None if self._loop else self._first.streams.video[0].frames or None

    def close(self) -> None:
        self.stop()
        if self._first is not None:
            self._first.close()
            self._first = None

    def stop(self) -> None:
        """End the iteration."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Raises `SourceError` after the last good frame of a file that breaks off."""
        origin_ns = self._clock_ns()
        while not self._stopped.is_set():
            container, self._first = self._first or _open(self.path), None
            film = _DecodedFilm(self.path, container)
            for decoded, position_ns in film:
                if self.live:
                    origin_ns = self._paced(origin_ns, position_ns)
                yield self._frame(decoded, origin_ns, position_ns)
                self._sequence += 1
                if self._stopped.is_set():
                    return
            self._report(film)
            if not self._loop:
                return
            origin_ns += film.end_ns

    def _paced(self, origin_ns: int, position_ns: int) -> int:
        """Wait until a frame is due; gives the clock at the first frame, later where the machine is too slow.

        So what is shown is never older than `MOST_BEHIND_S`, and a film catches up by no more than that.
        """
        early_ns = origin_ns + position_ns - self._clock_ns()
        self._wait(max(0, early_ns) / SECOND_NS)
        return origin_ns if early_ns >= -MOST_BEHIND_S * SECOND_NS else origin_ns - early_ns

    def _frame(self, decoded: av.VideoFrame, origin_ns: int, position_ns: int) -> Frame:
        position_s = position_ns / SECOND_NS
        return Frame(self._picture(decoded), self._sequence, origin_ns + position_ns, position_s=position_s)

    def _report(self, film: _DecodedFilm) -> None:
        """Say what was left out; of a loop once."""
        if film.damaged and not self._reported:
            log.warning("%s: %d damaged packets left out", self.path, film.damaged)
            self._reported = True


class _DecodedFilm:
    """One pass over a file: its decoded frames, each with its place in the film in nanoseconds."""

    def __init__(self, path: Path, container: InputContainer) -> None:
        """``container``: of the file; it is closed at the end."""
        self.path = path
        self._container = container
        self.end_ns = 0  # when the newest frame ends
        self._position_ns = 0  # of the newest frame, from the first
        self._first_ns: int | None = None  # time stamp of the first frame in the file
        self._frames = 0
        self.damaged = 0  # packets left out

    def __iter__(self) -> Iterator[tuple[av.VideoFrame, int]]:
        with self._container as container:
            stream = container.streams.video[0]
            period_ns = int(SECOND_NS / (stream.average_rate or DEFAULT_RATE))
            for packet in self._packets(container, stream):
                for frame in self._decode(packet):
                    self._frames += 1
                    yield frame, self._place(frame, period_ns)
        if self._frames == 0:
            reason = f"is it damaged, or are its pictures larger than {MOST_PIXELS_IN_WORDS}?"
            raise SourceError(f"{self.path}: no frame in it can be decoded; {reason}")

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[Any]]:
        """The whole packets, then the empty one that makes the decoder return the frames it still holds.

        A damaged packet in the middle is left out; at the end it is where the file was cut.
        """
        cut = False
        start = reached = stream.start_time or 0
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    cut = True
                    self.damaged += 1
                    continue
                if packet.size:
                    cut = False
                    reached = max(reached, packet.pts or 0)
                yield packet
        except av.FFmpegError as error:  # such as a memory card pulled out
            raise self._broke_off(error.strerror or str(error)) from None
        whole_s, reached_s = declared_s(container, stream), _seconds(reached, stream) - _seconds(start, stream)
        if whole_s - reached_s > CUT_S:
            raise self._broke_off(f"it ends at {reached_s:.0f} of {whole_s:.0f} s")
        if cut:
            raise self._broke_off("its end is damaged")

    def _decode(self, packet: av.Packet[Any]) -> list[av.VideoFrame]:
        frames = decode(packet)
        if frames is None:
            self.damaged += 1
        return frames or []

    def _place(self, frame: av.VideoFrame, period_ns: int) -> int:
        """Where ``frame`` lies. Bare H.264 has no times: there frames follow at the average rate."""
        time_base = frame.time_base  # made anew each time
        if frame.pts is None or time_base is None:
            self._position_ns = self.end_ns
        else:
            # In whole numbers: fractions take as long as all else here for a frame, but for decoding.
            at_ns = frame.pts * time_base.numerator * SECOND_NS // time_base.denominator
            if self._first_ns is None:
                self._first_ns = at_ns
            self._position_ns = max(self._position_ns, at_ns - self._first_ns)
        self.end_ns = self._position_ns + period_ns
        return self._position_ns

    def _broke_off(self, reason: str) -> SourceError:
        return SourceError(f"{self.path}: broke off after {self._frames} frames ({reason}); is the file complete?")


def declared_s(container: InputContainer, stream: VideoStream) -> float:
    """How long the film says it is, in seconds; 0 if it does not say.

    MP4 and AVI say it for each stream, Matroska in a tag. The container's own duration counts only when the film is
    alone in it: a longer sound track would make every film look cut.
    """
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if tag := re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", "")):
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return 0.0


def _seconds(ticks: int, stream: VideoStream) -> float:
    return float(ticks * (stream.time_base or 0))


def _open(path: Path) -> InputContainer:
    """The container, set to decode in one thread: inference is slower and needs the other cores.

    Raises `SourceError` for what is not there, or is no film.
    """
    if path.is_fifo():  # opening it would wait for a writer, perhaps for ever
        raise SourceError(f"{path}: is a pipe; --source reads files, and streams by their URL")
    try:
        container = open_container(str(path))
    except FileNotFoundError:
        raise SourceError(
            f"{path}: no such file; --source takes a camera number, /dev/videoN, a URL, a video, an image, "
            f"a folder of images or one of {', '.join(names(SOURCES))}"
        ) from None
    except av.InvalidDataError:
        raise SourceError(f"{path}: not a video, or one that was cut before its index; is the file complete?") from None
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{path}: cannot be opened: {error.strerror}") from None
    if reason := why_not(container):
        container.close()
        raise SourceError(f"{path}: {reason}")
    container.streams.video[0].codec_context.thread_count = 1
    return container
