"""What the classes of a training start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.training import class_columns
from edge_detector.workstation.training.class_columns import Start, class_starts
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.training_set import TrainingSet
from tests.workstation.graphs import LABELS, save_with_manifest, tiny_detector


def test_a_known_class_keeps_its_column_and_a_new_one_takes_that_of_the_best_relative(
    recipe: Recipe, data: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = np.array([[0.0, 0.0, 0.0], [0.02, 0.3, 0.1], [0.001, -0.1, 0.0]])
    monkeypatch.setattr(class_columns, "_leads", lambda *_: leads)
    starts = class_starts(read_float_source(recipe.base), ("cat", "wolf", "cell"), data.photographs)
    assert starts == [Start("cat", 2), Start("wolf", 1, "dog"), Start("cell", None)]


def test_the_best_relative_is_the_class_that_scores_higher_on_the_objects_than_elsewhere(
    tmp_path: Path, data: TrainingSet
) -> None:
    never_cats = read_float_source(save_with_manifest(tiny_detector(certain=True), tmp_path / "never_cats.tflite"))
    leads = class_columns._leads(never_cats, ("ball",), data.photographs)
    assert leads.shape == (1, len(LABELS))
    assert leads[0, 2] == pytest.approx(0.0, abs=1e-9)  # a cat is never seen, on objects or elsewhere
    assert np.abs(leads[0, :2]).min() > 0
