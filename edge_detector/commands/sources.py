"""``edge-detector sources [NAME]``: every source with its options, those of plug-ins too."""

from __future__ import annotations

import argparse
from functools import partial

from edge_detector.commands import components
from edge_detector.registry import SOURCES

KIND = "source"

add_arguments = partial(components.add_arguments, kind=KIND)


def main(arguments: argparse.Namespace) -> int:
    """Print them. Raises `ConfigError` for an unknown name."""
    components.print_components(SOURCES, arguments.name, kind=KIND)
    return 0
