"""A split in words: what each part has, and which photographs were kept together."""

from __future__ import annotations

from collections.abc import Iterator

from edge_detector.text_table import aligned
from edge_detector.workstation.data.splitting import Split

LISTED_GROUPS = 20
LISTED_MEMBERS = 6


def split_report(split: Split) -> str:
    """A table of the parts, and the groups of more than one photograph."""
    return "\n".join([*aligned(_rows(split)), "", *_groups(split)]) + "\n"


def _rows(split: Split) -> Iterator[list[str]]:
    """The parts as columns; photographs, groups and the classes as rows."""
    photographs = split.dataset.labelled
    parts = split.dataset.splits
    yield ["", *parts]
    yield ["photographs", *(str(sum(each.split == part for each in photographs)) for part in parts)]
    groups = [photographs[group[0]].split for group in split.groups]
    yield ["groups", *(str(groups.count(part)) for part in parts)]
    for name in split.dataset.classes:
        yield [
            name,
            *(str(sum(each.labels.count(name) for each in photographs if each.split == part)) for part in parts),
        ]
    yield [
        "without objects",
        *(str(sum(each.split == part and not each.labels for each in photographs)) for part in parts),
    ]


def _groups(split: Split) -> Iterator[str]:
    several = sorted((group for group in split.groups if len(group) > 1), key=len, reverse=True)
    if not several:
        yield "no photographs belong together"
        return
    yield f"{len(several)} group{'' if len(several) == 1 else 's'} of photographs that belong together:"
    for group in several[:LISTED_GROUPS]:
        names = [split.dataset.labelled[place].path.name for place in group[:LISTED_MEMBERS]]
        rest = f" and {len(group) - LISTED_MEMBERS} more" if len(group) > LISTED_MEMBERS else ""
        yield f"  {split.dataset.labelled[group[0]].split}: {', '.join(names)}{rest}"
    if len(several) > LISTED_GROUPS:
        yield f"  and {len(several) - LISTED_GROUPS} more groups"
