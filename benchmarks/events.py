"""What a year of visits costs: how long one day takes to open, and how much is written.

    python benchmarks/events.py [--days 365] [--visits 500]

It makes a database of so many visits a day in a temporary folder, and prints the median of 20 times for each question.
Then it lets the sink write one hour of visits with a clock set by hand, and prints the bytes.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from edge_detector.events.database import Database
from edge_detector.events.index import Filter, open_index
from edge_detector.events.record import ENDED, VisitRecord
from edge_detector.sinks.events.stay import Change
from edge_detector.sinks.events.writer import EventWriter, bytes_written
from edge_detector.types import Visit, VisitChange

START_S = 1_790_000_000.0
DAY_S = 86400.0
HOUR_S = 3600
LABELS = ("person", "person", "person", "car", "dog", "cat")
ZONES = ("door", "path", "yard")
POINTS = 20  # of a path: as many seconds
TIMES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="how many days the database holds")
    parser.add_argument("--visits", type=int, default=500, help="how many visits a day")
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    with tempfile.TemporaryDirectory() as folder:
        questions(Path(folder) / "events.sqlite", arguments.days, arguments.visits)
        for visits_an_hour in (0, 20, 60):
            hour(Path(folder) / f"hour-{visits_an_hour}.sqlite", visits_an_hour)
        parked_car(Path(folder) / "car.sqlite")


def questions(path: Path, days: int, visits_a_day: int) -> None:
    """Print the size of a database of so many days, and the times of what people ask of it."""
    with Database(path) as database:
        database.put(year(days, visits_a_day), {})
    print(f"{days * visits_a_day} visits, {path.stat().st_size / 1e6:.0f} MB")
    middle_s = START_S + days // 2 * DAY_S
    one_day = Filter(since_s=middle_s, until_s=middle_s + DAY_S)
    asked: dict[str, Callable[[], object]] = {
        "one day, opened and read": lambda: ask(path, one_day),
        "one day, one class": lambda: ask(path, Filter(one_day.since_s, one_day.until_s, label="dog")),
        "one day, one zone": lambda: ask(path, Filter(one_day.since_s, one_day.until_s, zone="door")),
        "the year's counts by hour": lambda: count(path, "hour"),
        "the year's counts by zone": lambda: count(path, "zone"),
        "opened to write, with the check of its health": lambda: Database(path).__enter__().close(),
    }
    for words, question in asked.items():
        print(f"{words:48}{median(durations_ms(question)):8.1f} ms")


def ask(path: Path, which: Filter) -> int:
    with open_index(path) as index:
        return len(index.visits(which))


def count(path: Path, by: str) -> dict[str, int]:
    with open_index(path) as index:
        return index.counts(by)


def durations_ms(question: Callable[[], object]) -> Iterator[float]:
    for _ in range(TIMES):
        start_ns = time.perf_counter_ns()
        question()
        yield (time.perf_counter_ns() - start_ns) / 1e6


def year(days: int, visits_a_day: int) -> Iterator[VisitRecord]:
    """Visits at random times of each day, in their order, each of 20 s, with a path and one or two zones."""
    chance = random.Random(0)
    for day in range(days):
        for number, at_s in enumerate(sorted(chance.uniform(0, DAY_S) for _ in range(visits_a_day))):
            seen_s = START_S + day * DAY_S + at_s
            yield VisitRecord(
                f"{day:08x}-{number}",
                "0",
                chance.choice(LABELS),
                chance.uniform(0.5, 1.0),
                (100.0, 100.0, 300.0, 600.0),
                (1280, 720),
                seen_s - POINTS,
                seen_s,
                path=tuple((float(second), chance.random(), chance.random()) for second in range(POINTS)),
                zones=dict.fromkeys(chance.sample(ZONES, chance.randint(1, 2)), 5.0),
                state=ENDED,
            )


class Clock:
    """Both clocks, set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def wall_s(self, timestamp_ns: int) -> float:
        return START_S + timestamp_ns / 1e9


def hour(path: Path, visits: int) -> None:
    """Print what one hour with so many visits of 20 s writes."""
    starts = [HOUR_S * number // visits for number in range(visits)] if visits else []
    stays = [(f"a-{number}", start_s, start_s + POINTS) for number, start_s in enumerate(starts)]
    report(f"an hour of {visits} visits of {POINTS} s", path, stays, stationary=False)


def parked_car(path: Path) -> None:
    """Print what one hour with a parked car writes."""
    report("an hour of one parked car", path, [("a-0", 0, HOUR_S)], stationary=True)


def report(words: str, path: Path, stays: list[tuple[str, int, int]], *, stationary: bool) -> None:
    clock, pictures = Clock(), []
    writer = EventWriter(
        Database(path),
        source="0",
        days=365,
        size_bytes=10**9,
        live=True,
        clock=clock,
        wall_s=clock.wall_s,
        count=pictures.append,
    )
    with writer:
        before = bytes_written()
        for second in range(HOUR_S + 1):
            clock.now_s = float(second)
            for change in changes(stays, second, stationary=stationary):
                writer.write(change)
            writer.idle()
        written = bytes_written() - before
    print(f"{words:48}{written / 1e3:8.0f} kB")


def changes(stays: list[tuple[str, int, int]], second: int, *, stationary: bool) -> Iterator[Change]:
    """What the visits of this second have to say: started, updated once a second, ended."""
    for id_, start_s, end_s in stays:
        if start_s <= second <= end_s:
            kind = {start_s: "started", end_s: "ended"}.get(second, "updated")
            visit = visit_at(id_, start_s, second, ended=kind == "ended", stationary=stationary)
            picture = noise(second) if second - start_s in (0, 5, 12) else None  # its best score rises
            yield Change(VisitChange(kind, visit), (1280, 720), picture)


def visit_at(id_: str, start_s: int, second: int, *, ended: bool, stationary: bool) -> Visit:
    box = (100.0, 100.0, 300.0, 600.0)
    path = tuple((float(at), 0.5, 0.5 + at % 7 / 20) for at in range(second - start_s))
    times = start_s * 10**9, second * 10**9
    return Visit(
        id_, 0, "person", 0, *times, box, 0.9, times[0], box, path, {"door": 5.0}, stationary=stationary, ended=ended
    )


def noise(seed: int) -> np.ndarray:
    """A picture of 256x128 that is about as large as a JPEG file as one of a person."""
    coarse = np.random.default_rng(seed).integers(0, 255, (32, 16, 3), np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)


if __name__ == "__main__":
    main()
