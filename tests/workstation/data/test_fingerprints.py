"""Photographs that look alike have fingerprints that are alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from edge_detector.errors import SourceError
from edge_detector.workstation.data.fingerprints import ALIKE, BURST, alike, difference, fingerprint
from tests.workstation.data.sets import picture


def test_the_same_photograph_compressed_scaled_or_brightened_is_alike(shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "data/coco_val_50").glob("*.jpg"))[:10]:
        image = Image.open(path)
        image.save(tmp_path / "again.jpg", quality=50)
        image.resize((image.width // 2, image.height // 2)).save(tmp_path / "small.jpg")
        ImageEnhance.Brightness(image).enhance(1.2).save(tmp_path / "bright.jpg")
        for changed in ("again.jpg", "small.jpg", "bright.jpg"):
            assert difference(fingerprint(path), fingerprint(tmp_path / changed)) <= ALIKE


def test_different_photographs_are_not_even_a_burst(shared: Path) -> None:
    prints = [fingerprint(path) for path in sorted((shared / "data/coco_val_50").glob("*.jpg"))]
    assert list(alike(np.array(prints), BURST)) == []


def test_of_rows_that_are_the_same_the_first_alone_is_compared() -> None:
    rows = np.random.default_rng(0).random((5, 255)) > 0.5
    rows[2] = rows[4] = rows[0]
    rows[3] = rows[1]
    rows[3, :20] ^= True
    assert [(first, second, round(share, 3)) for first, second, share in alike(rows, ALIKE)] == [
        (0, 2, 0),
        (0, 4, 0),
        (1, 3, 0.078),
    ]


def test_a_photograph_cut_short_is_said(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="damaged or cut short"):
        fingerprint(path)
