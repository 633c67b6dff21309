"""``edge-detector events``: the visits that the sink ``events`` has kept; ``events counts`` counts them."""

from __future__ import annotations

import argparse
import csv
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_detector import config
from edge_detector.config import INSTALLED_CONFIG, where_service_has
from edge_detector.errors import ConfigError
from edge_detector.events.index import GROUPS, Filter, Index, open_index
from edge_detector.events.place import database_file, database_of
from edge_detector.events.record import ENDED, PICTURE, STATES, VisitRecord
from edge_detector.options import Seconds, convert
from edge_detector.sinks.record import stay_duration, wall_clock_s
from edge_detector.text_table import aligned

log = logging.getLogger(__name__)

LISTED_FILES = ("clip", "snapshot", PICTURE)  # of several kinds, people see the first
COLUMNS = ("time", "class", "score", "duration", "zones", "file")
NONE = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("action", nargs="?", choices=("list", "counts"), default="list", help="default: list")
    parser.add_argument("--file", type=Path, help="the database, or its folder; default: as --config says")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help=f"settings with an events sink, such as {INSTALLED_CONFIG}",
    )
    parser.add_argument(
        "--since", metavar="TIME", help="only visits seen later: 90s, 1h or 7d ago, or 2026-11-21, or 2026-11-21T14:00"
    )
    parser.add_argument("--until", metavar="TIME", help="only visits that were last seen before: written as --since")
    parser.add_argument("--class", dest="label", metavar="CLASS", help="only visits of this class, such as person")
    parser.add_argument("--zone", help="only visits that were in this zone")
    parser.add_argument("--by", choices=GROUPS, default="day", help="of counts: what to count by; default: day")
    style = parser.add_mutually_exclusive_group()
    style.add_argument("--json", action="store_true", help="one JSON object a line, with all that is known")
    style.add_argument("--csv", action="store_true", help="the same as a table for other programs")


def main(arguments: argparse.Namespace) -> int:
    """Print the visits, or their numbers.

    Raises `ConfigError` for a time that cannot be read, and a database that is not there or cannot be read.
    """
    now = datetime.fromtimestamp(wall_clock_s(time.monotonic_ns()), UTC)
    which = Filter(
        since_s=moment(arguments.since, now, flag="--since"),
        until_s=moment(arguments.until, now, flag="--until"),
        label=arguments.label,
        zone=arguments.zone,
    )
    with open_index(find_database(arguments.file, arguments.config)) as index:
        _warn_of_unknown(index, which)
        if arguments.action == "counts":
            _print_counts(index.counts(arguments.by, which), arguments)
        else:
            _print_visits(index.visits(which), arguments, now)
    return 0


def find_database(file: Path | None, config_file: Path | None) -> Path:
    """The database that the flags name.

    Raises `ConfigError` if they name none.
    """
    if file is not None:
        return database_file(file)
    if config_file is None:
        raise ConfigError(
            "events: which database? Give --file events.sqlite, or --config with the settings of the detector, which "
            f"for the service are {INSTALLED_CONFIG}"
        )
    found = database_of(config.load(config_file, {}).sinks)
    if found is None:
        raise ConfigError(f'{config_file}: no events sink; write sinks = ["events:."], or give --file')
    return where_service_has(found)


