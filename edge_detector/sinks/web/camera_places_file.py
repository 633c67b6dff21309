"""The same as `places_file` for a camera with a name: its zones, lines and masks are below its ``[[source]]``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from edge_detector.cameras import unnamed
from edge_detector.sinks.web.places_file import KINDS, Block, Edit, blocks_of, with_edits

SOURCE = re.compile(r"\s*\[\[\s*source\s*\]\]")
OF_SOURCE = re.compile(r"^(\s*\[{1,2}\s*)source\s*\.\s*")  # the beginning of [[source.zones]], up to the kind
ALONE = re.compile(rf"^(\s*\[\[\s*)({'|'.join(KINDS)})\b")


def with_camera_edits(text: str, changes: Iterable[Edit], *, camera: str) -> str:
    """The TOML ``text`` with ``changes`` below the table of ``camera``; all other lines stay as they are.

    Raises `ValueError` if that cannot be done line by line, if there is no such table, or if ``text`` is not TOML.
    """
    number = _number(tomllib.loads(text), camera)
    blocks = list(blocks_of(text))
    first, last = _extent(blocks, number)
    table = blocks[first]
    # As if the camera had a file of its own. What stands behind its last table belongs to the next one.
    own = [replace(table, header=""), *map(_alone, blocks[first + 1 : last + 1])]
    is_last = last == len(blocks) - 1
    rest = "" if is_last else own[-1].tail
    changed = with_edits("".join(block.text for block in own).removesuffix(rest), changes)
    below = "".join(_below(block).text for block in blocks_of(changed))
    before, after = _joined(blocks[:first]) + table.header, rest + _joined(blocks[last + 1 :])
    return _checked(before + below + after, text, number, tomllib.loads(changed))


def _number(values: dict[str, Any], camera: str) -> int:
    """Which of the file's tables ``[[source]]`` is that of the camera."""
    sources = values.get("source")
    if isinstance(sources, list) and all(isinstance(each, dict) for each in sources):
        for number, source in enumerate(sources):
            if source.get("name", unnamed(number)) == camera:
                return number
    raise ValueError(f"it has no table [[source]] with the name {camera!r}")


def _extent(blocks: Sequence[Block], number: int) -> tuple[int, int]:
    """The block of the camera's table, and the last one that belongs to it."""
    starts = [index for index, block in enumerate(blocks) if SOURCE.match(block.header)]
    if number >= len(starts):
        raise ValueError("its cameras are not written as tables such as [[source]]")
    end = starts[number + 1] if number + 1 < len(starts) else len(blocks)
    own = [index for index in range(starts[number], end) if OF_SOURCE.match(blocks[index].header)]
    return starts[number], max([starts[number], *own])


def _alone(block: Block) -> Block:
    return replace(block, header=OF_SOURCE.sub(r"\1", block.header))


def _below(block: Block) -> Block:
    return replace(block, header=ALONE.sub(r"\1source.\2", block.header))


def _joined(blocks: Iterable[Block]) -> str:
    return "".join(block.text for block in blocks)


def _checked(changed: str, text: str, number: int, camera: dict[str, Any]) -> str:
    """``changed``, if it is ``text`` with another table for that camera. Raises `ValueError` if it is not."""
    expected = tomllib.loads(text)
    expected["source"][number] = camera
    try:
        found = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != expected:
        raise ValueError("the zones, lines and masks of its cameras are not written as tables such as [[source.zones]]")
    return changed
