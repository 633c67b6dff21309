"""What a sink knows of its run, and the two things it may do: change the thresholds, and end the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_detector.config import Config
from edge_detector.running.meter import Meter
from edge_detector.types import Thresholds


class Adjustable(Protocol):
    """The detector as sinks see it: its name, runtime and labels, and thresholds to read or replace while it runs."""

    name: str
    thresholds: Thresholds

    @property
    def runtime(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The configuration file of the run."""

    path: Path
    flags: frozenset[str] = frozenset()  # options that the command line sets, so that the file's values do not count


@dataclass(frozen=True, slots=True)
class Context:
    """Given to every sink when it is opened."""

    config: Config
    detector: Adjustable
    meter: Meter  # frames per second, latency, drops, temperature; the loop updates it with every result
    live: bool  # a camera (drop what is late) or a file (lose nothing)
    stop: Callable[[], None]  # ends the program normally, with exit code 0; any thread may call it
    config_file: ConfigFile | None = None  # None: the run has no configuration file
