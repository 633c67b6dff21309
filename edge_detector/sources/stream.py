"""Network cameras: RTSP, HTTP (MJPEG too), HLS, through FFmpeg (PyAV); a lost connection is made again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import av
from av.container import InputContainer

from edge_detector.backoff import doubling_pauses
from edge_detector.config import Config
from edge_detector.errors import PictureError, SourceError
from edge_detector.masking import masked, masked_value
from edge_detector.options import Spec, argument
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.sources.credentials import complete
from edge_detector.sources.decoding import PictureMaker, decode, open_container, why_not
from edge_detector.sources.lean_decoding import LeanDecoder
from edge_detector.sources.motion_jpeg import kept_jpeg
from edge_detector.types import Frame, LazyPicture, Size

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5  # a camera that only dropped the connection is back at once
CUT_S = 2.0  # a recording that ends this much before its announced end was cut; less is rounding
LONGEST_PAUSE_S = 10.0  # well below the 30 s after which the service's watchdog restarts it

# UDP loses packets, and many routers forget it after a while; FFmpeg falls back to it where a camera has no TCP.
FFMPEG_OPTIONS = {"rtsp_flags": "prefer_tcp"}


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """``stream:URL``."""

    url: str = argument("rtsp://, http:// and what else FFmpeg knows")


class StreamSource(Source, options=StreamOptions):
    """The newest frames of a network camera, time-stamped on arrival.

    Motion JPEG stays as it came until somebody looks: a frame that is dropped is never decoded, and a picture that is
    cut is left out, as with a USB camera.

    Only the first connection may fail with `SourceError`: an address that never worked is a mistake, one that did
    may work again. After that a lost or silent connection is made again without limit, with growing pauses: a
    service must survive a restart of its router. Where silence matters, the watchdog restarts the program. The pauses
    are short again only after a connection has held for the longest of them, so that one that breaks again and again
    does not fill the log.
    """

    def __init__(
        self, spec: Spec, config: Config, _model_size: Size, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``clock`` in seconds, for tests. Raises `ConfigError` as `complete` does."""
        self.reconnects = 0  # attempts, successful or not
        self.undecoded = 0
        url = source_options(StreamOptions, spec).url
        self._name = masked_value(url)  # for people
        self._url = complete(url, config.source_credentials)  # for FFmpeg
        self._timeout_s = float(config.timeout)
        self._first: InputContainer | None = None  # the connection made on entry, until the iteration takes it
        self._clock = clock
        self._sequence = 0
        self._damaged = 0  # JPEG pictures left out
        self._pauses = pauses()
        self._stopped = threading.Event()
        self._picture = PictureMaker()
        self._dropped: Callable[[], int] = int
        self._state = "closed"

    def __repr__(self) -> str:
        return f"<StreamSource {self._state} {self._name} frames={self._sequence} reconnects={self.reconnects}>"

    def open(self) -> None:
        try:
            self._first = self._connect()
        except (av.FFmpegError, OSError) as error:
            raise SourceError(
                f"{self._name}: cannot connect ({self._reason(error)}); is the camera on, "
                "and are address, user and password right?"
            ) from None

    def close(self) -> None:
        self.stop()
        if self._first is not None:
            self._first.close()
            self._first = None
        if self._damaged:
            log.warning("%s: %d damaged pictures left out", self._name, self._damaged)
            self._damaged = 0
        self._state = "closed"

    def stop(self) -> None:
        """End the iteration: at once in a pause before reconnecting, else with the next packet or its deadline."""
        self._stopped.set()

    def note_drops(self, dropped: Callable[[], int]) -> None:
        """While most frames are dropped, those to which no other refers are not decoded."""
        self._dropped = dropped

    def __iter__(self) -> Iterator[Frame]:
        container, self._first = self._first, None
        while container is not None:
            with container:
                lost = yield from self._frames(container)
            container = self._reconnect(lost) if lost else None

    def _frames(self, container: InputContainer) -> Generator[Frame, None, str]:
        """Frames until the connection is lost. Returns why it was, or "" when nothing more will come."""
        connected_s = newest_s = self._clock()
        lean = LeanDecoder(container.streams.video[0].codec_context, lambda: self._dropped(), clock=self._clock)
        start_s, reached_s = (container.start_time or 0) / av.time_base, 0.0
        try:
            for packet in container.demux():
                arrived_ns = time.monotonic_ns()
                if self._stopped.is_set():
                    return ""
                reached_s = max(reached_s, _end_s(packet) - start_s)
                for picture in self._pictures(packet, lean):
                    yield Frame(picture, self._sequence, arrived_ns)
                    self._sequence += 1
                    newest_s = self._clock()
                    if newest_s - connected_s > LONGEST_PAUSE_S:
                        self._pauses = pauses()
                if self._clock() - newest_s > self._timeout_s:  # sound without pictures, or damaged data
                    return f"no picture for {self._timeout_s:g} s"
        except (av.FFmpegError, OSError) as error:
            return self._reason(error)
        return _cut(container, reached_s)

    def _pictures(self, packet: av.Packet[Any], lean: LeanDecoder) -> Iterator[LazyPicture]:
        """What a packet completes: nothing if it is sound, or damaged."""
        if packet.stream.type != "video":
            return
        try:
            jpeg = kept_jpeg(packet)
        except PictureError as error:
            log.debug("%s: %s", self._name, error)
            self._damaged += 1
            self._sequence += 1
            return
        if jpeg is None:
            yield from self._decoded(packet, lean)
        else:
            yield jpeg

    def _decoded(self, packet: av.Packet[Any], lean: LeanDecoder) -> Iterator[LazyPicture]:
        if packet.size:
            lean.note_packet(packet.pts)
        for frame in decode(packet) or []:
            undecoded = lean.note_frame(frame.pts)
            self.undecoded += undecoded
            self._sequence += undecoded
            yield self._picture(frame)

    def _reconnect(self, lost: str) -> InputContainer | None:
        """A new connection, however long it takes; None when stopped meanwhile."""
        self._state = "disconnected"
        log.warning("%s: connection lost after %d frames: %s", self._name, self._sequence, lost)
        for pause_s in self._pauses:
            if self._stopped.wait(pause_s):
                return None
            self.reconnects += 1
            try:
                container = self._connect()
            except (av.FFmpegError, OSError) as error:
                known, lost = lost, self._reason(error)  # the same reason may come again for hours
                level = logging.DEBUG if lost == known else logging.WARNING
                log.log(level, "%s: reconnect %d failed: %s", self._name, self.reconnects, lost)
            else:
                log.warning("%s: connected again, reconnect %d", self._name, self.reconnects)
                return container
        return None

    def _connect(self) -> InputContainer:
        # FFmpeg's RTSP asks twice before it gives a silent connection up: half the time each.
        timeout_s = (self._timeout_s, self._timeout_s / 2)
        container = open_container(self._url, timeout=timeout_s, options=FFMPEG_OPTIONS)
        if reason := why_not(container):
            container.close()
            raise ConnectionError(reason)
        self._state = "connected"
        return container

    def _reason(self, error: Exception) -> str:
        if isinstance(error, av.ExitError):  # FFmpeg's name for a deadline that has passed
            return f"silent for {self._timeout_s:g} s"
        if isinstance(error, av.InvalidDataError):  # its name for most of what goes wrong in an RTSP conversation
            return "no answer that is a video stream"
        return masked(getattr(error, "strerror", None) or str(error))


def _cut(container: InputContainer, reached_s: float) -> str:
    """Why the stream has ended too early; "" for a recording, which has a duration, that has ended where it should."""
    if not container.duration:
        return "the other side closed the connection"
    whole_s = container.duration / av.time_base
    return f"it ended at {reached_s:.0f} of {whole_s:.0f} s" if whole_s - reached_s > CUT_S else ""


def _end_s(packet: av.Packet[Any]) -> float:
    """When ``packet`` ends on the stream's clock, in seconds; 0 if it has no time."""
    return float(((packet.pts or 0) + (packet.duration or 0)) * (packet.time_base or 0))


def pauses() -> Iterator[float]:
    """Seconds to wait before each attempt to connect."""
    return doubling_pauses(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
