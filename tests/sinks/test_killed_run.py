"""What the real program keeps when it is killed, and when the machine's clock jumps."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain, cycle
from pathlib import Path
from typing import Any

import pytest

from edge_detector import pipeline
from edge_detector.config import Config
from edge_detector.events.index import open_index
from edge_detector.events.record import CUT_OFF, ENDED, UPDATE_S, VisitRecord
from tests.command import finish, started
from tests.events.visits import DAY_S

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


def test_a_clock_that_jumps_by_a_year_all_the_time_loses_no_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, jumps = time.time, cycle((0, 365 * DAY_S, -365 * DAY_S))
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    pipeline.run(
        Config(
            source="synthetic:?live=false&frames=200",
            runtime="fake",
            sinks=(
                f"events:{tmp_path}?days=30",
                f"jsonl:{tmp_path}/said.jsonl?visits=true",
                f"clips:{tmp_path}/clips?encoder=software&reserve=0",
            ),
        )
    )
    said: Said = {}
    with (tmp_path / "said.jsonl").open() as lines:
        for _ in _changes(lines, said):
            pass
    kept = visits(tmp_path / "events.sqlite")
    assert {id_: each.duration_s for id_, each in kept.items()} == pytest.approx(
        {id_: each["duration_s"] for id_, each in said.items()}, abs=0.002
    )
    assert all(each.state == ENDED and not each.files["clip"].gone for each in kept.values())
