"""The picture: on a copy, inside its edges, readable at every size."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector import overlay
from edge_detector.colors import BLACK, WHITE, Color, class_color, text_color
from edge_detector.overlay import SMALLEST_CAP_PX, annotate, can_draw, cap_height, drawable, style_for, text_size
from edge_detector.types import Frame, Result, Size, Timings
from tests import make

LABELS = Path(__file__).parents[1] / "labels"
HOUSEHOLD = ("person", "bicycle", "car", "bird", "cat", "dog", "hot dog", "bottle", "chair", "couch", "tv", "laptop")
SIZES = [(320, 240), (641, 479), (1280, 720), (1920, 1080)]


def result_of(size: Size, *rows: tuple[tuple[float, float, float, float], float, int]) -> Result:
    """A result on a grey frame, so that black letters show as well."""
    width, height = size
    frame = Frame(np.full((height, width, 3), 128, np.uint8), 0, 0)
    return Result(frame, make.detections(*rows), Timings(2.0, 1.0, 6.0, 1.0))


def changed(result: Result, *, line: str | None = None) -> np.ndarray:
    """Which pixels `annotate` touched."""
    return (annotate(result, line=line) != result.frame.image).any(axis=2)


def test_it_draws_on_a_copy() -> None:
    result = make.result(0, ((10.0, 10.0, 100.0, 100.0), 0.9, 0))
    image = annotate(result)
    assert image.any()
    assert image.flags.writeable
    assert not result.frame.image.any()


def test_nothing_found_leaves_the_picture_as_it_was() -> None:
    assert not changed(make.result()).any()


@pytest.mark.parametrize("size", SIZES)
def test_the_line_of_a_box_runs_along_its_four_edges(size: Size) -> None:
    width, height = size
    left, top, right, bottom = width // 4, height // 3, width // 2, height * 2 // 3
    touched = changed(result_of(size, ((left, top, right, bottom), 0.9, 0)))
    assert touched[top, left : right + 1].all()
    assert touched[bottom, left : right + 1].all()
    assert touched[top : bottom + 1, left].all()
    assert touched[top : bottom + 1, right].all()
    assert not touched[height // 2 + 2 : bottom - style_for(size).line_thickness, left + 9 : right - 9].any()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_caption_stays_whole_at_every_edge(size: Size, corner: tuple[int, int]) -> None:
    width, height = size
    x, y = corner[0] * (width - 8), corner[1] * (height - 8)
    touched = changed(result_of(size, ((x, y, x + 8, y + 8), 0.87, 0)))
    caption_width, caption_height = text_size("person 87%", style_for(size))
    assert (touched.sum(axis=1) >= caption_width).sum() >= caption_height


@pytest.mark.parametrize("size", SIZES)
def test_letters_grow_with_the_picture_and_never_run_together(size: Size) -> None:
    assert cap_height(style_for(size)) >= max(SMALLEST_CAP_PX, min(size) // 50)


def test_a_box_over_the_edge_is_drawn_along_it() -> None:
    touched = changed(result_of((320, 240), ((-50.0, 100.0, 400.0, 300.0), 0.9, 0)))
    assert touched[100:-1, 0].all()  # all but the corner's own pixel: OpenCV rounds the corners of a thick line
    assert touched[100:-1, -1].all()
    assert touched[-1, 1:-1].all()


def test_the_line_lies_in_the_lower_left_corner() -> None:
    rows, columns = np.nonzero(changed(make.result(), line="14.9 fps  67 ms"))
    assert rows.min() > 220
    assert columns.max() < 160


def test_a_line_wider_than_the_picture_is_cut_at_its_right_edge() -> None:
    assert changed(make.result(), line="14.9 fps " * 20)[-10:, :40].any()


def test_the_surest_detection_lies_on_top() -> None:
    box = (40.0, 40.0, 200.0, 200.0)
    image = annotate(make.result(0, (box, 0.9, 0), (box, 0.5, 1)))
    assert tuple(image[200, 120].tolist()) == class_color(0)


def test_no_line_crosses_a_caption() -> None:
    dog = ((100.0, 100.0, 180.0, 200.0), 0.5, 1)
    person = ((110.0, 20.0, 300.0, 230.0), 0.9, 0)  # its left edge runs through the dog's caption
    alone, together = annotate(result_of((320, 240), dog)), annotate(result_of((320, 240), dog, person))
    width, height = text_size("dog 50%", style_for((320, 240)))
    caption = np.s_[100 - height : 100, 100 : 100 + width]
    assert (alone[caption] == together[caption]).all()


def test_a_class_keeps_its_colour_and_96_classes_have_96() -> None:
    assert class_color(17) == class_color(17)
    assert len({class_color(class_id) for class_id in range(96)}) == 96
    assert class_color(96) == class_color(0)


@pytest.mark.parametrize(("classes", "distance"), [(12, 0.15), (36, 0.10), (80, 0.075), (90, 0.07)])
def test_the_first_classes_differ_most_and_all_of_coco_differ(classes: int, distance: float) -> None:
    colors = [oklab(class_color(class_id)) for class_id in range(classes)]
    assert min(np.linalg.norm(np.subtract(*pair)) for pair in itertools.combinations(colors, 2)) > distance


@pytest.mark.parametrize("file", ["coco.txt", "coco_90.txt"])
def test_things_in_a_household_differ_clearly(file: str) -> None:
    labels = (LABELS / file).read_text().splitlines()
    colors = [oklab(class_color(labels.index(label))) for label in HOUSEHOLD]
    assert min(np.linalg.norm(np.subtract(*pair)) for pair in itertools.combinations(colors, 2)) > 0.08


@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        ("hot dog", "hot dog"),
        ("Größe", "Grosse"),
        ("Łódź \u2013 Ñandú", "Lodz - Nandu"),
        ("cafe\u0301", "cafe"),
        ("ﬁsh ①", "fish 1"),
        ("猫", "class 17"),
        ("Größe 猫", "Grosse (class 17)"),
        ("🐶", "class 17"),
        ("a\tb", "a b"),
    ],
)
def test_a_font_without_other_letters_gets_the_nearest(monkeypatch: pytest.MonkeyPatch, label: str, drawn: str) -> None:
    monkeypatch.setattr(overlay, "can_draw", lambda character: character.isascii() and character.isprintable())
    assert drawable.__wrapped__(label, 17) == drawn


@pytest.mark.parametrize("label", ["Größe 猫", "собака", "café", "สุนัข", "कुत्ता", "🐶", "ძაღლი", "\U000f0000"])
def test_nothing_is_drawn_as_question_marks(label: str) -> None:
    assert all(can_draw(character) for character in drawable(label, 17))
    assert drawable(label, 17).strip()


def test_what_the_font_has_stays_as_it_is() -> None:
    assert drawable("dog", 16) == "dog"
    assert can_draw("?")
    if cv2.__version__.startswith("5"):
        assert drawable("Größe 猫", 3) == "Größe 猫"


def test_classes_numbered_next_to_each_other_differ_clearly() -> None:
    colors = [class_color(class_id) for class_id in range(90)]
    apart = [np.abs(np.subtract(a, b)).max() for a, b in itertools.pairwise(colors)]
    assert min(apart) > 100


@pytest.mark.parametrize("color", [class_color(class_id) for class_id in range(96)])
def test_text_stands_out_from_its_class_colour(color: Color) -> None:
    assert contrast(text_color(color), color) >= 4.5  # WCAG 2's level AA


@pytest.mark.parametrize(("background", "text"), [(WHITE, BLACK), (BLACK, WHITE), ((255, 0, 0), WHITE)])
def test_text_is_black_on_light_and_white_on_dark(background: Color, text: Color) -> None:
    assert text_color(background) == text


def oklab(color: Color) -> np.ndarray:
    """The place of a colour in Oklab, where distance is difference to the eye (B. Ottosson, 2020)."""
    srgb = np.array(color[::-1]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    cones = np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]])
    opponents = np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]])
    return opponents @ np.cbrt(cones @ linear)


def contrast(one: Color, other: Color) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Color) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(color) / 255]
    return float(np.dot(linear, (0.0722, 0.7152, 0.2126)))
