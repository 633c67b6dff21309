"""What can be played is told from what was cut off before its first picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_detector.image_files import encode_jpeg
from edge_detector.sinks.recording.playable import is_playable
from tests.sinks.recording.test_mp4_writer import film_at, picture

MOOV = b"\0\0\0\x0cmoov1234"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    with film_at(tmp_path / "film.mp4") as writer:
        for number in range(3):
            writer.add(picture(number), number)
    return tmp_path / "film.mp4"


def test_a_film_is_playable_as_soon_as_its_first_fragment_is_whole(film: Path) -> None:
    content = film.read_bytes()
    fragment_end = content.index(b"mfra") - 4  # the index at the end follows the only fragment
    for length, playable in [(0, False), (758, False), (fragment_end - 1, False), (fragment_end, True)]:
        film.write_bytes(content[:length])
        assert is_playable(film) is playable, length


@pytest.mark.parametrize(
    ("content", "playable"),
    [
        (MOOV, False),
        (MOOV + b"\0\0\0\x0amdat12", True),
        (MOOV + b"\0\0\0\x0bmdat12", False),
        (MOOV + b"\0\0\0\x01mdat" + (18).to_bytes(8, "big") + b"12", True),
        (MOOV + b"\0\0\0\x01mdat" + (19).to_bytes(8, "big") + b"12", False),
        (MOOV + b"\0\0\0\0mdat12", True),  # a size of 0: up to the end of the file
        (bytes(100), True),  # no such box: who knows
    ],
)
def test_the_boxes_of_a_film_tell(tmp_path: Path, content: bytes, playable: bool) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert is_playable(path) is playable


def test_a_photograph_is_playable_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "dog.jpg"
    content = encode_jpeg(np.zeros((10, 10, 3), np.uint8), quality=90)
    for data, playable in [(content, True), (content[:-1], False), (content[1:], False), (b"", False)]:
        path.write_bytes(data)
        assert is_playable(path) is playable


def test_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "dog.json").write_text("{}")
    assert not is_playable(tmp_path / "dog.json")
    assert not is_playable(tmp_path / "missing.mp4")


def test_what_cannot_be_read_may_be_playable(tmp_path: Path) -> None:
    (tmp_path / "dog.mp4").mkdir()  # root may read every file
    assert is_playable(tmp_path / "dog.mp4")
