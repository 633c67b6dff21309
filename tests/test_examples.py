"""Each example, run as a user runs it."""

from __future__ import annotations

import ast
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge_detector
from tests.model_store.file_server import serving, whole

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TIMEOUT_S = 120


@contextmanager
def started(name: str, *arguments: object, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-u", str(ROOT / "examples" / name), *map(str, arguments)]
    environment = {"PATH": "", "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(name: str, *arguments: object, folder: Path) -> str:
    """What the example prints."""
    with started(name, *arguments, folder=folder) as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, errors
    return output


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_at_most_twenty_lines_and_a_test(path) -> None:
    assert len(path.read_text().splitlines()) <= 20
    assert f'"{path.name}"' in Path(__file__).read_text()


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_an_example_without_arguments_says_how_to_call_it(name, tmp_path) -> None:
    with started(name, folder=tmp_path) as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, output) == (1, "")
    assert re.fullmatch(rf".+: python examples/{name} .+\n", errors)


def test_one_image(shared, tmp_path) -> None:
    lines = run("one_image.py", shared / "stills/cat_720p.jpg", folder=tmp_path).splitlines()
    assert re.fullmatch(r"cat \d\d% at \d+ \d+ \d+ \d+", lines[0])


def test_count_people(shared, tmp_path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for name in ("person.jpg", "cat_720p.jpg"):
        shutil.copy(shared / "stills" / name, photographs)
    assert run("count_people.py", photographs, folder=tmp_path).splitlines() == ["cat_720p.jpg 0", "person.jpg 1"]


def film(photograph: Path, path: Path) -> Path:
    """A film of 10 s, 5 frames a second: the photograph for two seconds, then nothing."""
    picture = edge_detector.read_image(photograph).image
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, picture.shape[1::-1])
    for number in range(50):
        writer.write(picture if number < 10 else np.zeros_like(picture))
    writer.release()
    return path


def test_a_dog_is_seen_once_a_visit(shared, tmp_path) -> None:
    scene = film(shared / "stills/person.jpg", tmp_path / "person.mp4")  # with one dog
    assert run("dog_seen.py", scene, folder=tmp_path) == "a dog! see dog.jpg\n"
    assert (
        edge_detector.read_image(tmp_path / "dog.jpg").size
        == edge_detector.read_image(shared / "stills/person.jpg").size
    )


def test_no_dog_is_seen(shared, tmp_path) -> None:
    scene = film(shared / "stills/cat_720p.jpg", tmp_path / "cat.mp4")
    assert run("dog_seen.py", scene, folder=tmp_path) == ""
    assert list(tmp_path.glob("*.jpg")) == []


def test_visits_are_told(shared, tmp_path) -> None:
    scene = film(shared / "stills/cat_720p.jpg", tmp_path / "cat.mp4")
    came, left = run("visits.py", scene, folder=tmp_path).splitlines()
    assert came == "cat came"
    assert re.fullmatch(r"cat left after [12] s", left)


def test_people_are_hidden(shared, tmp_path) -> None:
    photograph = shared / "stills/person.jpg"
    assert run("hide_people.py", photograph, "hidden.png", folder=tmp_path) == ""
    before, after = (edge_detector.read_image(file).image for file in (photograph, tmp_path / "hidden.png"))
    changed = (before != after).any(axis=2)
    assert 0.05 < changed.mean() < 0.95


def test_an_opencv_loop(tmp_path) -> None:
    with started("opencv_loop.py", ROOT / "demo/demo.mp4", folder=tmp_path) as process:
        assert process.stdout is not None
        assert re.fullmatch(r"<Detections person \d\d% at \(\d+, \d+, \d+, \d+\)>\n", process.stdout.readline())


def test_own_sink(tmp_path) -> None:
    source = "synthetic:?live=false&frames=10"
    output = run("own_sink.py", "--source", source, "--runtime", "fake", "--no-track", folder=tmp_path)
    assert ast.literal_eval(output) == {"circle": 10, "square": 10, "triangle": 10}


def test_own_source(shared, tmp_path) -> None:
    content = (shared / "stills/cat_720p.jpg").read_bytes()
    with serving(content, *[whole] * 3) as server:
        arguments = ("--source", f"snapshots:{server.url}", "--sink", "print")
        with started("own_source.py", *arguments, folder=tmp_path) as process:
            assert process.stdout is not None
            assert re.search(r"\bcat \d\d%", process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0


def test_what_is_for_programs_can_be_imported() -> None:
    assert sorted([*edge_detector._HOMES, "__version__"]) == sorted(edge_detector.__all__)
    for name in edge_detector._HOMES:
        assert getattr(edge_detector, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'detectt'"):
        _ = edge_detector.detectt


def test_an_option_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(edge_detector.EdgeDetectorError, match="open_detector: unknown option 'confidance'; did you"):
        edge_detector.open_detector(confidance=0.4)
