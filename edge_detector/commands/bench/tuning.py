"""Chooses the best number of threads, and writes it into the configuration file with the reason."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_detector.commands.bench.report import Figures
from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.toml_lines import rewrite, with_note, with_values

MARK = "edge-detector bench:"
NEARLY = 0.97  # of the most frames a second: so much with fewer threads is better, it costs less and heats less
NEED_A_CORE = ("clips", "video", "web", "window")  # they draw or encode every picture, beside the model


@dataclass(frozen=True, slots=True)
class Choice:
    """A number of threads, and why."""

    threads: int
    reason: str


def best_threads(figures: Sequence[Figures], *, cores: int, sinks: Sequence[str]) -> Choice:
    """The fewest threads that are nearly as fast as the fastest; a core stays free if one of the ``sinks`` needs it.

    ``sinks``: as configured; none is the best display, which needs a core. Raises `ConfigError` if nothing measured
    leaves that core free.
    """
    busy = sorted({Spec.parse(text).name for text in sinks} & {*NEED_A_CORE}) if sinks else ["the display"]
    most = max(1, cores - 1) if busy else cores
    possible = sorted((each for each in figures if each.threads <= most), key=lambda each: each.threads)
    if not possible:
        raise ConfigError(f"--tune: {' and '.join(busy)} needs a core of {cores}; measure with --threads {most}, too")
    enough = NEARLY * max(each.fps for each in possible)
    chosen = next(each for each in possible if each.fps >= enough)
    speeds = ", ".join(f"{each.threads}: {each.fps:.1f}" for each in figures)
    free = f"; of {cores} cores one stays free for {' and '.join(busy)}" if busy and cores > 1 else ""
    return Choice(chosen.threads, f"fps by threads {speeds}{free}")


def check_tunable(path: Path) -> None:
    """Raises `ConfigError` if the file cannot be changed later: before two minutes are lost with measuring."""
    folder = path.resolve().parent
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--tune {path}: {folder} cannot be written, where the new file is made; try sudo")
    try:
        _with_threads(path.read_bytes().decode(), Choice(1, ""))
    except OSError as error:
        raise ConfigError(f"--tune {path}: cannot read it: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"--tune {path}: cannot be changed line by line: {error}") from None


def tune(path: Path, choice: Choice) -> None:
    """Write the choice into the file; everything else stays as it is.

    Raises `ConfigError` if that fails; the file then is as it was.
    """
    try:
        rewrite(path.resolve(), partial(_with_threads, choice=choice))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--tune {path}: stays as it is: {error}; write threads = {choice.threads} there") from None


def _with_threads(text: str, choice: Choice) -> str:
    return with_note(with_values(text, {"threads": choice.threads}), "threads", choice.reason, mark=MARK)
