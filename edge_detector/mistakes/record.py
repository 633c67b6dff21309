"""One picture of the dataset: what the detector found on it, and what a person says of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from edge_detector.types import Box, Size

VERSION = 1  # of the record's JSON
BY_HAND = "marked"  # the reason of a picture that a person has chosen; others are offered by `unsure`

RIGHT, WRONG, RELABELLED, MISSED = "right", "wrong", "relabelled", "missed"
VERDICTS = {
    RIGHT: "it is what the detector says",
    WRONG: "there is no such object",
    RELABELLED: "it is something else",
    MISSED: "the detector did not find it",
}


class Found(NamedTuple):
    """An object that the detector found."""

    label: str
    score: float
    box: Box  # pixels of the picture


class Mark(NamedTuple):
    """What a person says of one object."""

    verdict: str  # one of VERDICTS
    label: str  # what it is; of a wrong one, what the detector took it for
    box: Box  # pixels of the picture
    found: int | None = None  # its number in `Marked.found`; None: missed


@dataclass(frozen=True, slots=True)
class Marked:
    """One picture. While nobody has judged it, it is an offer, and has no marks."""

    id: str  # later pictures have greater ones
    taken_s: float  # seconds since 1970, as the machine's clock told it
    size: Size
    model: str
    source: str  # without its password
    reason: str  # why it is here: `BY_HAND`, or why the detector was unsure
    found: tuple[Found, ...]
    marks: tuple[Mark, ...] = ()
    exhaustive: tuple[str, ...] = ()  # of these classes every object on the picture is known: no other is one
    is_judged: bool = False

    def __repr__(self) -> str:
        state = f"{len(self.marks)} marks" if self.is_judged else "offered"
        return f"<Marked {self.id}: {len(self.found)} found, {state}>"

    @property
    def objects(self) -> list[tuple[str, Box]]:
        """What is on the picture as far as the person vouches for it: label and box.

        What the person has left alone counts as right if its class is one of `exhaustive`.
        """
        said = [(mark.label, mark.box) for mark in self.marks if mark.verdict != WRONG]
        judged = {mark.found for mark in self.marks}
        left = [each for number, each in enumerate(self.found) if number not in judged]
        return said + [(each.label, each.box) for each in left if each.label in self.exhaustive]


def as_json(picture: Marked) -> dict[str, Any]:
    """As `from_json` reads it."""
    width, height = picture.size
    return {
        "version": VERSION,
        "id": picture.id,
        "taken": datetime.fromtimestamp(picture.taken_s, UTC).isoformat(timespec="milliseconds"),
        "width": width,
        "height": height,
        "model": picture.model,
        "source": picture.source,
        "reason": picture.reason,
        "found": [
            {"label": label, "score": round(score, 4), "box": _rounded(box)} for label, score, box in picture.found
        ],
        "marks": [
            {"verdict": verdict, "label": label, "box": _rounded(box), "found": found}
            for verdict, label, box, found in picture.marks
        ],
        "exhaustive": list(picture.exhaustive),
        "judged": picture.is_judged,
    }


def from_json(value: Any) -> Marked:
    """The picture that ``value`` describes. Raises `ValueError` if it is no such description."""
    try:
        return _read(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a record of a marked picture: {type(error).__name__} {error}") from None


def _read(value: Mapping[str, Any]) -> Marked:
    if value["version"] > VERSION:
        raise ValueError(f"of version {value['version']}, from a newer edge-detector; this one reads up to {VERSION}")
    found = tuple(Found(str(each["label"]), float(each["score"]), _box(each["box"])) for each in value["found"])
    return Marked(
        id=str(value["id"]),
        taken_s=datetime.fromisoformat(value["taken"]).timestamp(),
        size=(int(value["width"]), int(value["height"])),
        **{name: str(value[name]) for name in ("model", "source", "reason")},
        found=found,
        marks=tuple(_mark(each, len(found)) for each in value["marks"]),
        exhaustive=tuple(str(each) for each in value["exhaustive"]),
        is_judged=bool(value["judged"]),
    )


def _mark(mark: Mapping[str, Any], count: int) -> Mark:
    verdict, number = mark["verdict"], mark["found"]
    if verdict not in VERDICTS or not (number is None or 0 <= number < count):
        raise ValueError(f"a mark with the verdict {verdict!r} of what was found as number {number!r}")
    return Mark(str(verdict), str(mark["label"]), _box(mark["box"]), number)


def _box(edges: Any) -> Box:
    x1, y1, x2, y2 = map(float, edges)
    return x1, y1, x2, y2


def _rounded(box: Box) -> list[float]:
    return [round(edge, 2) for edge in box]
