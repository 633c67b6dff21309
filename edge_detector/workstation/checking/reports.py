"""What a check found, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from edge_detector.text_table import aligned
from edge_detector.workstation.checking.checking import Check, ClassSummary
from edge_detector.workstation.data.labelled import Problem

EXAMPLES = 3  # of each kind of problem
LISTED_CLASSES = 30


def text_report(check: Check) -> str:
    """The sets, the classes and the problems, with a line for the end."""
    return "\n".join([*_sets(check), "", *_classes(check), "", *_problems(check), verdict(check)]) + "\n"


def verdict(check: Check) -> str:
    """One sentence: whether to train on it."""
    errors = sum(problem.error for problem in check.problems)
    others = len(check.problems) - errors
    if errors:
        return f"{_count(errors, 'error')} to mend before training, {_count(others, 'thing')} to know"
    return f"no errors, {_count(others, 'thing')} to know" if others else "nothing is wrong"


def json_report(check: Check) -> str:
    """Everything, as one object."""
    content: dict[str, Any] = {
        "datasets": [
            {
                "path": str(each.path),
                "format": each.format,
                "photographs": len(each.labelled),
                "exhaustive": None if each.exhaustive is None else sorted(each.exhaustive),
            }
            for each in check.material.datasets
        ],
        "image_size": check.material.image_size,
        "parts": {part: _part(check, part) for part in check.material.parts},
        "classes": [asdict(each) for each in check.classes],
        "problems": [asdict(each) for each in check.problems],
        "failed": check.failed,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _part(check: Check, part: str) -> dict[str, int]:
    photographs = [each for each in check.material.photographs if each.split == part]
    return {
        "photographs": len(photographs),
        "without_objects": sum(not each.labels for each in photographs),
        "objects": sum(len(each.labels) for each in photographs),
    }


def _sets(check: Check) -> Iterator[str]:
    for each in check.material.datasets:
        photographs = _count(len(each.labelled), "photograph")
        yield f"{each.path}: {each.format}, {photographs}{_exhaustive(each.exhaustive)}"
    rows = [["part", "photographs", "without objects", "objects"]]
    rows += [[part, *map(str, _part(check, part).values())] for part in check.material.parts]
    yield from ("", *aligned(rows))


def _exhaustive(classes: frozenset[str] | None) -> str:
    if classes is None:
        return ""
    return f", exhaustive for {', '.join(sorted(classes)) or 'no class'}"


def _classes(check: Check) -> Iterator[str]:
    if not check.classes:
        yield "no objects"
        return
    parts, side = check.material.parts, check.material.image_size
    names = [f"objects in {part}" for part in parts] if len(parts) > 1 else ["objects"]
    rows = [["class", "photographs", *names, f"median side in {side}x{side}", "tiny"]]
    rows += [_class_row(each) for each in check.classes[:LISTED_CLASSES]]
    yield from aligned(rows)
    if len(check.classes) > LISTED_CLASSES:
        yield f"and {len(check.classes) - LISTED_CLASSES} classes with fewer objects; --json lists all"


def _class_row(each: ClassSummary) -> list[str]:
    return [
        each.name,
        str(each.photographs),
        *map(str, each.objects.values()),
        f"{each.median_side:.0f} px",
        str(each.tiny),
    ]


def _problems(check: Check) -> Iterator[str]:
    for problems in check.by_kind:
        word = "ERROR" if problems[0].error else "note "
        yield f"{word}  {problems[0].kind}: {len(problems)}"
        yield from (f"       {_example(problem)}" for problem in problems[:EXAMPLES])
        if len(problems) > EXAMPLES:
            yield f"       and {len(problems) - EXAMPLES} more"
    if check.problems:
        yield ""


def _example(problem: Problem) -> str:
    return str(problem) if problem.where else problem.message


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
