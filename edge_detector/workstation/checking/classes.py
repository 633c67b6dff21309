"""Classes: names that are nearly the same, those that a part of the data lacks, and those with few objects."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from edge_detector.workstation.checking.material import Material
from edge_detector.workstation.data.labelled import Problem

NEAR = 0.8  # difflib's ratio of two names: so much alike may be one name and a typo
RARE_SHARE = 0.1  # of the objects of the other name: a typo is rare
UNBALANCED = 10  # times as many objects of the most frequent class as of the rarest
FEW_OBJECTS = 20  # for training


def class_problems(material: Material) -> Iterator[Problem]:
    """What is wrong with the names of classes and the numbers of their objects."""
    used = [name for name in material.classes if material.objects(name)]
    yield from _spelled_alike(material, used)
    for part in material.parts[1:]:
        yield from _without_partner(material, part)
    yield from _empty(material)
    yield from _few(material, used)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that ``name`` may have been meant to be."""
    folded = {_folded(other): other for other in names if other != name}
    if (same := folded.get(_folded(name))) is not None:
        return same
    found = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=NEAR)
    return folded[found[0]] if found else None


def _folded(name: str) -> str:
    """Without what people mean nothing by: upper case, spaces, dashes, underscores."""
    return "".join(letter for letter in name.casefold() if letter not in " _-")


def _spelled_alike(material: Material, used: list[str]) -> Iterator[Problem]:
    """Of two names that differ in case alone, or nearly the same and one of them rare, one is a typo."""
    for name in used:
        count = material.objects(name)
        others = [
            other
            for other in used
            if material.objects(other) > count or (material.objects(other) == count and other < name)
        ]
        near = nearest(name, others)
        if near is None:
            continue
        if _folded(near) == _folded(name) or count <= RARE_SHARE * material.objects(near):
            message = f"{name!r} has {_objects(count)}, {near!r} {material.objects(near)}; is {name!r} a typo of it?"
            yield Problem("class spelled in two ways", _where(material, name), message)


def _without_partner(material: Material, part: str) -> Iterator[Problem]:
    """A class of one part that the training part lacks can't be found; one that only training has isn't measured."""
    first = material.parts[0]
    here, there = _present(material, part), _present(material, first)
    for name in sorted(here - there):
        near = nearest(name, there)
        hint = f"; did you mean {near!r}?" if near else "; no model can learn it"
        message = f"{name!r} has {_objects(material.counts[part][name])} in {part}, none in {first}{hint}"
        yield Problem("class without a partner", _where(material, name), message)
    for name in sorted(there - here):
        near = nearest(name, here - there)
        hint = f"; did you mean {near!r}?" if near else "; nothing measures it"
        message = f"{name!r} has {_objects(material.counts[first][name])} in {first}, none in {part}{hint}"
        yield Problem("class without a partner", _where(material, name), message, error=near is not None)


def _present(material: Material, part: str) -> set[str]:
    return {name for name, count in material.counts[part].items() if count}


def _empty(material: Material) -> Iterator[Problem]:
    for dataset in material.datasets:
        unused = [name for name in dataset.classes if not material.objects(name)]
        if unused:
            listed = ", ".join(unused[:10]) + (f" and {len(unused) - 10} more" if len(unused) > 10 else "")
            yield Problem("class without objects", str(dataset.path), listed, error=False)


def _few(material: Material, used: list[str]) -> Iterator[Problem]:
    first = material.parts[0] if material.parts else ""
    counts = {name: material.counts[first][name] for name in used if material.counts[first][name]}
    for name, count in counts.items():
        if count < FEW_OBJECTS:
            message = f"{name!r} has {_objects(count)}; expected {FEW_OBJECTS} and more to learn from"
            yield Problem("few objects", first, message, error=False)
    if counts and max(counts.values()) > UNBALANCED * min(counts.values()):
        most, least = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
        times = f"{counts[most] / counts[least]:.0f} times as many"
        message = f"{most!r} has {counts[most]} objects, {least!r} {counts[least]}: {times}"
        yield Problem("imbalance", first, message, error=False)


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"


def _where(material: Material, name: str) -> str:
    """The first annotation file that has the class."""
    return next(str(each.where) for each in material.photographs if name in each.labels)
