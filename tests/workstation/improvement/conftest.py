"""A detector that takes red squares for dogs, and what people say of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workstation.graphs import LABELS, save_with_manifest, tiny_detector
from tests.workstation.improvement.pictures import scenes, write_set


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float model: green squares are dogs, and red ones too, which is wrong; blue ones are persons."""
    pytest.importorskip("tensorflow", reason="needs the extra [training]")
    from edge_detector.workstation.data.reading import read_dataset
    from edge_detector.workstation.training.fine_tuning import fine_tune
    from edge_detector.workstation.training.recipe import Recipe
    from edge_detector.workstation.training.training_set import Part, TrainingSet

    folder = tmp_path_factory.mktemp("base")
    names = {"green": "dog", "red": "dog", "blue": "person"}
    named = [(scene, name) for color, name in names.items() for scene in scenes(color, 16, seed=5)]
    photographs = read_dataset(write_set(folder / "set", named, LABELS)).photographs(LABELS)
    data = TrainingSet(LABELS, (Part(photographs, 3.0),), tuple(photographs[::4]), frozenset(LABELS))
    tiny = save_with_manifest(tiny_detector(), folder / "tiny.tflite")
    trained = fine_tune(data, Recipe(tiny, folder / "run", epochs=10, batch=4, rate=0.02))
    return trained.results.exact.model


@pytest.fixture
def replay(tmp_path: Path) -> Path:
    """What the base knows and is right about."""
    names = {"green": "dog", "blue": "person"}
    named = [(scene, name) for color, name in names.items() for scene in scenes(color, 20, seed=7)]
    return write_set(tmp_path / "replay", named, LABELS)
