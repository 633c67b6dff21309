"""The picture: on a copy, inside its edges, readable at every size."""

from __future__ import annotations

import colorsys
import itertools
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector import overlay
from edge_detector.colors import BLACK, WHITE, Color, class_color, text_color, track_color
from edge_detector.overlay import SMALLEST_CAP_PX, annotate, can_draw, cap_height, drawable, style_for, text_size
from edge_detector.types import Box, Frame, Result, Size, Timings
from tests import make

LABELS = Path(__file__).parents[1] / "labels"
PAGE = Path(overlay.__file__).parent / "sinks" / "web" / "page"
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


def tracked(result: Result, *track_ids: int, held: bool = False) -> Result:
    """``result`` with these track_ids, all held or none."""
    count = len(track_ids)
    columns = {"track_ids": np.array(track_ids, np.int32), "held": np.full(count, held)}
    return replace(result, detections=replace(result.detections, **columns))


def test_a_box_has_the_colour_of_its_track_and_of_its_class_without_one() -> None:
    result = result_of((320, 240), ((40.0, 60.0, 140.0, 160.0), 0.9, 1))
    assert tuple(annotate(result)[160, 90].tolist()) == class_color(1)
    assert tuple(annotate(tracked(result, 7))[160, 90].tolist()) == track_color(7)


def test_a_track_has_the_colour_that_it_has_on_the_page() -> None:
    script = (PAGE / "boxes.js").read_text()
    angle = float(re.search(r"GOLDEN_ANGLE = ([\d.]+)", script)[1])
    saturation, lightness = map(float, re.search(r"360} ([\d.]+)% ([\d.]+)%\)", script).groups())
    for track_id in (1, 2, 50, 10_000):
        red, green, blue = colorsys.hls_to_rgb(track_id * angle % 360 / 360, lightness / 100, saturation / 100)
        assert np.abs(np.subtract(track_color(track_id), [255 * blue, 255 * green, 255 * red])).max() < 1


def test_tracks_numbered_near_each_other_differ_clearly() -> None:
    colors = [oklab(track_color(track_id)) for track_id in range(1, 9)]
    assert min(np.linalg.norm(np.subtract(*pair)) for pair in itertools.combinations(colors, 2)) > 0.04


@pytest.mark.parametrize("size", SIZES)
def test_what_is_held_is_dashed_and_its_caption_fainter(size: Size) -> None:
    width, height = size
    left, top, right, bottom = width // 4, height // 3, width // 2, height * 2 // 3
    found = tracked(result_of(size, ((left, top, right, bottom), 0.9, 0)), 1)
    held = tracked(found, 1, held=True)
    touched = changed(held)
    for edge in (touched[bottom, left : right + 1], touched[top : bottom + 1, right]):
        assert edge[0]
        assert edge[-1]
        assert edge.mean() == pytest.approx(0.5, abs=0.1)
    faint, full = (annotate(each)[top - 5, left + 1].astype(int) for each in (held, found))
    assert 0 < np.abs(faint - full).max() < np.abs(full - 128).max()


@pytest.mark.parametrize("box", [(-9.0, -9.0, 400.0, 300.0), (50.0, 50.0, 50.0, 50.0), (319.0, 239.0, 320.0, 240.0)])
def test_what_is_held_at_an_edge_or_very_small_is_drawn(box: Box) -> None:
    assert changed(tracked(result_of((320, 240), (box, 0.9, 0)), 1, held=True)).any()


def test_captions_of_neighbours_do_not_cover_each_other() -> None:
    boxes = [(100.0 + 9 * n, 60.0 + 2 * n, 150.0 + 9 * n, 200.0) for n in range(4)]
    result = tracked(result_of((640, 480), *((box, 0.9 - n / 10, 0) for n, box in enumerate(boxes))), 1, 2, 3, 4)
    width, height = text_size("person 90%", style_for((640, 480)))
    red = (annotate(result) == class_color(0)).all(axis=2)
    letters = 0.55  # of a caption's pixels are its background, at least
    assert red.sum() > 4 * letters * width * height


def test_a_caption_with_no_room_below_stays_where_it_is() -> None:
    box = (10.0, 200.0, 100.0, 238.0)
    result = result_of((320, 240), *[(box, 0.9, 0)] * 12)
    assert changed(result)[180:200, 10:60].any()
    assert annotate(result).shape == (240, 320, 3)


def test_a_trail_is_a_line_in_the_colour_of_its_track() -> None:
    result = tracked(result_of((320, 240), ((10.0, 10.0, 60.0, 60.0), 0.9, 0)), 3)
    trail = np.array([(0.5, 0.8), (0.75, 0.8)], np.float32)
    drawn = annotate(result, trails={3: trail})
    assert np.abs(drawn[round(0.8 * 239), 200] - np.array(track_color(3))).max() < 16  # its edges are smooth
    assert not (drawn[round(0.8 * 239), :150] != 128).any()


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
