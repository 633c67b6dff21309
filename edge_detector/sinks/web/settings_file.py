"""Saves changed settings in the configuration file of the run: only their own lines change, comments stay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from edge_detector.running.context import ConfigFile
from edge_detector.toml_lines import rewrite, with_values

UNSAVED = "until the next start or reload"


def kept(file: ConfigFile | None, names: Collection[str]) -> str:
    """How long a change of the settings ``names`` lasts, for people."""
    if file is None:
        return f"{UNSAVED}: the detector runs without --config FILE"
    if flags := sorted(file.flags.intersection(names)):
        return f"{UNSAVED}: the command line says --{flags[0]}, which has priority over {file.path}"
    return f"saved in {file.path}"


def save(file: ConfigFile | None, values: Mapping[str, Any]) -> str:
    """Write ``values`` into the file; returns how long the change lasts, and why it does not last longer."""
    return save_change(file, values.keys(), partial(with_values, values=values))


def save_change(file: ConfigFile | None, names: Collection[str], change: Callable[[str], str]) -> str:
    """Write what ``change`` makes of the file's text, with other values of ``names``; returns the same as `save`.

    ``change`` raises `ValueError` if the text cannot be changed so.
    """
    if file is None or file.flags.intersection(names):
        return kept(file, names)
    try:
        rewrite(file.path.resolve(), change)
    except OSError as error:
        return f"{UNSAVED}: {file.path} cannot be written: {error.strerror}"
    except ValueError as error:
        return f"{UNSAVED}: {file.path} stays as it is: {error}"
    return kept(file, names)
