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
from edge_detector.colors import BLACK, WHITE, Color, class_color, text_color, track_color
from edge_detector.trails import NO_TRAILS, Trail, TrailsById
from edge_detector.types import Box, Detection, Result, Size

Image = NDArray[np.uint8]  # (H, W, 3) BGR

_copies = BufferPool()  # of frames, to draw on

Area = tuple[int, int, int, int]  # left, top, right, bottom, pixels; right and bottom are outside

HELD_OPACITY = 0.7  # of the caption of what was not found in this frame

FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_CAP_PX = 22  # height of this font's capitals at scale 1
SMALLEST_CAP_PX = 9  # below this, letters run together
CAPS_PER_PICTURE = 48  # so many capitals, one above the other, fill the picture's shorter side

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
    dash: int  # length of a dash, and of the gap after it
    padding: int


def annotate(result: Result, *, line: str | None = None, trails: TrailsById = NO_TRAILS) -> Image:
    """A copy of the result's picture, (H, W, 3) BGR, with its detections drawn on it and ``line`` at the lower left.

    Boxes have the colour of their track, or of their class if they have none; those that are held are dashed.
    ``trails``: where each track stood, as `Trails.update` gives them.
    """
    image = _copies.take(result.frame.image.shape)
    np.copyto(image, result.frame.image)
    style = style_for(result.frame.size)
    for track_id, trail in trails.items():
        _draw_trail(image, trail, track_color(track_id), style)
    surest_first = list(result.detections)
    for detection in reversed(surest_first):  # so that the surest is drawn on top of the others
        _draw_box(image, detection, style)
    corners = _caption_corners(surest_first, image, style)
    for detection, corner in zip(reversed(surest_first), reversed(corners), strict=True):
        _draw_caption(image, detection, corner, style)  # after all boxes: no line crosses a caption
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
        dash=max(5, round(cap_px / 2)),
        padding=max(2, round(cap_px / 4)),
    )


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


def _draw_trail(image: Image, trail: Trail, color: Color, style: Style) -> None:
    """A line through the points ``trail`` (P, 2), in fractions of the picture."""
    height, width = image.shape[:2]
    points = np.rint(trail * (width - 1, height - 1)).astype(np.int32)
    cv2.polylines(image, [points], False, color, max(1, round(style.line_thickness * 2 / 3)), cv2.LINE_AA)


def _draw_box(image: Image, detection: Detection, style: Style) -> None:
    left, top, right, bottom = _inside(detection.box, image, style.line_thickness)
    color = class_color(detection.class_id) if detection.track_id is None else track_color(detection.track_id)
    if detection.held:
        _draw_dashes(image, (left, top, right, bottom), color, style)
    else:
        cv2.rectangle(image, (left, top), (right, bottom), color, style.line_thickness)


def _draw_dashes(image: Image, box: tuple[int, int, int, int], color: Color, style: Style) -> None:
    """The edges of ``box`` as dashes."""
    left, top, right, bottom = box
    low, high = style.line_thickness // 2, (style.line_thickness + 1) // 2
    across, down = _dashes(right + 1 - left, style.dash), _dashes(bottom + 1 - top, style.dash)
    for y in (top, bottom):
        image[y - low : y + high, left : right + 1][:, across] = color
    for x in (left, right):
        image[top : bottom + 1, x - low : x + high][down] = color


def _dashes(pixels: int, dash: int) -> NDArray[np.bool_]:
    """(pixels,) which of them lie in dashes of about ``dash`` pixels; gaps are as long, and a dash is at each end."""
    count = 2 * round(pixels / dash / 2) + 1  # of dashes and gaps
    in_dash: NDArray[np.bool_] = np.arange(pixels) * count // pixels % 2 == 0
    return in_dash


def _draw_caption(image: Image, detection: Detection, corner: tuple[int, int], style: Style) -> None:
    """With its upper left at ``corner``; fainter if the detection is held."""
    text = caption(detection)
    left, top = corner
    width, height = text_size(text, style)
    covered = image[top : top + height, left : left + width]
    before = covered.copy() if detection.held else None
    draw_text(image, text, corner, style, background=class_color(detection.class_id))
    if before is not None:
        covered[:] = cv2.addWeighted(covered, HELD_OPACITY, before, 1 - HELD_OPACITY, 0)


def _caption_corners(detections: Sequence[Detection], image: Image, style: Style) -> list[tuple[int, int]]:
    """Where captions begin: above the box, or inside its upper edge if there is no room above.

    The first come first; one that would cover an earlier one is moved down, as on the page (``boxes.js``).
    """
    placed: list[Area] = []
    height, width = image.shape[:2]
    for detection in detections:
        left, top, _, _ = _inside(detection.box, image, style.line_thickness)
        text_width, text_height = text_size(caption(detection), style)
        above = top - text_height
        left = max(0, min(left, width - text_width))
        top = max(0, min(above if above >= 0 else top, height - text_height))
        placed.append(_moved_down((left, top, left + text_width, top + text_height), placed, height))
    return [(left, top) for left, top, _, _ in placed]


def _moved_down(area: Area, others: Sequence[Area], lowest: int) -> Area:
    """``area`` where it covers none of ``others``; it stays where it is if there is no room above ``lowest``."""
    left, top, right, bottom = area
    height = bottom - top
    beside = [other for other in others if left < other[2] and other[0] < right]
    for _, other_top, _, other_bottom in sorted(beside, key=lambda other: other[1]):
        if top < other_bottom and other_top < top + height:
            top = other_bottom
    return (left, top, right, top + height) if top + height <= lowest else area


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
