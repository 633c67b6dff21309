"""The picture: boxes, names and scores drawn on a copy of the frame, readable from 320x240 to 1920x1080."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.buffers import BufferPool
from edge_detector.types import Box, Detection, Result, Size

Image = NDArray[np.uint8]  # (H, W, 3) BGR
Color = tuple[int, int, int]  # blue, green, red

_copies = BufferPool()  # of frames, to draw on

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)

FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_CAP_PX = 22  # height of this font's capitals at scale 1
SMALLEST_CAP_PX = 9  # below this, letters run together
CAPS_PER_PICTURE = 48  # so many capitals, one above the other, fill the picture's shorter side

# Red, green, blue of the classes in their order. Each is the colour farthest from all before it in the space Oklab
# (B. Ottosson, 2020) that is neither dark nor grey, and three times as far from the one before. So the first classes
# differ most, and 90, as many as COCO's numbers go to, still differ.
PALETTE = bytes.fromhex("""
    ff2222 0000ff ddff00 7700bb 00dd00 ff00ff 11ffbb 991155 ffdd99 0055aa ffccff 226622
    ff88ff 009900 aa22ff bbbb00 5555ff aaffff 884400 00ddff bb00aa 00cc99 ff0099 118866
    66ff44 8866aa ffbb22 0088ee bb0000 aabbff 664488 ffaa99 006677 ff8800 8877ff aadd88
    cc55dd 77aa44 cc0066 55aaff cc5500 5500ee 887700 ccffaa cc6699 00bb00 ff7788 3377aa
    ff99cc 8844cc bb9944 ff55dd 00aaaa eedd11 bb88dd 99dd22 995566 88ddcc 5544bb cc8877
    882288 66bbcc 2244dd ccbb77 5566cc ee6644 00ffff 7788cc 66cc55 dd4466 88bb88 cc00dd
    aa7755 ddaaff 666622 ee77bb 1199cc ee11cc 99ddff aa4488 00ee77 cc44aa 00aa77 8800ee
    bb4444 dd77ff cc7700 9911bb dd99aa dd0022 9999ff 99ff88 779966 993333 8855ff ff0066
""")
CHANNELS = 3

# Letters that Unicode does not take apart into a plain one and an accent; dotless i, dash and apostrophe.
SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i", "\u2013": "-", "\u2019": "'"}
)


@dataclass(frozen=True, slots=True)
class Style:
    """Sizes for one size of picture, in pixels."""

    font_scale: float
    font_thickness: int
    line_thickness: int
    padding: int


def annotate(result: Result, *, line: str | None = None) -> Image:
    """A copy of the result's picture, (H, W, 3) BGR, with its detections drawn on it and ``line`` at the lower left."""
    image = _copies.take(result.frame.image.shape)
    np.copyto(image, result.frame.image)
    style = style_for(result.frame.size)
    surest_last = list(result.detections)[::-1]  # so that it is drawn on top of the others
    for detection in surest_last:
        _draw_box(image, detection, style)
    for detection in surest_last:  # after all boxes: no line crosses a caption
        _draw_caption(image, detection, style)
    if line:
        draw_text(image, line, (0, image.shape[0]), style, background=BLACK)  # most captions are near the upper edge
    return image


@cache
def style_for(size: Size) -> Style:
    """Sizes that keep the letters readable and the lines thin."""
    cap_px = max(SMALLEST_CAP_PX, min(size) / CAPS_PER_PICTURE)
    return Style(
        font_scale=cap_px / FONT_CAP_PX,
        font_thickness=max(1, round(cap_px / 12)),
        line_thickness=max(2, round(cap_px / 6)),
        padding=max(2, round(cap_px / 4)),
    )


@cache
def class_color(class_id: int) -> Color:
    """The colour of a class: always the same, and different from those of the 95 classes before it."""
    place = CHANNELS * class_id % len(PALETTE)
    red, green, blue = PALETTE[place : place + CHANNELS]
    return blue, green, red


