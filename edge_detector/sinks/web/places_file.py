"""Changed zones, lines and masks in the text of the configuration file: only their own lines change, comments stay."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from edge_detector.toml import to_toml
from edge_detector.toml_lines import end_of_line, first_table, with_entry, without_entry
from edge_detector.track.places import TABLES

Table = dict[str, Any]  # one zone, line or mask, as in the file
Tables = dict[str, list[Table]]  # by KINDS

KINDS = tuple(TABLES)


@dataclass(frozen=True, slots=True)
class Edit:
    """One zone, line or mask that is added (no ``before``), removed (no ``after``) or changed."""

    kind: str  # one of KINDS
    before: Table | None
    after: Table | None


def edits(before: Tables, after: Tables) -> list[Edit]:
    """What makes ``after`` of ``before``."""
    return [edit for kind in KINDS for edit in _edits(kind, _plain(before[kind]), _plain(after[kind]))]


def with_edits(text: str, changes: Iterable[Edit]) -> str:
    """The TOML ``text`` with ``changes``; all other lines stay as they are, and the comments in changed tables, too.

    A table that is not in the text, because somebody has removed it there, is added if it has changed.
    Raises `ValueError` if that cannot be done line by line, or if ``text`` is not TOML.
    """
    expected = tomllib.loads(text)
    for edit in changes:
        text = _with_edit(text, edit)
        expected[edit.kind] = _with_row(expected.get(edit.kind, []), edit)
    if not _is_same(text, expected):
        raise ValueError("its zones, lines and masks are not written as tables such as [[zones]]")
    return text


def _edits(kind: str, before: list[Table], after: list[Table]) -> Iterator[Edit]:
    """Pairs those of one name, then those of one place, then those that are left, if they are as many."""
    old, new = list(before), list(after)
    for is_same in (_have_one_name, _have_one_place):
        for first, second in _pairs(old, new, is_same):
            old.remove(first)
            new.remove(second)
            if first != second:
                yield Edit(kind, first, second)
    if len(old) == len(new):
        yield from (Edit(kind, first, second) for first, second in zip(old, new, strict=True))
        return
    yield from (Edit(kind, each, None) for each in old)
    yield from (Edit(kind, None, each) for each in new)


def _pairs(old: list[Table], new: list[Table], is_same: Callable[[Table, Table], bool]) -> list[tuple[Table, Table]]:
    """Each of ``new`` with the first of ``old`` that is the same and has no other partner."""
    rest, pairs = list(old), []
    for second in new:
        first = next((each for each in rest if is_same(each, second)), None)
        if first is not None:
            rest.remove(first)
            pairs.append((first, second))
    return pairs


def _have_one_name(first: Table, second: Table) -> bool:
    return "name" in first and first["name"] == second.get("name")


def _have_one_place(first: Table, second: Table) -> bool:
    return all(first.get(key) == second.get(key) for key in ("polygon", "points"))


def _is_of(edit: Edit, table: Table) -> bool:
    """Whether ``table`` of the file is what the edit changes."""
    if edit.before is None:
        return False
    is_same = _have_one_name if "name" in edit.before else _have_one_place
    return is_same(edit.before, table)


def _plain(tables: list[Table]) -> list[Table]:
    """With lists instead of tuples, as TOML and JSON read them."""
    return list(json.loads(json.dumps(tables)))


def _with_row(rows: list[Table], edit: Edit) -> list[Table]:
    """The tables of one kind after the edit."""
    index = next((index for index, row in enumerate(rows) if _is_of(edit, row)), None)
    if index is None:
        return rows if edit.after is None else [*rows, edit.after]
    return [*rows[:index], *([] if edit.after is None else [_changed(rows[index], edit)]), *rows[index + 1 :]]


def _changed(row: Table, edit: Edit) -> Table:
    kept = {key: value for key, value in row.items() if key not in _dropped(edit)}
    return {**kept, **_set(edit)}


def _dropped(edit: Edit) -> list[str]:
    return [key for key in edit.before or {} if key not in (edit.after or {})]


def _set(edit: Edit) -> Table:
    before, after = edit.before or {}, edit.after or {}
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def _is_same(text: str, expected: dict[str, Any]) -> bool:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return all(found.get(key, []) == expected.get(key, []) for key in found.keys() | expected.keys())


# --- the text ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A table of the file, or what comes before the first one."""

    header: str  # its line [[zones]], with the comment behind it
    body: str  # its entries, and the comments between them
    tail: str  # empty lines and comments that follow, and so belong to the next table

    @property
    def text(self) -> str:
        return self.header + self.body + self.tail

    def is_a(self, kind: str) -> bool:
        return re.match(rf"\s*\[\[\s*{kind}\s*\]\]", self.header) is not None


def _with_edit(text: str, edit: Edit) -> str:
    blocks = list(blocks_of(text))
    own = [index for index, block in enumerate(blocks) if block.is_a(edit.kind)]
    index = next((index for index in own if _is_of(edit, tomllib.loads(blocks[index].body))), None)
    if index is not None:
        blocks[index] = _with_changed_block(blocks[index], edit)
    elif edit.after is not None:
        last = own[-1] if own else len(blocks) - 1
        at_end = last == len(blocks) - 1 and not own
        blocks[last] = _with_new_block(blocks[last], edit, end_of_line(text), behind_tail=at_end)
    return "".join(block.text for block in blocks)


def _with_changed_block(block: Block, edit: Edit) -> Block:
    if edit.after is None:
        return Block("", "", block.tail)
    body = block.body
    for key in _dropped(edit):
        body = without_entry(body, key)
    for key, value in _set(edit).items():
        body = with_entry(body, key, value)
    return replace(block, body=body)


def _with_new_block(block: Block, edit: Edit, newline: str, *, behind_tail: bool) -> Block:
    """With the edit's table behind the block, or at the end of the file behind all that it has."""
    new = f"[[{edit.kind}]]\n{to_toml(edit.after or {})}".replace("\n", newline)
    before = block.header + block.body + (block.tail if behind_tail else "")
    gap = "" if not before else newline if before.endswith("\n") else newline * 2
    return Block(before + gap + new, "", "" if behind_tail else block.tail)


def blocks_of(text: str) -> Iterator[Block]:
    """All of the text: first what comes before the first table, which may be empty."""
    lines = text.splitlines(keepends=True)
    header, start = "", 0
    while True:
        end = start + first_table(lines[start:])
        yield _block(header, lines[start:end])
        if end == len(lines):
            return
        header, start = lines[end], end + 1


def _block(header: str, lines: list[str]) -> Block:
    rest = len(list(takewhile(lambda line: not line.strip() or line.lstrip().startswith("#"), reversed(lines))))
    body = lines[: len(lines) - rest]
    return Block(header, "".join(body), "".join(lines[len(body) :]))
