"""The clip of the README's first command: small, credited, and the default model sees what it shows."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import av
import numpy as np

from edge_detector.config import Config
from edge_detector.detect.detector import open_detector
from edge_detector.pipeline import watch
from edge_detector.types import Frame, Result

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "demo" / "demo.mp4"
EVERY = 10  # frames; the camera moves slowly


def test_the_clip_is_small_enough_for_the_repository() -> None:
    assert CLIP.stat().st_size <= 2_000_000


def test_every_photograph_of_the_script_is_credited() -> None:
    script = ast.parse((ROOT / "scripts" / "make_demo_clip.py").read_text())
    scenes = next(
        node.value for node in script.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SCENES"
    )
    names = {node.value for node in ast.walk(scenes) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    credited = (CLIP.parent / "CREDITS.md").read_text()
    assert names == {"astronaut", "cat", "coffee"}
    assert all(f"`{name}`" in credited for name in names)


def test_the_default_model_sees_what_is_in_it() -> None:
    with av.open(str(CLIP)) as film, open_detector(Config(confidence=0.5)) as detector:
        frames = [frame for number, frame in enumerate(film.decode(video=0)) if number % EVERY == 0]
        pictures = [np.ascontiguousarray(frame.to_ndarray(format="bgr24")) for frame in frames]
        results = [detector.detect(Frame(picture, number, 0)) for number, picture in enumerate(pictures)]
    assert {result.frame.size for result in results} == {(640, 480)}
    labels = Counter(label for result in results for label in {each.label for each in result.detections})
    assert min(labels["person"], labels["cat"], labels["cup"]) >= len(results) // 6


def test_a_visit_does_not_go_on_over_a_cut() -> None:
    """The clip shows a woman until 4.3 s, a cat until 8.3 s, then a cup on a table."""
    told = [(change.kind, change.visit.label) for result in first_seconds(9.9) for change in result.visits]
    news = [(kind, label) for kind, label in told if kind in ("started", "renamed", "ended") and label != "wine glass"]
    assert [each for each in news if each[1] in ("person", "cat")] == [
        *(("started", "person"), ("ended", "person"), ("started", "cat"), ("ended", "cat"))
    ]
    assert ("started", "dining table") in news


def first_seconds(seconds: float) -> Iterator[Result]:
    with watch(str(CLIP)) as results:
        yield from takewhile(lambda result: (result.frame.position_s or 0.0) < seconds, results)
