"""What the window says over its picture: that it is not the present one, and which keys there are."""

from __future__ import annotations

from collections.abc import Iterable

from edge_detector.colors import BLACK, WHITE
from edge_detector.overlay import Image, Style, draw_text, style_for, text_size

FROZEN = "frozen (space)"
STALE_S = 5.0  # a picture that is older says so; the largest models on the smallest Pi need less
KEYS = {
    "space": "freeze the picture, and go on",
    "o": "boxes on and off",
    "t": "line at the lower left on and off",
    "s": "save the picture",
    "f": "full screen on and off",
    "h or ?": "these keys on and off",
    "q or Esc": "end the program",
}


def notes(*, frozen: bool, age_s: float) -> tuple[str, ...]:
    """What to say of a picture: whether the user has frozen it, and whether no other came for ``age_s`` seconds."""
    stale = f"no picture for {_duration(age_s)}" if age_s >= STALE_S else ""
    return tuple(filter(None, (FROZEN if frozen else "", stale)))


def draw_notes(image: Image, lines: Iterable[str]) -> None:
    """Draw ``lines`` at the upper left of ``image``, below each other, black on white."""
    style = style_for((image.shape[1], image.shape[0]))
    top = 0
    for line in lines:
        draw_text(image, line, (0, top), style, background=WHITE)
        top += text_size(line, style)[1]


def draw_keys(image: Image) -> None:
    """Draw the table of `KEYS` in the middle of ``image``, white on black."""
    height, width = image.shape[:2]
    style = style_for((width, height))
    margin = 2 * style.padding
    names_width, texts_width = (margin + _widest(texts, style) for texts in (KEYS.keys(), KEYS.values()))
    line_height = style.padding + max(text_size(name, style)[1] for name in KEYS)
    table_width, table_height = names_width + texts_width, margin + line_height * len(KEYS)
    left, top = max(0, (width - table_width) // 2), max(0, (height - table_height) // 2)
    image[top : top + table_height, left : left + table_width] = BLACK
    for row, (name, text) in enumerate(KEYS.items()):
        y = top + margin + row * line_height
        draw_text(image, name, (left + margin, y), style, background=BLACK)
        draw_text(image, text, (left + names_width, y), style, background=BLACK)


def _widest(texts: Iterable[str], style: Style) -> int:
    return max(text_size(text, style)[0] for text in texts)


def _duration(seconds: float) -> str:
    """``8 s``, ``5 min`` or ``3 h``."""
    minutes = int(seconds) // 60
    if minutes == 0:
        return f"{int(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"
