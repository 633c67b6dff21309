"""The state of the run for the page and /api/status, and samples of it for the charts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from edge_detector.running.context import Context
from edge_detector.running.meter import OUTPUT, Vitals
from edge_detector.sinks.record import wall_clock_s
from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.marking import Marking
from edge_detector.sinks.web.marks import usage
from edge_detector.sinks.web.models import state
from edge_detector.sinks.web.places import counts
from edge_detector.sinks.web.samples import Sample, Samples
from edge_detector.sinks.web.settings import current
from edge_detector.sinks.web.streams import Streams
from edge_detector.sinks.web.views import Feeds
from edge_detector.system.throttling import Throttling, cause_names, remedy
from edge_detector.version import __version__

# A run without a new frame for STALE_S hangs. Where one frame takes longer than that, it hangs after STALE_PACES times
# as long as the last frame took.
STALE_S = 10.0
STALE_PACES = 3.0
SAMPLE_S = 1.0


class Status:
    """Reads the state of the run, and keeps samples of it for the charts."""

    def __init__(self, context: Context, feeds: Feeds, streams: Streams, marking: Marking | None = None) -> None:
        self._context = context
        self._feeds = feeds
        self._feed = feeds.all
        self._streams = streams
        self._marking = marking
        self._samples = Samples()

    @property
    def trouble(self) -> str | None:
        """Why the run is not healthy; None while new frames are detected."""
        return self._trouble_of(self._feed)

    def _trouble_of(self, feed: Feed) -> str | None:
        age_s = feed.age_s
        if age_s is None:
            return "no result yet"
        return f"no new frame for {age_s:.0f} s" if age_s > self._patience_s(feed) else None

    def _patience_s(self, feed: Feed) -> float:
        """How long it may be without a new frame: at least as long as the run waits for a frame of the camera."""
        return max(STALE_S, self._context.config.timeout, STALE_PACES * feed.pace_s)

    def now(self, camera: str = "") -> dict[str, object]:
        """Everything, ready for JSON; None where a value is not known. Without marking there are no mistakes.

        ``camera``: the frames, the results, what is counted and what is in trouble are those of this one.
        """
        vitals, feed = self._context.meter.vitals, self._feeds.of(camera)
        trouble = self._trouble_of(feed)
        return {
            **state(self._context),
            "version": __version__,
            "healthy": trouble is None,
            "trouble": trouble,
            "frame_age_s": feed.age_s,
            "pace_s": feed.pace_s,
            "results": feed.number,
            "viewers": len(self._streams.viewers),
            "settings": current(self._context.detector),
            "fps": vitals.fps,
            "dropped": vitals.dropped,
            "latency_ms": {"p50": vitals.latency_p50_ms, "p95": vitals.latency_p95_ms, "p99": vitals.latency_p99_ms},
            "soc_temperature_c": vitals.soc_temperature_c,
            "throttling": _in_words(vitals.throttling),
            "counts": counts(self._context, camera),
            **({} if self._marking is None else {"mistakes": usage(self._marking)}),
            **({"cameras": cameras} if (cameras := _cameras(vitals)) else {}),
            "sample": self.sample(),
        }

    def history(self, span: str) -> list[Sample]:
        """The points of one of `samples.SPANS`, oldest first."""
        return self._samples.of(span)

    def sample(self) -> Sample:
        """The values of this moment that the charts show."""
        vitals = self._context.meter.vitals
        # Without new results the vitals stay as they were at the last one.
        stalled = self._feed.number > 0 and self.trouble is not None
        is_on = self._context.detector.is_on  # while it is off, pictures come, but nothing has a speed
        has_latency = is_on and not stalled
        return {
            "at_s": wall_clock_s(time.monotonic_ns()),
            "fps": None if not is_on else 0.0 if stalled else vitals.fps[OUTPUT],
            "latency_p50_ms": vitals.latency_p50_ms if has_latency else None,
            "latency_p95_ms": vitals.latency_p95_ms if has_latency else None,
            "dropped": float(sum(vitals.dropped.values())),
            "soc_temperature_c": None if stalled else vitals.soc_temperature_c,
        }

    async def take_samples(self) -> None:
        """Take a sample a second until cancelled."""
        while True:
            if self._feed.number:
                self._samples.add(self.sample())
            await asyncio.sleep(SAMPLE_S)


def _cameras(vitals: Vitals) -> dict[str, dict[str, object]]:
    """Each of several, by its name."""
    return {name: asdict(camera) for name, camera in vitals.cameras.items()}


def _in_words(throttling: Throttling | None) -> dict[str, str] | None:
    if throttling is None:
        return None
    earlier = throttling.since_boot & ~throttling.now
    return {"now": cause_names(throttling.now), "earlier": cause_names(earlier), "advice": remedy(throttling.now)}
