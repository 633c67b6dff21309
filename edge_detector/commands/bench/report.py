"""The rounds of a measurement as figures, as tables to paste, and as JSON."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from edge_detector.commands.bench.measuring import Round, Variant
from edge_detector.config import Config
from edge_detector.detect import manifest
from edge_detector.errors import EdgeDetectorError
from edge_detector.system.conditions import Conditions, in_words
from edge_detector.system.energy import Energy
from edge_detector.system.throttling import Cause, cause_names
from edge_detector.text_table import aligned

UNKNOWN = "unknown"
BUSY = 0.5  # of the cores wanted by others in the minute before: figures of such a machine say little
FAKE = "the runtime is fake: there is no model, and these figures say nothing of one"
COLUMNS = ("model", "threads", "invoke ms", "p95", "fps", "latency ms", "p95", "CPU %", "CPU ms", "J", "throttled")
LEGEND = """\
invoke: the model alone. fps, latency, CPU: the whole pipeline, without outputs. Latency of a camera's frame is its age,
of a file's what is done with it. CPU: % of one core, and ms of processor time a frame. J: joules a frame."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one variant: medians over its rounds, percentiles over everything in them."""

    model: str
    threads: int
    rounds: int
    invoke_p50_ms: float
    invoke_p95_ms: float
    fps: float
    latency_p50_ms: float
    latency_p95_ms: float
    cpu_percent: float  # of one core: two busy cores are 200
    cpu_ms: float  # processor time a frame
    joules: float | None  # a frame; None: the machine does not tell
    throttled: str  # why the processor was slowed down, "" if it was not, "unknown"

    @classmethod
    def of(cls, variant: Variant, rounds: Sequence[Round]) -> Self:
        """Of at least one round."""
        flows = [each.flow for each in rounds]
        joules = [flow.joules / flow.frames for flow in flows if flow.joules is not None]
        invoke_p50_ms, invoke_p95_ms = _p50_p95([ms for each in rounds for ms in each.invoke_ms])
        latency_p50_ms, latency_p95_ms = _p50_p95([ms for flow in flows for ms in flow.latencies_ms])
        return cls(
            model=variant.model,
            threads=variant.config.threads,
            rounds=len(rounds),
            invoke_p50_ms=invoke_p50_ms,
            invoke_p95_ms=invoke_p95_ms,
            fps=statistics.median(flow.fps for flow in flows),
            latency_p50_ms=latency_p50_ms,
            latency_p95_ms=latency_p95_ms,
            cpu_percent=statistics.median(flow.cpu_s / flow.seconds for flow in flows) * 100,
            cpu_ms=statistics.median(flow.cpu_s / flow.frames for flow in flows) * 1e3,
            joules=statistics.median(joules) if joules else None,
            throttled=_throttled(rounds),
        )

    def row(self) -> tuple[str, ...]:
        """Its line of the table, one cell for each of `COLUMNS`."""
        return (
            self.model,
            str(self.threads),
            f"{self.invoke_p50_ms:.1f}",
            f"{self.invoke_p95_ms:.1f}",
            f"{self.fps:.1f}",
            f"{self.latency_p50_ms:.1f}",
            f"{self.latency_p95_ms:.1f}",
            f"{self.cpu_percent:.0f}",
            f"{self.cpu_ms:.1f}",
            UNKNOWN if self.joules is None else f"{self.joules:.3f}",
            self.throttled or "no",
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found out."""

    conditions: Conditions
    source: str
    figures: tuple[Figures, ...]
    temperatures_c: tuple[float, ...]  # before, then after each round; empty: the machine does not report it
    energy: str  # what the meter measures, or why there is none
    accuracy: dict[str, float | None]  # mAP of each model, as its manifest says
    fake: bool
    complete: bool  # it was not ended by Ctrl-C

    def lines(self) -> Iterator[str]:
        """For people, to read and to paste."""
        yield in_words(self.conditions)
        yield f"source {self.source}; rounds of each: {min(each.rounds for each in self.figures)}"
        yield f"temperature {_rise(self.temperatures_c)}; energy {self.energy}"
        yield from self._warnings()
        yield from ["", *aligned([COLUMNS, *(each.row() for each in self.figures)]), "", LEGEND]
        yield from (["", *self._speed_and_accuracy()] if len(self.accuracy) > 1 else [])

    @property
    def busy_cores(self) -> float:
        """See `busy_cores`: before the first round."""
        return busy_cores(self.conditions)

    def _warnings(self) -> Iterator[str]:
        """Why not to trust the figures too much."""
        if self.busy_cores:
            busy = f"{self.busy_cores:.1f} of {self.conditions['cores']} cores"
            yield f"\nother programs kept {busy} busy before: measure again when they are quiet"
        if self.fake:
            yield f"\n{FAKE}"
        if not self.complete:
            yield "\nended by Ctrl-C: this is what was measured until then"

    def _speed_and_accuracy(self) -> Iterator[str]:
        """One line a model: its best speed here, and its accuracy, the most accurate first."""
        models = sorted(self.accuracy, key=lambda model: self.accuracy[model] or 0.0, reverse=True)
        fastest = [max(self._of(model), key=lambda each: each.fps) for model in models]
        rows = [(each.model, _map(self.accuracy[each.model]), f"{each.fps:.1f}", str(each.threads)) for each in fastest]
        yield from aligned([("model", "mAP", "best fps", "with threads"), *rows])
        yield "mAP: from 0 to 1, as the model's manifest says; only figures of the same photographs can be compared."

    def _of(self, model: str) -> list[Figures]:
        return [each for each in self.figures if each.model == model]

    def as_json(self) -> dict[str, Any]:
        """Every figure."""
        values = asdict(self)
        return values | {"conditions": dict(self.conditions)}


def busy_cores(found: Conditions) -> float:
    """How many cores other programs kept busy in the minute before, if that is too many to measure; else 0."""
    load, cores = found["load"], found["cores"]
    return load if load > BUSY * cores else 0.0


def report(
    conditions: Conditions,
    rounds: Iterable[tuple[Variant, Round]],
    *,
    first_temperature_c: float | None,
    energy: Energy,
    complete: bool,
) -> Report:
    """Of at least one round; variants without one are left out."""
    by_variant: dict[tuple[str, int], list[Round]] = defaultdict(list)
    variants: dict[tuple[str, int], Variant] = {}
    temperatures_c = [first_temperature_c]
    for variant, each in rounds:
        key = variant.model, variant.config.threads
        variants[key] = variant
        by_variant[key].append(each)
        temperatures_c.append(each.temperature_c)
    first = next(iter(variants.values())).config
    return Report(
        conditions,
        first.source,
        tuple(Figures.of(variants[key], by_variant[key]) for key in variants),
        tuple(each for each in temperatures_c if each is not None),
        energy.name,
        {variant.model: accuracy(variant.config) for variant in variants.values()},
        fake=first.runtime == "fake",
        complete=complete,
    )


def accuracy(config: Config) -> float | None:
    """The model's mAP, from 0 to 1, as its manifest says; None if it does not."""
    if config.model is None:
        return None
    try:
        return manifest.read(manifest.manifest_path(config.model)).metrics.get("map")
    except EdgeDetectorError:  # without a manifest it can be measured all the same
        return None


def _p50_p95(values: Sequence[float]) -> tuple[float, float]:
    p50, p95 = np.percentile(values, (50, 95)).tolist()
    return p50, p95


def _throttled(rounds: Sequence[Round]) -> str:
    readings = [each.throttling for each in rounds]
    known = [each.now for each in readings if each is not None]
    if not known:
        return UNKNOWN
    causes = Cause(0)
    for now in known:
        causes |= now
    slowed = sum(bool(now) for now in known)
    return f"{cause_names(causes)} in {slowed} of {len(rounds)}" if causes else ""


def _rise(temperatures_c: Sequence[float]) -> str:
    if not temperatures_c:
        return UNKNOWN
    first, most = temperatures_c[0], max(temperatures_c)
    return f"{first:.1f} C, {most:.1f} C at most ({most - first:+.1f})"


def _map(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"
