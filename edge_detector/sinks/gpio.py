"""A pin of a Pi that is on while something is there: ``gpio:17?classes=person&zones=drive&after=10s``.

Of several cameras, any: ``gpio:17?camera=porch`` is on only for what the camera porch sees.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from gpiozero import BadPinFactory, DigitalOutputDevice, GPIOZeroError, PinFactoryFallback

from edge_detector.errors import ConfigError, SinkError
from edge_detector.options import Seconds, Spec, argument, option
from edge_detector.registry import unknown
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.recording.trigger import Wanted
from edge_detector.types import Result, Visit, VisitChange

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpioOptions:
    """``gpio:17?camera=porch&classes=person&zones=drive&after=10s&active_high=true``."""

    pin: str = argument("as gpiozero names pins: 17 or GPIO17, BOARD11")
    camera: str = option("", "of several cameras, on for only this one; none: for any of them")
    classes: tuple[str, ...] = option((), "on for only these, such as person,dog; none: all classes")
    zones: tuple[str, ...] = option((), "on only while one is in one of these zones; none: anywhere in the picture")
    after: Seconds = option(Seconds(10), "the pin stays on for so long after the last one has gone")
    active_high: bool = option(True, "false: the pin is low while it is on, as many relay boards want it")


@dataclass(slots=True)
class Presence:
    """Who is before one camera."""

    here: dict[str, set[str]] = field(default_factory=dict)  # visits of wanted classes: the zones that each is in now
    seen_ns: int | None = None  # when one was last there
    frame_ns: int = 0  # the time stamp of the newest frame


class GpioSink(Sink, options=GpioOptions, may_block=True, backlog=8, idle_s=0.5, cameras=Cameras.TOGETHER):
    """Switches a pin on while something is there: as long as visits go on, those that stand still, too.

    Without tracks, what is detected counts.

    The pin goes off when no picture comes for ``after``, since nobody knows then who is there, and at the end. Of
    several cameras, who was before one that is lost counts no longer than that, whatever the others see.
    """

    def __init__(self, spec: Spec, context: Context, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """Raises `ConfigError` for a class that the model does not have, and a camera that the run does not have."""
        self._options = sink_options(GpioOptions, spec)
        self._wanted = Wanted(self._options.classes, context.detector.labels, where="sink gpio")
        _check_camera(self._options.camera, context.cameras)
        self._zones = frozenset(self._options.zones)
        self._after_ns = round(self._options.after * 1e9)
        self._tells_visits = context.tells_visits
        self._live = context.live
        self._clock_ns = clock_ns
        self._before: defaultdict[str, Presence] = defaultdict(Presence)  # by the names of the cameras
        self._pin: DigitalOutputDevice | None = None

    def __repr__(self) -> str:
        return f"<GpioSink {self._options.pin} {'on' if self._pin and self._pin.value else 'off'}>"

    def open(self) -> None:
        """Raises `SinkError` for a pin that is not there, and a machine without pins."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PinFactoryFallback)  # one for each library that is not there
                self._pin = DigitalOutputDevice(_pin(self._options.pin), active_high=self._options.active_high)
        except BadPinFactory:
            raise SinkError(
                "sink gpio: this machine has no pins, or the library for them is missing: "
                "sudo apt install python3-gpiozero python3-lgpio"
            ) from None
        except (GPIOZeroError, OSError, ImportError, ValueError) as error:
            raise SinkError(f"sink gpio: pin {self._options.pin}: {error}; 'pinout' lists the pins of a Pi") from None

    def close(self) -> None:
        if self._pin is not None:
            self._pin.off()  # closed alone, it would float
            self._pin.close()
            self._pin = None

    def write(self, result: Result) -> None:
        """Switch the pin as the result says."""
        if not self._options.camera or result.camera == self._options.camera:
            self._look(result, self._before[result.camera])
        self._switch(result.frame.timestamp_ns)

    def idle(self) -> None:
        """Switch off in time when no more pictures come."""
        if self._live:  # a film's time stands still while nothing comes of it
            self._switch(self._clock_ns())

    def _look(self, result: Result, before: Presence) -> None:
        for change in result.visits:
            self._follow(change, before.here)
        is_there = any(map(self._counts, before.here.values())) if self._tells_visits(result) else self._detects(result)
        before.frame_ns = result.frame.timestamp_ns
        if is_there:
            before.seen_ns = before.frame_ns

    def _follow(self, change: VisitChange, here: dict[str, set[str]]) -> None:
        visit: Visit = change.visit
        if visit.ended or not self._wanted(visit.label):
            here.pop(visit.id, None)
            return
        zones = here.setdefault(visit.id, set())
        if change.kind == "entered":
            zones.add(change.place)
        elif change.kind == "left":
            zones.discard(change.place)

    def _counts(self, zones: set[str]) -> bool:
        return not self._zones or not self._zones.isdisjoint(zones)

    def _detects(self, result: Result) -> bool:
        return not self._zones and any(self._wanted(each.label) for each in result.detections)

    def _switch(self, now_ns: int) -> None:
        wanted = any(self._is_there(each, now_ns) for each in self._before.values())
        if self._pin is not None and bool(self._pin.value) != wanted:
            self._pin.value = wanted
            log.info("sink gpio: pin %s is %s", self._options.pin, "on" if wanted else "off")

    def _is_there(self, before: Presence, now_ns: int) -> bool:
        """``now_ns`` is the time for all cameras; each film has a time of its own."""
        if before.seen_ns is None:
            return False
        return (now_ns if self._live else before.frame_ns) - before.seen_ns <= self._after_ns


def _check_camera(name: str, cameras: tuple[str, ...]) -> None:
    if name and name not in cameras:
        known = unknown("camera", name, cameras) if cameras else f"this run has one camera without a name, not {name!r}"
        raise ConfigError(f"sink gpio: camera: {known}")


def _pin(text: str) -> int | str:
    """gpiozero takes a number as that of the chip. Raises `ConfigError` for no text."""
    if not text:
        raise ConfigError("sink gpio: the pin is missing; write gpio:17")
    return int(text) if text.isdecimal() else text
