"""How long models take, measured in turn, so that a moment when the machine is busy is one for all of them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect import manifest as manifests
from edge_detector.detect.preprocess import Preprocessor
from edge_detector.detect.runtimes import open_runtime
from edge_detector.image_files import read_image
from edge_detector.types import Frame, Runtime, Tensor
from edge_detector.workstation.graph.classifier import read_manifest
from edge_detector.workstation.progress import progress

ROUNDS = 60
FEWEST_ROUNDS = 12
BUDGET_S = 90.0  # for all rounds with one number of threads; slow models get fewer rounds
MILLISECOND_NS = 1e6
ELAPSED, PROCESSOR = 0, 1  # columns

Milliseconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Times:
    """The interpreter's invoke alone."""

    median_ms: float
    p95_ms: float
    ratio: float  # to the reference's

    @classmethod
    def of(cls, each: Milliseconds, reference: Milliseconds, *, threads: int) -> Times:
        """Milliseconds (R, 2) of the model and of the reference, from the same rounds: elapsed, and of the processor.

        The ratio is of the lower quartiles: what else runs on the machine makes some rounds longer, and none shorter.
        With one thread it is of the processor's time, which other programs hardly change.
        """
        clock = PROCESSOR if threads == 1 else ELAPSED
        median, p95 = np.percentile(each[:, ELAPSED], (50, 95))
        low, low_reference = (np.percentile(times[:, clock], 25) for times in (each, reference))
        return cls(round(float(median), 3), round(float(p95), 3), round(float(low / low_reference), 4))


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """Such as "2 x86_64 cores (AMD EPYC 7B13)"; without the processor's name where the system does not tell."""
    name = processor()
    said = f"{cores()} {platform.machine()} core{'s' if cores() != 1 else ''}"
    return f"{said} ({name})" if name else said


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its name, as Linux tells it: of a Raspberry Pi that of the board; "" where it does not."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return next((fields[key] for key in ("model name", "Model", "Hardware") if fields.get(key)), "")


def in_words(threads: int) -> str:
    """Such as "2 threads"."""
    return f"{threads} thread{'s' if threads != 1 else ''}"


def time_models(models: Mapping[str, Path], photograph: Path, *, reference: str, threads: int) -> dict[str, Times]:
    """The times of each model (name -> file) on the same photograph, with so many threads."""
    frame = read_image(photograph)
    with ExitStack() as stack:
        runtimes = [stack.enter_context(open_runtime("litert", path, threads=threads)) for path in models.values()]
        tensors = [_input(path, runtime, frame) for path, runtime in zip(models.values(), runtimes, strict=True)]
        milliseconds = _in_turn(runtimes, tensors, f"timing, {in_words(threads)}")
    by_name = dict(zip(models, milliseconds, strict=True))
    return {name: Times.of(each, by_name[reference], threads=threads) for name, each in by_name.items()}


def _input(model: Path, runtime: Runtime, frame: Frame) -> Tensor:
    spec = read_manifest(manifests.manifest_path(model)).input
    tensor, _ = Preprocessor(spec, runtime.input)(frame)
    return tensor


def _in_turn(runtimes: Sequence[Runtime], tensors: Sequence[Tensor], description: str) -> Milliseconds:
    """(models, rounds, 2): elapsed and processor. In each round every model runs once, each time another one first."""
    for runtime, tensor in zip(runtimes, tensors, strict=True):
        runtime.invoke(tensor)  # the first run is slower
    rounds: list[list[tuple[float, float]]] = []
    started = time.monotonic()
    for turn in progress(range(ROUNDS), description):
        if turn >= FEWEST_ROUNDS and time.monotonic() - started > BUDGET_S:
            break
        order = [(turn + place) % len(runtimes) for place in range(len(runtimes))]
        taken = {place: _milliseconds(runtimes[place], tensors[place]) for place in order}
        rounds.append([taken[place] for place in range(len(runtimes))])
    return np.array(rounds).transpose(1, 0, 2)


def _milliseconds(runtime: Runtime, tensor: Tensor) -> tuple[float, float]:
    """Elapsed, and of the processor in this thread."""
    elapsed, processor = time.perf_counter_ns(), time.thread_time_ns()
    runtime.invoke(tensor)
    return (
        (time.perf_counter_ns() - elapsed) / MILLISECOND_NS,
        (time.thread_time_ns() - processor) / MILLISECOND_NS,
    )
