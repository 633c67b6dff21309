"""Models by name: what is here, what can be downloaded, and what a download leaves behind."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edge_detector import cli
from edge_detector.config import Config
from edge_detector.detect import manifest, open_detector
from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError, ModelError
from edge_detector.model_store import catalogue, find
from edge_detector.model_store.catalogue import PUBLISHED, PublishedModel, cache_folder
from edge_detector.model_store.download import git_blob_id
from edge_detector.model_store.find import DEFAULT_MODEL, find_model, installed_models, label_file
from edge_detector.types import Frame
from tests.model_store import file_server
from tests.model_store.file_server import FileServer, serving

INT8 = "ssd_mobilenet_v2_fpnlite_320_coco_int8"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edge-detector" / "models"


@pytest.fixture
def publish(monkeypatch):
    """Puts the file that a server has into the catalogue, alone."""

    def put(server: FileServer, file: Path, name: str = "detect") -> None:
        model = PublishedModel(name, server.url, git_blob_id(file), "a model of this test")
        monkeypatch.setattr(catalogue, "PUBLISHED", {name: model})

    return put


def test_every_published_model_has_its_commit_and_its_blob() -> None:
    assert len(PUBLISHED) == 5
    for model in PUBLISHED.values():
        assert model.url.startswith("https://")
        assert "/104342d2d3480b3e66203073dac24f4e2dbb4c41/" in model.url
        assert len(bytes.fromhex(model.blob_id)) == 20
        assert "not tried" in model.note


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"CACHE_DIRECTORY": "/var/cache/edge-detector", "XDG_CACHE_HOME": "/x"}, "/var/cache/edge-detector/models"),
        ({"CACHE_DIRECTORY": "/var/cache/a:/var/cache/b"}, "/var/cache/a/models"),
        ({"XDG_CACHE_HOME": "/tmp/x"}, "/tmp/x/edge-detector/models"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache/edge-detector/models"),
        ({}, "/home/ada/.cache/edge-detector/models"),
    ],
)
def test_where_downloads_are_kept(environment, folder, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder(environment) == Path(folder)


def test_the_ninety_coco_labels_are_the_eighty_with_gaps() -> None:
    ninety = read_labels(label_file("coco_90.txt"), class_count=90)
    eighty = read_labels(label_file("coco.txt"), class_count=80)
    assert tuple(label for label in ninety if label != "???") == eighty
    # Known ids of the COCO data set, which counts them from 1.
    assert {label: ninety.index(label) + 1 for label in ("person", "dog", "toilet", "toothbrush")} == {
        "person": 1,
        "dog": 18,
        "toilet": 70,
        "toothbrush": 90,
    }


def test_a_path_is_taken_as_it_is(cache) -> None:
    assert find_model(Path("models") / "nothing.tflite") == Path("models/nothing.tflite")


@pytest.mark.parametrize("name", [INT8, f"{INT8}.tflite"])
def test_a_name_finds_the_model_that_is_here(cache, name, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model(Path(name)) == ROOT / "models" / f"{INT8}.tflite"


def test_a_file_wins_over_a_name(cache, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT_MODEL).write_bytes(b"")
    assert find_model(Path(DEFAULT_MODEL)) == Path(DEFAULT_MODEL)


def test_a_wrong_name_gets_the_nearest(cache) -> None:
    with pytest.raises(ModelError, match=f"did you mean '{INT8}'.*edge-detector models"):
        find_model(Path("ssd_mobilenet_v2_fpnlite_320_coco_int9"))


def test_a_few_words_of_a_name_are_enough_if_no_other_model_has_them(cache) -> None:
    cache.mkdir(parents=True)
    for name in ("owls_tiny_416_coco_int8", "owls_tiny_416_coco_float16"):
        (cache / f"{name}.tflite").write_bytes(b"")
    assert find_model(Path("owls-int8")) == cache / "owls_tiny_416_coco_int8.tflite"
    assert find_model(Path("FLOAT16_416.tflite")) == cache / "owls_tiny_416_coco_float16.tflite"
    with pytest.raises(
        ModelError,
        match="--model owls: could be owls_tiny_416_coco_float16 or owls_tiny_416_coco_int8; say more of the name",
    ):
        find_model(Path("owls"))


@pytest.mark.parametrize("name", ["yolo", "yolox_tiny_416_int9", "_", ""])
def test_parts_of_words_and_wrong_words_are_no_short_name(cache, name) -> None:
    cache.mkdir(parents=True)
    (cache / "yolox_tiny_416_coco_int8.tflite").write_bytes(b"")
    with pytest.raises(ModelError, match="no model is called"):
        find_model(Path(name))


def test_a_whole_name_wins_over_longer_ones(cache) -> None:
    cache.mkdir(parents=True)
    for name in ("mine", "mine_int8"):
        (cache / f"{name}.tflite").write_bytes(b"")
    assert find_model(Path("mine")) == cache / "mine.tflite"


def test_the_models_of_an_installed_wheel_are_found(cache, monkeypatch, tmp_path) -> None:
    """pip puts the files of [tool.setuptools.data-files] below its prefix."""
    files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    (folder,) = (folder for folder in files if folder.endswith("/models"))
    assert find.FOLDERS[-1] == Path(sys.prefix) / folder
    installed = tmp_path / folder
    installed.mkdir(parents=True)
    for pattern in files[folder]:
        for file in ROOT.glob(pattern):
            (installed / file.name).write_bytes(b"")
    monkeypatch.setattr(find, "FOLDERS", (tmp_path / "no checkout", installed))
    assert find_model(Path("ssd_320")) == installed / DEFAULT_MODEL  # the wheel has the int8 models alone
    assert all(path.with_suffix(".toml").is_file() for path in installed_models().values())


def test_a_published_name_gets_the_command_that_downloads_it(cache) -> None:
    with pytest.raises(ModelError, match="'edge-detector models pull efficientdet_lite0_320_ptq' downloads it"):
        find_model(Path("efficientdet_lite0_320_ptq"))


def test_models_that_come_with_the_project_win_over_downloads(cache) -> None:
    cache.mkdir(parents=True)
    (cache / DEFAULT_MODEL).write_bytes(b"")
    (cache / "mine.tflite").write_bytes(b"")
    assert installed_models()[INT8] == ROOT / "models" / DEFAULT_MODEL
    assert installed_models()["mine"] == cache / "mine.tflite"


def test_the_list_says_what_is_here_and_what_can_be_had(cache, capsys) -> None:
    cache.mkdir(parents=True)
    (cache / "bare.tflite").write_bytes(bytes(10_000))
    (cache / "broken.tflite").write_bytes(b"")
    (cache / "broken.toml").write_text("nonsense")
    assert cli.main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (default,) = (line for line in lines if "(default)" in line)
    assert default.split()[:3] == [INT8, "ssd", "320x320"]
    assert default.split()[4] == "80"
    (bare,) = (line for line in lines if line.startswith("bare "))
    assert bare.split()[1:6] == ["-", "-", "0.01", "-", "-"]
    assert "(no manifest)" in bare
    (broken,) = (line for line in lines if line.startswith("broken "))
    assert "not valid TOML" in broken
    assert all(f"  {name}" in lines for name in PUBLISHED)


def test_a_link_to_a_model_that_is_gone_is_no_model(cache, capsys) -> None:
    cache.mkdir(parents=True)
    (cache / "gone.tflite").symlink_to("/nowhere")
    assert cli.main(["models"]) == 0
    assert "gone" not in capsys.readouterr().out


def test_the_list_shows_the_accuracy_that_the_manifest_states(cache, capsys) -> None:
    cache.mkdir(parents=True)
    (cache / "mine.tflite").write_bytes(b"")
    found = manifest.read(ROOT / f"models/{INT8}.toml")
    labels = str(label_file("coco.txt"))
    manifest.write(replace(found, labels=labels, metrics={"map": 0.2881, "ap50": 0.449}), cache / "mine.toml")
    assert cli.main(["models"]) == 0
    (mine,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("mine "))
    assert mine.split()[5] == "0.288"


def test_a_pulled_model_detects_by_its_name(cache, publish, shared, capsys) -> None:
    file = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    with serving(file.read_bytes(), file_server.breaks_after(1_000_000)) as server:
        publish(server, file)
        assert cli.main(["models", "pull", "detect"]) == 0
    assert "edge-detector --model detect" in capsys.readouterr().out
    assert sorted(path.name for path in cache.iterdir()) == ["coco_90.txt", "detect.tflite", "detect.toml"]
    found = manifest.read(cache / "detect.toml")
    assert (found.family, found.decode.kind, found.class_count) == ("ssd", "fused", 90)
    with open_detector(Config(model=Path("detect"), threads=1)) as detector:
        cat = detector.detect(Frame(cv2.imread(str(shared / "stills/cat_720p.jpg")), 0, 0))
    assert [one.label for one in cat.detections] == ["cat"]


@pytest.mark.parametrize(("terminal", "shown"), [(True, "100% of 4.2 MB\n"), (False, "")])
def test_progress_is_shown_on_a_terminal_only(cache, publish, shared, capsys, monkeypatch, terminal, shown) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    file = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    with serving(file.read_bytes()) as server:
        publish(server, file)
        assert cli.main(["models", "pull", "detect"]) == 0
    assert capsys.readouterr().err.rpartition("\r")[2].lstrip() == shown


def test_pulling_twice_fetches_once(cache, publish, shared) -> None:
    file = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    with serving(file.read_bytes()) as server:
        publish(server, file)
        assert [cli.main(["models", "pull", "detect"]) for _ in range(2)] == [0, 0]
    assert len(server.ranges) == 1


def test_a_pull_killed_before_the_manifest_is_finished_by_the_next(cache, publish, shared) -> None:
    file = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    cache.mkdir(parents=True)
    (cache / "detect.tflite").write_bytes(file.read_bytes())
    with serving(file.read_bytes()) as server:
        publish(server, file)
        assert cli.main(["models", "pull", "detect"]) == 0
    assert server.ranges == []
    assert (cache / "detect.toml").is_file()


def test_a_pull_into_a_folder_says_the_path(cache, publish, shared, tmp_path, capsys) -> None:
    file = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    with serving(file.read_bytes()) as server:
        publish(server, file)
        assert cli.main(["models", "pull", "detect", "--folder", str(tmp_path / "here")]) == 0
    assert f"--model {tmp_path / 'here' / 'detect.tflite'}" in capsys.readouterr().out


def test_a_model_of_no_use_here_is_said(cache, publish, shared, capsys) -> None:
    file = shared / "models/mobilenet_v2_imagenet/mobilenet_v2_1.0_224_quant.tflite"
    with serving(file.read_bytes()) as server:
        publish(server, file, "classifier")
        assert cli.main(["models", "pull", "classifier"]) == 78
    assert "downloaded and verified, but cannot be used here" in capsys.readouterr().err
    assert (cache / "classifier.tflite").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pull"], "models pull: which one?"),
        (["pull", "efficientdet_lite_320"], "did you mean 'efficientdet_lite0_320_ptq'"),
    ],
)
def test_pull_wants_a_name_of_the_catalogue(cache, capsys, words, message) -> None:
    assert cli.main(["models", *words]) == 78
    assert message in capsys.readouterr().err


def test_pull_without_a_network_is_one_line(cache, capsys, monkeypatch) -> None:
    offline = PublishedModel("offline", "http://127.0.0.1:9/model.tflite", "0" * 40, "nowhere")
    monkeypatch.setattr(catalogue, "PUBLISHED", {"offline": offline})
    assert cli.main(["models", "pull", "offline"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is this machine connected to the network" in line


def test_labels_that_are_not_installed_are_said(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(find, "FOLDERS", (tmp_path / "models",))
    with pytest.raises(ConfigError, match=r"coco_90\.txt are not installed; looked for"):
        label_file("coco_90.txt")