@cache
def text_color(background: Color) -> Color:
    """Black or white, whichever stands out more (WCAG 2 relative luminance; equal contrast at 0.179)."""
    blue, green, red = (_linear(channel / 255) for channel in background)
    return BLACK if 0.0722 * blue + 0.7152 * green + 0.2126 * red > 0.179 else WHITE


def caption(detection: Detection) -> str:
    """The text on a box: ``person 87%``."""
    return f"{drawable(detection.label, detection.class_id)} {detection.score:.0%}"


@cache
def drawable(label: str, class_id: int) -> str:
    """``label`` in characters that OpenCV can draw; where some have no like, the number of the class tells it.

    OpenCV 5 draws the letters of many languages, OpenCV 4 only ASCII: there ``Größe`` is ``Grosse``, ``猫`` is
    ``class 17``.
    """
    words = unicodedata.normalize("NFC", label).split()
    spelled = [_spelled(character) for character in " ".join(words)]
    text = "".join(spelled).strip()
    if all(spelled):
        return text
    return f"{text} (class {class_id})" if text else f"class {class_id}"


@cache
def can_draw(character: str) -> bool:
    """Whether OpenCV draws a character as itself, and not as ``?``, one for all of it or one for each of its bytes."""
    if character.isascii():
        return character.isprintable()
    drawn = _drawn(character)
    return not any(np.array_equal(drawn, _drawn("?" * marks)) for marks in (1, len(character.encode())))


def _spelled(character: str) -> str:
    """``character``, or the nearest that can be drawn; empty if there is none."""
    if can_draw(character):
        return character
    parts = unicodedata.normalize("NFKD", character.translate(SPELLED))
    return "".join(part for part in parts if part.isascii() and part.isprintable())


def _drawn(text: str) -> Image:
    image = np.zeros((64, 256, 3), np.uint8)
    cv2.putText(image, text, (8, 48), FONT, 1.0, WHITE)
    return image


def _linear(channel: float) -> float:
    """An sRGB channel in [0, 1] as light intensity (IEC 61966-2-1)."""
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def _draw_box(image: Image, detection: Detection, style: Style) -> None:
    left, top, right, bottom = _inside(detection.box, image, style.line_thickness)
    cv2.rectangle(image, (left, top), (right, bottom), class_color(detection.class_id), style.line_thickness)


def _draw_caption(image: Image, detection: Detection, style: Style) -> None:
    """Above the box, or inside its upper edge if there is no room above."""
    left, top, _, _ = _inside(detection.box, image, style.line_thickness)
    text = caption(detection)
    above = top - text_size(text, style)[1]
    corner = (left, above if above >= 0 else top)
    draw_text(image, text, corner, style, background=class_color(detection.class_id))


def _inside(box: Box, image: Image, thickness: int) -> Sequence[int]:
    """The box in whole pixels, its edges moved inwards where the line would leave the picture."""
    margin = thickness // 2
    height, width = image.shape[:2]
    limits = (width - 1 - margin, height - 1 - margin) * 2
    return [max(margin, min(round(edge), limit)) for edge, limit in zip(box, limits, strict=True)]


def draw_text(image: Image, text: str, corner: tuple[int, int], style: Style, *, background: Color) -> None:
    """Text on a filled box whose top left is at ``corner``, or as near to it as the picture's edges allow."""
    height, width = image.shape[:2]
    box_width, box_height = text_size(text, style)
    left = max(0, min(corner[0], width - box_width))
    top = max(0, min(corner[1], height - box_height))
    cv2.rectangle(image, (left, top), (left + box_width - 1, top + box_height - 1), background, cv2.FILLED)
    baseline = top + style.padding + cap_height(style)
    origin = (left + style.padding, baseline)
    color = text_color(background)
    cv2.putText(image, text, origin, FONT, style.font_scale, color, style.font_thickness, cv2.LINE_AA)


def text_size(text: str, style: Style) -> Size:
    """(width, height) of a text's box with its padding, in pixels."""
    (width, _), below = cv2.getTextSize(text, FONT, style.font_scale, style.font_thickness)
    return width + 2 * style.padding, cap_height(style) + below + style.padding


def cap_height(style: Style) -> int:
    return round(style.font_scale * FONT_CAP_PX)
