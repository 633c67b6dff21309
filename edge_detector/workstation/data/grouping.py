"""Which photographs belong together: those of one group never go to different parts of a split.

A burst, or the frames of a clip, are nearly one photograph. If a model trains on some and is measured on the others,
the figures say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from edge_detector.errors import SourceError
from edge_detector.workstation.data.fingerprints import ALIKE, BURST, Fingerprint, alike, difference, stacked
from edge_detector.workstation.data.picture_headers import read_header

NEXT_NUMBER = 3  # the counters of two neighbours in a burst differ by no more
BURST_GAP = timedelta(seconds=10)  # between two photographs of a group

COUNTER = re.compile(r"(.*?)(\d+)(\D*)$")
TIME_IN_NAME = re.compile(r"(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_.T ]*(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)(?!\d)")

Pair = tuple[int, int]


class Photographs:
    """What groupings look at: the files, and their fingerprints."""

    def __init__(self, paths: Sequence[Path], fingerprints: Sequence[Fingerprint]) -> None:
        self.paths = paths
        self.fingerprints = fingerprints


def groups_of(photographs: Photographs, names: Iterable[str]) -> list[list[int]]:
    """The places of the photographs, in groups, by each of the `GROUPINGS` named; most groups have one member."""
    group = list(range(len(photographs.paths)))  # disjoint sets: each place points to an earlier one of its set

    def first(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    for name in names:
        for one, other in GROUPINGS[name](photographs):
            low, high = sorted((first(one), first(other)))
            group[high] = low
    found: dict[int, list[int]] = {}
    for place in range(len(group)):
        found.setdefault(first(place), []).append(place)
    return list(found.values())


def by_look(photographs: Photographs) -> Iterator[Pair]:
    """The same photograph, or almost."""
    return ((one, other) for one, other, _ in alike(stacked(photographs.fingerprints), ALIKE))


def by_burst(photographs: Photographs) -> Iterator[Pair]:
    """Neighbours by the number in their file names that show one scene."""
    for (_, number, place), (_, next_number, next_place) in _neighbours(photographs.paths):
        if next_number - number <= NEXT_NUMBER:
            prints = photographs.fingerprints
            if difference(prints[place], prints[next_place]) <= BURST:
                yield place, next_place


def by_name(photographs: Photographs) -> Iterator[Pair]:
    """File names that differ in their last number alone."""
    return ((place, next_place) for (_, _, place), (_, _, next_place) in _neighbours(photographs.paths))


def by_time(photographs: Photographs) -> Iterator[Pair]:
    """Taken within ten seconds, by EXIF data or by the time in their file names."""
    times = [(taken, place) for place, path in enumerate(photographs.paths) if (taken := taken_at(path)) is not None]
    for (taken, place), (next_taken, next_place) in pairwise(sorted(times)):
        if next_taken - taken <= BURST_GAP:
            yield place, next_place


def by_folder(photographs: Photographs) -> Iterator[Pair]:
    """In one folder, where each folder is a clip, a day or a place."""
    first: dict[Path, int] = {}
    for place, path in enumerate(photographs.paths):
        yield first.setdefault(path.parent, place), place


GROUPINGS: dict[str, Callable[[Photographs], Iterator[Pair]]] = {
    "look": by_look,
    "burst": by_burst,
    "time": by_time,
    "folder": by_folder,
    "name": by_name,
}
DEFAULT_GROUPINGS = ("look", "burst", "time")


def taken_at(path: Path) -> datetime | None:
    """When a photograph was taken, by its name or its EXIF data; None if neither tells."""
    if found := TIME_IN_NAME.search(path.stem):
        try:
            return datetime(*map(int, found.groups()))  # type: ignore[arg-type]
        except ValueError:
            pass  # digits that are no date
    try:
        return read_header(path).taken
    except SourceError:
        return None


def _neighbours(paths: Sequence[Path]) -> Iterator[tuple[tuple[str, int, int], tuple[str, int, int]]]:
    """(what stays the same, counter, place) of neighbours, by the last number in their names."""
    numbered = []
    for place, path in enumerate(paths):
        if found := COUNTER.match(path.stem):
            before, counter, behind = found.groups()
            numbered.append((f"{path.parent}/{before}#{behind}", int(counter), place))
    return (pair for pair in pairwise(sorted(numbered)) if pair[0][0] == pair[1][0])
