"""Where the marked pictures are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_detector.options import Spec

SINK, OPTION = "web", "mistakes"  # the sink that writes the folder, and the option that names it


def folder_of(sinks: Iterable[str]) -> Path | None:
    """The folder that the ``web`` sink among ``sinks`` writes, as they stand in the configuration; or None."""
    specs = [spec for spec in map(Spec.parse, sinks) if spec.name == SINK and OPTION in spec.options]
    return Path(specs[0].options[OPTION]).expanduser() if specs else None
