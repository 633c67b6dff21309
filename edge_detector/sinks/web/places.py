"""Zones, lines and masks on the page: those of the run, and those that a viewer has drawn."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.running.context import ConfigFile, Context, EditablePlaces
from edge_detector.sinks.web.places_file import KINDS, Tables, edits, with_edits
from edge_detector.sinks.web.settings_file import kept, save_change

NOT_EDITABLE = "this run has no zones, lines or masks: it does not follow objects"


def current(context: Context) -> dict[str, object]:
    """The tables by `KINDS`, whether they can be changed, and how long a change lasts."""
    tables = dict.fromkeys(KINDS, ()) if context.places is None else context.places.tables()
    return {**tables, "editable": context.places is not None, "kept": kept(context.config_file, KINDS)}


def read_json(body: bytes) -> dict[str, Any]:
    """Some or all of the kinds, each with all of its tables.

    Raises `ValueError`, such as a `ConfigError`, if the body is not that.
    """
    given = json.loads(body, parse_int=float, parse_constant=_refuse_constant)
    if not isinstance(given, dict):
        raise ConfigError('places: expected an object such as {"zones": []}')
    for kind, tables in given.items():
        if kind not in KINDS:
            raise ConfigError(f"places: {unknown('kind', kind, KINDS)}")
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise ConfigError(f'places: {kind}: expected a list of objects such as {{"name": "door"}}')
    return given


def apply(given: Tables, places: EditablePlaces, file: ConfigFile | None) -> str:
    """Use the tables ``given`` in the run, and save them in the file; returns how long they last.

    A kind that is not given stays as it is. Raises `ConfigError` and changes nothing if any of them cannot be used.
    """
    before = places.tables()
    places.replace({**before, **given})
    changes = edits(before, places.tables())
    return save_change(file, KINDS, partial(with_edits, changes=changes)) if changes else kept(file, KINDS)


def in_words(tables: Tables) -> str:
    """For a log: ``2 zones, 1 lines, 0 masks``."""
    return ", ".join(f"{len(tables[kind])} {kind}" for kind in KINDS)


def _refuse_constant(name: str) -> float:
    raise ConfigError(f"places: {name} is no number; expected one from 0 to 1")
