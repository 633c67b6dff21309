"""Zones, lines and masks on the page: those of the run, what was counted there, and those that a viewer has drawn."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import partial
from hashlib import sha256
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.running.context import ConfigFile, Context, EditablePlaces
from edge_detector.running.places import PlaceCount
from edge_detector.sinks.web.camera_places_file import with_camera_edits
from edge_detector.sinks.web.places_file import KINDS, Table, Tables, edits, with_edits
from edge_detector.sinks.web.settings_file import kept, save_change
from edge_detector.track.places import TABLES, Zone

NOT_EDITABLE = "this run has no zones, lines or masks: it does not follow objects"
OUTDATED = (
    "not saved: the zones, lines and masks have changed since they were read; "
    "read them again, or send no If-Match to replace them all the same"
)
VERSION_DIGITS = 16


class OutdatedError(Exception):
    """Others have changed meanwhile what somebody wants to replace."""


def current(context: Context, camera: str = "") -> dict[str, object]:
    """The tables by `KINDS`, whether they can be changed, and how long a change lasts.

    ``camera``: as of `Context.places_of`.
    """
    places = context.places_of(camera)
    tables = dict.fromkeys(KINDS, ()) if places is None else places.tables()
    return {
        **tables,
        "editable": places is not None,
        "kept": kept(context.config_file, _names(camera or context.camera)),
    }


def version(tables: Mapping[str, object]) -> str:
    """What tells these tables of `KINDS` from others: the same for the same; no other key counts."""
    text = json.dumps([tables[kind] for kind in KINDS], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:VERSION_DIGITS]


def counts(context: Context, camera: str = "") -> list[dict[str, object]]:
    """What was counted since the run began, in the order of the zones and then the lines, ready for JSON.

    A zone's ``entered`` is by label; a line's ``crossed`` is by direction, and then by label.
    """
    places = context.places_of(camera)
    return [] if places is None else [_count(each) for each in places.counts()]


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


def apply(
    given: Tables,
    places: EditablePlaces,
    file: ConfigFile | None,
    camera: str = "",
    *,
    versions: Collection[str] | None = None,
) -> str:
    """Use the tables ``given`` in the run, and save them in the file; returns how long they last.

    ``camera``: the one to whose table ``[[source]]`` they belong; "": to none. A kind that is not given stays as it is.
    ``versions``: the `version` of what is replaced must be one of them; None: it may be any.

    Raises `ConfigError` if any of them cannot be used, and `OutdatedError` for another version; then nothing changes.
    """
    before = places.tables()
    if versions is not None and version(before) not in versions:
        raise OutdatedError(OUTDATED)
    places.replace({**before, **given})
    changes = edits(before, places.tables())
    if not changes:
        return kept(file, _names(camera))
    change = partial(with_camera_edits, camera=camera) if camera else with_edits
    return save_change(file, _names(camera), partial(change, changes=changes))


def complaint(given: Tables, places: EditablePlaces) -> dict[str, object]:
    """Why `apply` refuses ``given`` and, if one value is to blame, its ``kind``, ``index`` and ``field``; else nothing.

    Tables, and then the values of the table to blame, are added one by one until the run refuses them.
    """
    given = {**places.tables(), **given}
    rows = [(kind, index) for kind in KINDS for index in range(len(given.get(kind, ())))]
    number = _first(len(rows), lambda count: _refusal(_tables(given, rows[:count]), places) is not None)
    if number == len(rows):
        return {}
    kind, index = rows[number]
    table, before = given[kind][index], _tables(given, rows[:number])
    for name in (item.name for item in fields(TABLES[kind]) if item.name in table):
        tried = {**_EXAMPLES[kind], **_up_to(table, kind, name)}
        if error := _refusal({**before, kind: [*before[kind], tried]}, places):
            return {"error": error, "kind": kind, "index": index, "field": name}
    return {"error": _refusal(_tables(given, rows[: number + 1]), places), "kind": kind, "index": index}


def in_words(tables: Tables) -> str:
    """For a log: ``2 zones, 1 line, 0 masks``."""
    return ", ".join(
        f"{len(tables[kind])} {kind.removesuffix('s') if len(tables[kind]) == 1 else kind}" for kind in KINDS
    )


def _names(camera: str) -> tuple[str, ...]:
    """The options of the file that hold the places."""
    return ("source",) if camera else KINDS


def _refuse_constant(name: str) -> float:
    raise ConfigError(f"places: {name} is no number; expected one from 0 to 1")


# What takes the place of required values that are not looked at yet.
_EXAMPLES: dict[str, Table] = {
    "zones": {"name": "\N{MIDDLE DOT}", "polygon": [[0, 0], [1, 0], [1, 1]]},
    "lines": {"name": "\N{MIDDLE DOT}", "points": [[0, 0], [1, 1]]},
    "masks": {"kind": "ignore", "polygon": [[0, 0], [1, 0], [1, 1]]},
}


def _count(count: PlaceCount) -> dict[str, object]:
    by_direction: dict[str, dict[str, int]] = {direction: {} for direction in count.directions}
    for (_, label, direction), number in count.numbers.items():
        by_direction[direction][label] = number
    if isinstance(count.place, Zone):
        return {"kind": "zone", "name": count.place.name, "entered": by_direction[""]}
    return {"kind": "line", "name": count.place.name, "crossed": by_direction}


def _first(count: int, is_refused: Callable[[int], bool]) -> int:
    """The number, from 0, of the first of ``count`` with which the run refuses; ``count`` if there is none."""
    return bisect_left(range(1, count + 1), True, key=is_refused)


def _tables(given: Tables, rows: list[tuple[str, int]]) -> Tables:
    return {kind: [given[kind][index] for each, index in rows if each == kind] for kind in KINDS}


def _up_to(table: Table, kind: str, name: str) -> Table:
    """The values of ``table`` up to that of ``name``, in the order in which `TABLES` describes them."""
    names = [item.name for item in fields(TABLES[kind])]
    return {key: table[key] for key in names[: names.index(name) + 1] if key in table}


def _refusal(tables: Tables, places: EditablePlaces) -> str | None:
    try:
        places.check(tables)
    except ConfigError as error:
        return str(error)
    return None
