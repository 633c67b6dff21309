"""``edge-detector sinks [NAME]``: every sink with its options, those of plug-ins too."""

from __future__ import annotations

import argparse
from functools import partial

from edge_detector.commands import components
from edge_detector.registry import SINKS

KIND = "sink"

add_arguments = partial(components.add_arguments, kind=KIND)


def main(arguments: argparse.Namespace) -> int:
    """Print them. Raises `ConfigError` for an unknown name."""
    components.print_components(SINKS, arguments.name, kind=KIND)
    return 0
