"""Which photographs a model is trained on, and which are held out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from edge_detector.workstation.training.dataset import Dataset, read_dataset
from edge_detector.workstation.training.recipe import Recipe
from tests.workstation.training.conftest import LABELS


def test_one_photograph_in_six_is_held_out(recipe: Recipe) -> None:
    data = read_dataset(recipe, LABELS)
    learnt = {photograph.path.name for photograph in data.sample_epoch(np.random.default_rng(0))}
    assert sorted(path.name for _, path in data.held_out.images) == ["00.png", "06.png", "12.png", "18.png"]
    assert (len(learnt), data.size) == (20, 100)
    assert learnt.isdisjoint(path.name for _, path in data.held_out.images)


def test_half_a_part_is_another_half_each_epoch(recipe: Recipe) -> None:
    part, _ = read_dataset(recipe, LABELS).parts[0]
    half = Dataset(((part, 0.5),), read_dataset(recipe, LABELS).held_out)
    first, second = ([each.path for each in half.sample_epoch(np.random.default_rng(seed))] for seed in (0, 1))
    assert (len(first), len(second)) == (10, 10)
    assert set(first) != set(second)


def test_a_photograph_comes_as_often_as_its_part_says(recipe: Recipe) -> None:
    (part, _), held_out = read_dataset(recipe, LABELS).parts[0], read_dataset(recipe, LABELS).held_out
    data = Dataset(((part[:4], 2.5), (part[4:5], 1.0)), held_out)
    paths = [each.path.name for each in data.sample_epoch(np.random.default_rng(0))]
    counts = [paths.count(each.path.name) for each in part[:5]]
    assert sorted(counts[:4]) == [2, 2, 3, 3]
    assert counts[4] == 1
    assert data.size == 11


def test_every_file_holds_out_its_own_photographs(recipe: Recipe) -> None:
    (path, _), *_ = recipe.data
    content = json.loads(path.read_text())
    few = path.with_name("few.json")
    few.write_text(json.dumps({**content, "images": content["images"][1:3], "annotations": []}))
    data = read_dataset(replace(recipe, data=(*recipe.data, (few, 1.0))), LABELS)
    assert [path.name for _, path in data.held_out.images] == ["00.png", "06.png", "12.png", "18.png", "01.png"]
    assert [len(part) for part, _ in data.parts] == [20, 1]


def test_a_held_out_proposal_counts_from_a_score_of_035_on(recipe: Recipe) -> None:
    (path, _), *_ = recipe.data
    content = json.loads(path.read_text())
    for annotation, score in zip(content["annotations"][::6], (0.34, 0.35, 0.9, 1.0), strict=True):
        annotation["score"] = score
    path.write_text(json.dumps(content))
    held_out = read_dataset(recipe, LABELS).held_out
    assert [each["image_id"] for each in held_out.content["annotations"]] == [1, 2, 3]
