"""What the real program leaves behind when it is killed, and that the next run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from edge_detector.events.index import open_index
from edge_detector.events.record import CUT_OFF, ENDED, VisitRecord
from edge_detector.sinks.events.stay import UPDATE_S
from tests.command import finish, started

MARGIN_S = 5.0  # of a busy machine, between a change and its commit
RUN = ("--source", "synthetic", "--runtime", "fake", "--sink", "jsonl:-?visits=true")

Said = dict[str, dict[str, Any]]  # what the program has said of each visit last, by its id


def visits(database: Path) -> dict[str, VisitRecord]:
    with open_index(database) as index:
        return {visit.id: visit for visit in index.visits()}


def killed_run(database: Path, *, after_s: float) -> tuple[Said, str]:
    """Run the program with a camera and kill it; returns what it had said, and a visit that was there at the end."""
    with started(*RUN, "--sink", f"events:{database}") as process:
        assert process.stdout is not None
        said: Said = {}
        here = _here(_changes(process.stdout, said), after_s)
        process.kill()
        for _ in _changes(chain(process.stdout), said):
            pass
        _, errors = finish(process)
    assert "Traceback" not in errors
    return said, here


def _here(changes: Iterator[dict[str, Any]], after_s: float) -> str:
    """Waits for so long, and then for a visit that is seen just now."""
    until_s = time.monotonic() + after_s
    return next(
        change["id"]
        for change in changes
        if change["kind"] == "updated" and change["duration_s"] >= 1 and time.monotonic() >= until_s
    )


def _changes(lines: Iterator[str], said: Said) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.endswith("\n"):  # the last one may be cut off
            change = json.loads(line)
            said[change["id"]] = change
            yield change


def test_a_killed_run_leaves_its_visits_and_the_next_one_goes_on(tmp_path: Path) -> None:
    database = tmp_path / "events.sqlite"
    said, here = killed_run(database, after_s=UPDATE_S)
    left = visits(database)
    settled = {id_ for id_, change in said.items() if change["duration_s"] > MARGIN_S}
    assert settled | {here} <= left.keys()
    assert left[here].state == CUT_OFF
    assert {visit.state for visit in left.values()} <= {CUT_OFF, ENDED}
    for id_ in settled:
        assert said[id_]["duration_s"] - left[id_].duration_s < UPDATE_S + MARGIN_S

    _, here = killed_run(database, after_s=0)
    both = visits(database)
    assert {id_: both[id_] for id_ in left} == left
    assert both[here].state == CUT_OFF
