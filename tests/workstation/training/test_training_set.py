"""Which photographs a model is trained on, which are held out, and sets that nothing can be learnt from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("PIL", reason="needs the extra [workstation]")

from edge_detector.errors import ConfigError, SourceError
from edge_detector.workstation.training.reading import read_training_set
from edge_detector.workstation.training.training_set import Part, TrainingSet


def changed(balls: Path, **entries: Any) -> Path:
    path = balls.with_name("changed.json")
    path.write_text(json.dumps({**json.loads(balls.read_text()), **entries}))
    return path


def test_one_photograph_in_six_is_held_out(balls: Path) -> None:
    data = read_training_set([(balls, 5.0)])
    learnt = {photograph.path.name for photograph, _ in data.sample_epoch(np.random.default_rng(0))}
    assert (len(learnt), data.size, data.labels, len(data.validation)) == (20, 100, ("ball",), 4)
    assert learnt.isdisjoint(path.name for _, path in data.held_out.images)


def test_photographs_that_look_the_same_are_on_one_side(balls: Path) -> None:
    pictures = balls.parent / "pictures"
    for number in range(12):
        shutil.copy(pictures / f"{number:02}.png", pictures / f"{number + 12:02}.png")
    data = read_training_set([(balls, 1.0)])
    learnt, measured = ({each.path.read_bytes() for each in part} for part in (data.photographs, data.validation))
    assert learnt.isdisjoint(measured)


def test_a_split_of_the_sets_own_is_kept(balls: Path) -> None:
    folder = balls.with_name("split")
    for name, rows in (("train", slice(0, 10)), ("val", slice(10, 14))):
        content = json.loads(balls.read_text())
        images = [{**each, "file_name": f"../pictures/{each['file_name'][9:]}"} for each in content["images"][rows]]
        there = {each["id"] for each in images}
        annotations = [each for each in content["annotations"] if each["image_id"] in there]
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps({**content, "images": images, "annotations": annotations}))
    data = read_training_set([(folder, 1.0)])
    assert (len(data.photographs), len(data.validation)) == (10, 4)


def test_half_a_part_is_another_half_each_epoch(data: TrainingSet) -> None:
    half = replace(data, parts=(Part(data.photographs, 0.5),))
    first, second = ([each.path for each, _ in half.sample_epoch(np.random.default_rng(seed))] for seed in (0, 1))
    assert (len(first), len(second)) == (10, 10)
    assert set(first) != set(second)


def test_a_photograph_comes_as_often_as_its_part_says(data: TrainingSet) -> None:
    one = data.photographs
    parts = (Part(one[:4], 2.5), Part(one[4:5], 1.0))
    paths = [each.path.name for each, _ in replace(data, parts=parts).sample_epoch(np.random.default_rng(0))]
    counts = [paths.count(each.path.name) for each in one[:5]]
    assert sorted(counts[:4]) == [2, 2, 3, 3]
    assert counts[4] == 1


def test_every_set_holds_out_its_own_photographs(balls: Path) -> None:
    content = json.loads(balls.read_text())
    few = changed(balls, images=content["images"][1:4], annotations=content["annotations"][1:4])
    data = read_training_set([(balls, 1.0), (few, 1.0)])
    assert [len(part.photographs) for part in data.parts] == [20, 2]
    assert data.validation[-1].path.name in ("01.png", "02.png", "03.png")


def test_a_held_out_proposal_counts_from_a_score_of_035_on(balls: Path) -> None:
    annotations = json.loads(balls.read_text())["annotations"]
    held_out = [int(each.path.stem) for each in read_training_set([(balls, 1.0)]).validation]
    for image_id, score in zip(held_out, (0.34, 0.35, 0.9, 1.0), strict=True):
        annotations[image_id]["score"] = score
    held_out = read_training_set([(changed(balls, annotations=annotations), 1.0)]).held_out
    assert [each["image_id"] for each in held_out.content["annotations"]] == [1, 2, 3]


def test_a_class_on_validation_photographs_only_is_an_error(data: TrainingSet) -> None:
    photograph = data.validation[0]
    strange = replace(photograph, objects=replace(photograph.objects, class_ids=np.int32([1])))
    with pytest.raises(ConfigError, match=r"only on validation photographs, .* 'bal' \(1 objects\); is the label miss"):
        TrainingSet(("ball", "bal"), data.parts, (strange, *data.validation))


@pytest.mark.parametrize(
    ("photographs", "message"),
    [
        (1, "1 photographs to train on and 0 to measure on; expected at least one of each, and 30 or more"),
        (0, "no labelled objects; expected some"),
    ],
)
def test_too_few_photographs_are_said(balls: Path, photographs: int, message: str) -> None:
    content = json.loads(balls.read_text())
    few = changed(balls, images=content["images"][:2], annotations=content["annotations"][:photographs])
    if photographs == 1:
        few = changed(balls, images=content["images"][:1], annotations=content["annotations"][:1])
    with pytest.raises(ConfigError, match=message):
        read_training_set([(few, 1.0)])


def test_an_unknown_class_names_the_known_ones(balls: Path) -> None:
    with pytest.raises(ConfigError, match=r"--classes: unknown class 'bal'.*ball"):
        read_training_set([(balls, 1.0)], ("bal",))


def test_a_class_that_is_not_labelled_everywhere_is_no_negative(balls: Path) -> None:
    balls.with_suffix(".toml").write_text("exhaustive = []")
    (part,) = read_training_set([(balls, 1.0)]).parts
    assert part.open_classes == (0,)


@pytest.mark.parametrize("left", [0, 300])
def test_a_photograph_that_is_cut_short_is_named(balls: Path, left: int) -> None:
    broken = balls.parent / "pictures" / "05.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    cv2.imwrite(str(broken), noise)
    broken.write_bytes(broken.read_bytes()[:left])
    with pytest.raises((ConfigError, SourceError), match=r"05\.png") as caught:
        read_training_set([(balls, 1.0)])
    assert len(str(caught.value).splitlines()) == 1


def test_a_photograph_that_is_missing_is_named(balls: Path) -> None:
    (balls.parent / "pictures" / "05.png").unlink()
    with pytest.raises(ConfigError, match=r"05\.png"):
        read_training_set([(balls, 1.0)])


def test_a_set_says_nothing_of_classes_that_only_another_set_has(balls: Path) -> None:
    cubes = changed(balls, categories=[{"id": 1, "name": "cube"}])
    data = read_training_set([(balls, 1.0), (cubes, 1.0)])
    assert (data.labels, [part.open_classes for part in data.parts]) == (("ball", "cube"), [(1,), (0,)])


def test_a_class_that_two_sets_spell_differently_is_one(balls: Path) -> None:
    other = changed(balls, categories=[{"id": 1, "name": "Ball"}])
    assert read_training_set([(balls, 1.0), (other, 1.0)]).labels == ("ball",)
