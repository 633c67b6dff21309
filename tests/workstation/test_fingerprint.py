from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra [workstation]")

from edge_detector.errors import ConfigError
from edge_detector.workstation import fingerprint
from tests.test_architecture import MODULES, imported
from tests.workstation.classification.classifiers import colored_pictures
from tests.workstation.data.test_coco import truth, write


def of_photographs(where: Path) -> str:
    fingerprint.photographs_digest.cache_clear()
    return fingerprint.photographs_digest(where)


def test_it_changes_with_a_photograph_and_with_the_annotations_but_not_with_the_place(tmp_path: Path) -> None:
    annotations = write(tmp_path / "a", truth())
    first = of_photographs(annotations)
    assert of_photographs(Path(shutil.copytree(tmp_path / "a", tmp_path / "b")) / annotations.name) == first
    annotations.write_text(annotations.read_text() + " ")
    second = of_photographs(annotations)
    picture = next(annotations.parent.rglob("*.png"))
    picture.write_bytes(picture.read_bytes() + b"0")
    assert len({first, second, of_photographs(annotations)}) == 3


def test_it_changes_with_the_class_of_a_picture_in_folders_and_in_a_list(tmp_path: Path) -> None:
    folder, listed = colored_pictures(tmp_path / "pictures", 1), tmp_path / "list.csv"
    listed.write_text("pictures/red/0.png,red\n")
    before, before_listed = of_photographs(folder), of_photographs(listed)
    listed.write_text("pictures/red/0.png,rod\n")
    assert of_photographs(listed) != before_listed
    (folder / "red").rename(folder / "rod")
    assert of_photographs(folder) != before


def test_missing_photographs_are_named(tmp_path: Path) -> None:
    annotations = write(tmp_path, truth())
    next(tmp_path.rglob("*.png")).unlink()
    with pytest.raises(ConfigError, match="images are missing"):
        of_photographs(annotations)


def test_a_model_is_another_with_another_manifest(tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(b"TFL3")
    alone = fingerprint.model_digest(model)
    model.with_suffix(".toml").write_text("[input]")
    assert fingerprint.model_digest(model) != alone


@pytest.mark.parametrize("name", ["m.anchors.npy", "m.onnx.data", "names.txt"])
def test_and_with_other_files_that_belong_to_it(tmp_path: Path, name: str) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"onnx")
    model.with_suffix(".toml").write_text('labels = "names.txt"')
    digests = set()
    for content in ("", "one", "two"):
        (tmp_path / name).write_text(content)
        digests.add(fingerprint.model_digest(model))
    assert len(digests) == 3


def test_the_code_that_makes_models_is_part_of_it() -> None:
    assert fingerprint.program_digest(*fingerprint.MAKING) != fingerprint.program_digest(*fingerprint.DETECTING)
    rooms = (*ROOMS["models"], *ROOMS["detections"], *fingerprint.CLASSIFYING)
    assert all((fingerprint.PACKAGE / room).exists() for room in rooms)


ROOMS = {  # what is kept -> the rooms whose code its key has
    "models": (*fingerprint.MAKING, *fingerprint.MEASURING, *fingerprint.TRAINING),
    "detections": fingerprint.DETECTING,
}
ORIGINS = {
    "models": ("quantization.make_model", "quantization.controlled", "compression.qat"),
    "detections": ("evaluation.measurement",),
}
# What carries values, finds files, or speaks to people.
NEUTRAL = ("buffers", "cameras", "config", "errors", "hours", "limits", "masking", "model_store", "options")
NEUTRAL += ("polygon", "prefetch", "registry", "resource", "system", "toml", "track", "types")
NEUTRAL += ("workstation.extras", "workstation.progress")
NEUTRAL += ("version", "workstation.fingerprint")  # these make the key


@pytest.mark.parametrize("kept", ROOMS)
def test_it_has_the_code_of_every_room_that_what_is_kept_depends_on(kept: str) -> None:
    needed: set[str] = set()
    waiting = [f"workstation.{name}" for name in ORIGINS[kept]]
    while waiting:
        if (name := waiting.pop()) not in needed and name in MODULES:
            needed.add(name)
            waiting += imported(MODULES[name])
    paths = {MODULES[name].relative_to(fingerprint.PACKAGE).as_posix(): name for name in needed - {""}}
    outside = [name for path, name in paths.items() if not path.startswith(ROOMS[kept])]
    assert [name for name in outside if not name.startswith(NEUTRAL)] == []
