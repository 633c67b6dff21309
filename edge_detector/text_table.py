"""Rows of text in columns, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """A line for each of ``rows``, whose cells are as many, with the cells of each column below each other."""
    return [line.rstrip() for line in padded(rows)]


def padded(rows: Iterable[Sequence[str]]) -> list[str]:
    """As `aligned`, and all lines as long as the longest, for more to stand behind them."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