def moment(text: str | None, now: datetime, *, flag: str) -> float | None:
    """Seconds since 1970 of ``text``: a duration before ``now``, or a date of this machine's time zone; None of None.

    Raises `ConfigError`, which names ``flag``, for what is neither.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        pass
    try:
        return now.timestamp() - float(convert(Seconds, text, where=flag))
    except ConfigError:
        raise ConfigError(
            f"{flag} is {text!r}; expected a duration such as 1h or 7d, or a date such as 2026-11-21"
        ) from None


def _warn_of_unknown(index: Index, which: Filter) -> None:
    """A name that no visit has may be misspelt, or of something that has not come yet."""
    for kind, name, known in (("class", which.label, index.labels), ("zone", which.zone, index.zones)):
        if name is not None and name not in known():
            log.warning("no visit has the %s %r; known: %s", kind, name, ", ".join(known()) or "none")


def _print_counts(counts: Mapping[str, int], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(counts, ensure_ascii=False))  # noqa: T201 - the answer
    elif arguments.csv:
        _print_csv([{arguments.by: part, "visits": number} for part, number in counts.items()])
    else:
        _print_table((arguments.by, "visits"), [(part, str(number)) for part, number in counts.items()])


def _print_visits(visits: Sequence[VisitRecord], arguments: argparse.Namespace, now: datetime) -> None:
    if arguments.json:
        for visit in visits:
            print(json.dumps(as_json(visit), ensure_ascii=False, separators=(",", ":")))  # noqa: T201 - the answer
    elif arguments.csv:
        _print_csv([as_row(visit) for visit in visits])
    else:
        _print_table(COLUMNS, [_cells(visit, now) for visit in visits])


def as_json(visit: VisitRecord) -> dict[str, Any]:
    """All that is known of a visit; times are UTC (RFC 3339)."""
    return {
        "id": visit.id,
        "start": _utc(visit.started_s),
        "end": _utc(visit.seen_s),
        "duration_s": round(visit.duration_s, 3),
        "state": STATES[visit.state],
        "source": visit.source,
        "label": visit.label,
        "score": visit.score,
        "box": visit.box,
        "size": visit.size,
        "stationary": visit.stationary,
        "zones": visit.zones,
        "crossings": [crossing._asdict() for crossing in visit.crossings],
        "path": visit.path,
        "files": {kind: {"path": str(link.path), "gone": link.gone} for kind, link in visit.files.items()},
    }


def as_row(visit: VisitRecord) -> dict[str, object]:
    """A visit in cells; a file that is gone has (gone) behind its name."""
    known = as_json(visit)
    plain = ("id", "start", "end", "duration_s", "state", "source", "label", "score", "stationary")
    return {
        **{name: known[name] for name in plain},
        "zones": ";".join(f"{name}={seconds:g}" for name, seconds in visit.zones.items()),
        "crossings": ";".join(f"{line}={direction}" for line, direction, _ in visit.crossings),
        **{kind: _file(visit, kind) for kind in LISTED_FILES},
    }


def _cells(visit: VisitRecord, now: datetime) -> tuple[str, ...]:
    zones = ", ".join(f"{name} {stay_duration(seconds)}" for name, seconds in visit.zones.items())
    files = [file for kind in LISTED_FILES if (file := _file(visit, kind))]
    return (
        f"{_local(visit.started_s):%Y-%m-%d %H:%M:%S}",
        visit.label,
        f"{visit.score:.0%}",
        f"{stay_duration(visit.duration_s)}{_state(visit, now)}",
        zones or NONE,
        files[0] if files else NONE,
    )


def _state(visit: VisitRecord, now: datetime) -> str:
    """``, here`` or ``, last seen 17:07`` behind the duration of a visit that goes on; "" of one that has ended."""
    if visit.is_missed(now.timestamp()):
        return f", last seen {_local(visit.seen_s):%H:%M}"
    return "" if visit.state == ENDED else f", {STATES[visit.state]}"


def _file(visit: VisitRecord, kind: str) -> str:
    """The first file of this kind that is still there, else the first with (gone) behind its name; "" without one."""
    links = visit.files_of(kind)
    found = next((link for link in links if not link.gone), None)
    if found is not None:
        return str(found.path)
    return f"{links[0].path} (gone)" if links else ""


def _local(time_s: float) -> datetime:
    """In this machine's time zone."""
    return datetime.fromtimestamp(time_s).astimezone()


def _utc(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")


def _print_csv(rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for line in aligned([head, *rows]):
        print(line)  # noqa: T201 - the answer
