"""Measures variants of a run in turns: a round of each, again and again, so that a drift disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.errors import SourceError
from edge_detector.masking import masked_value
from edge_detector.pipeline import Watch
from edge_detector.system.energy import Energy
from edge_detector.system.thermal import soc_temperature_c
from edge_detector.system.throttling import Throttling, open_reader
from edge_detector.types import Frame, Result

WARM_UP = 3  # the first invocations pack weights and fill caches
FEWEST = 2  # of invocations and of results in a round, however long they take
LOOK_S = 0.5  # between two looks at the meter of energy: the power changes, and asking for it may start a program
PICTURE = (480, 640, 3)  # of what the model alone is given

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Variant:
    """One model with one number of threads."""

    model: str  # its name
    config: Config


@dataclass(frozen=True, slots=True)
class Flow:
    """What the whole pipeline did for a while, without its start."""

    frames: int
    seconds: float
    cpu_s: float  # processor time of this process
    latencies_ms: tuple[float, ...]
    joules: float | None

    @property
    def fps(self) -> float:
        return self.frames / self.seconds


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured of a variant in one turn."""

    invoke_ms: tuple[float, ...]  # the model alone
    flow: Flow
    temperature_c: float | None  # of the processor at the end
    throttling: Throttling | None  # at the end, while it is still at work


@dataclass(frozen=True)
class Bench:
    """How rounds are measured; the parts that tests replace have their real ones as defaults."""

    round_s: float  # of one variant, half of it for the model alone
    energy: Energy
    clock: Clock = time.perf_counter
    temperature: Callable[[], float | None] = soc_temperature_c
    throttling: Callable[[], Throttling | None] = field(default_factory=open_reader)

    def rounds(self, variants: Sequence[Variant], seconds: float) -> Iterator[tuple[Variant, Round]]:
        """A round of each variant, then again for as long as ``seconds`` last; every second time from the last one on.

        Each variant has one round at least. Raises what `Watch` raises.
        """
        end = self.clock() + seconds
        turn = list(variants)
        while True:
            for variant in turn:
                yield variant, self.round(variant.config)
            turn.reverse()
            if self.clock() + len(turn) * self.round_s > end:
                return

    def round(self, config: Config) -> Round:
        """One turn of one variant."""
        invoke_ms = self._invocations_ms(config)
        return Round(invoke_ms, self._flow(config), self.temperature(), self.throttling())

    def _invocations_ms(self, config: Config) -> tuple[float, ...]:
        """How long the model alone takes, its input set and its outputs copied."""
        noise = np.random.default_rng(0).integers(0, 256, PICTURE, np.uint8)
        with open_detector(config) as detector:
            prepared = detector.prepare(Frame(noise, 0, 0))
            for _ in range(WARM_UP):
                detector.infer(prepared)
            times_ms: list[float] = []
            end = self.clock() + self.round_s / 2
            while self.clock() < end or len(times_ms) < FEWEST:
                times_ms.append(detector.infer(prepared).inference_ms)
        return tuple(times_ms)

    def _flow(self, config: Config) -> Flow:
        with Watch(config) as results:
            for _ in range(WARM_UP):
                if next(results, None) is None:
                    raise SourceError(
                        f"{masked_value(config.source)}: ends after a few frames; give a longer one to measure with"
                    )
            return self._measured(results)

    def _measured(self, results: Iterator[Result]) -> Flow:
        """What comes out of a pipeline that runs already, until the time is over or the source ends."""
        started, cpu_s, joules = self.clock(), time.process_time(), self.energy.joules()
        latencies_ms, looked = [], started
        for result in results:
            latencies_ms.append(result.timings.latency_ms)
            if (now := self.clock()) - looked > LOOK_S:
                self.energy.joules()
                looked = now
            if now - started > self.round_s / 2 and len(latencies_ms) >= FEWEST:
                break
        used = None if joules is None or (total := self.energy.joules()) is None else total - joules
        seconds = self.clock() - started
        return Flow(len(latencies_ms), seconds, time.process_time() - cpu_s, tuple(latencies_ms), used)
