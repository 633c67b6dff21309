"""A new format of labelled photographs is one file and one line in `FORMATS`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.cli import main
from edge_detector.errors import ConfigError
from edge_detector.workstation.data.format_table import FORMATS
from edge_detector.workstation.data.measured_sets import read_measured_set
from edge_detector.workstation.data.reading import read_dataset
from tests.extending.conftest import WriteModule
from tests.workstation.data.sets import picture, voc_set

# A line for each object: photograph;class;left;top;right;bottom, and one with the photograph alone if it shows none.
FILE = """
from edge_detector.errors import ConfigError
from edge_detector.workstation.data.labelled import Entry, Label, Problem, Reading


def find(path, folder):
    if path.is_file():
        return (path,) if path.suffix == ".boxes" else ()
    return folder.with_suffix(".boxes")


def read(path, files, folder):
    labels, problems = {}, []
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            name, *rest = line.split(";")
            found = labels.setdefault((file, name), [])
            try:
                found.extend([Label(tuple(map(float, rest[1:])), rest[0])] if rest else [])
            except ValueError:
                problems.append(Problem("damaged annotation", f"{file}:{number}", "expected four numbers"))
    entries = [
        Entry(folder.image(name, file.parent), name, file, tuple(found), split=file.stem.replace("all", ""))
        for (file, name), found in labels.items()
    ]
    classes = sorted({label.name for found in labels.values() for label in found})
    return Reading("boxes", tuple(entries), tuple(classes), tuple(problems))


def write(dataset, folder, images):
    for photograph, image in zip(dataset.labelled, images):
        rows = zip(photograph.labels, photograph.boxes.tolist())
        lines = [";".join([str(image.relative_to(folder)), name, *map(str, box)]) for name, box in rows]
        with (folder / f"{photograph.split or 'all'}.boxes").open("a") as file:
            file.writelines(f"{line}\\n" for line in lines or [str(image.relative_to(folder))])


def image_folder(split):
    return "pictures"
"""
CAT, DOG = ("cat", 8, 12, 40, 36), ("dog", 0, 0, 64, 48)


@pytest.fixture(autouse=True)
def boxes(write_module: WriteModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "boxes", write_module(FILE))


def test_it_is_found_by_looking_and_read(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name, seed=ord(name[0]))
    (tmp_path / "all.boxes").write_text("a.png;cat;8;12;40;36\na.png;dog;0;0;64;48\nb.png\n")
    dataset = read_dataset(tmp_path)
    assert (dataset.format, dataset.classes) == ("boxes", ("cat", "dog"))
    assert [(each.path.name, each.labels) for each in dataset.labelled] == [("a.png", ("cat", "dog")), ("b.png", ())]
    assert dataset.labelled[0].boxes.tolist() == [[8, 12, 40, 36], [0, 0, 64, 48]]


def test_the_commands_convert_to_it_split_and_check_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc, made, parts = str(voc_set(tmp_path / "voc", [[CAT, DOG], [], [CAT], [DOG]])), tmp_path / "made", tmp_path / "p"
    assert main(["dataset", "convert", voc, "--format", "boxes", "--output", str(made)]) == 0
    split = ["dataset", "split", str(made), "--output", str(parts), "--fractions", "0.5", "0.5"]
    assert main([*split, "--group-by", "nothing"]) == 0
    assert sorted(path.name for path in parts.glob("*.boxes")) == ["train.boxes", "validation.boxes"]
    capsys.readouterr()
    main(["dataset", "check", str(parts)])
    assert f"{parts}: boxes, 4 photographs" in capsys.readouterr().out


def test_a_model_is_measured_on_it(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "all.boxes").write_text("a.png;cat;8;12;40;36\n")
    assert [each["bbox"] for each in read_measured_set(tmp_path).content["annotations"]] == [[8, 12, 32, 24]]


def test_its_mistakes_are_told_as_everybodys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "all.boxes").write_text("a.png;cat;8;twelve;40;36\ngone.png;cat;8;12;40;36\n")
    with pytest.raises(
        ConfigError, match=r"all.boxes:1: expected four numbers; .*the photograph 'gone.png' is not there"
    ):
        read_dataset(tmp_path)
    assert main(["dataset", "check", str(tmp_path), "--from", "boxs"]) == 2
    assert "boxes" in capsys.readouterr().err
