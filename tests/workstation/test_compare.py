from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.cli import main
from edge_detector.workstation import fingerprint
from edge_detector.workstation.comparison import comparing, making, store
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, Technique
from tests.workstation.comparison.short_runs import shorten
from tests.workstation.data.test_coco import truth, write
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector
from tests.workstation.test_evaluate import _WellFormed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command for the tiny detector; its report goes to the folder `report`."""
    source = save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")
    annotations = write(tmp_path, truth(), truth(image_id=8, category_id=18))
    calibration = photographs(tmp_path / "calibration", 20)
    given = ["--annotations", annotations, "--calibration", calibration, "--output", tmp_path / "report"]
    return ["compare", *map(str, [source, *given])]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report"


def content(report: Path) -> dict[str, object]:
    return json.loads((report / "report.json").read_text())


def broken(material: Material) -> TechniqueResult:
    """A technique that gives weights which are no numbers."""
    graph = material.source.graph.copy()
    for index in range(len(graph.tensors)):
        if graph.name(index) == "boxes/raw/weights":
            graph.set_constant(index, np.full_like(graph.constant(index), np.nan))
    return TechniqueResult(graph)


def exploding(material: Material) -> TechniqueResult:
    raise RuntimeError("the loss is\ninfinite")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two techniques that fail, and one whose data is missing."""
    here = "tests.workstation.test_compare"
    monkeypatch.setitem(TECHNIQUES, "broken", Technique("no numbers", f"{here}:broken", 32, 32))
    monkeypatch.setitem(TECHNIQUES, "exploding", Technique("fails", f"{here}:exploding", 32, 32))
    trained = Technique("trained", f"{here}:exploding", 8, 8, needs=(Data.TRAINING,))
    monkeypatch.setitem(TECHNIQUES, "trained", trained)


def test_every_technique_is_a_row_with_all_figures(
    words: list[str], report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--techniques", "float16,dynamic,int8"]) == 0
    said = content(report)
    models = {each["name"]: each for each in said["models"]}
    assert list(models) == ["float32", "int8", "int8-percentile", "int8-mse", "int8-kl", "dynamic", "float16"]
    int8, float32 = models["int8"], models["float32"]
    assert int8["options"]["calibration_method"] == "minmax"
    assert (report / "models" / "int8.tflite").stat().st_size == int8["size_bytes"] > int8["gzip_bytes"] > 100
    assert (int8["float_operators"], float32["float_operators"] > 0) == (0, True)
    assert float32["times_by_threads"]["1"]["ratio"] == 1.0
    assert float32["agreement"]["found"] == float32["agreement"]["objects"]
    assert int8["xnnpack"]["operators"] == sum(int8["operators"].values())
    assert int8["runtimes"] == {"ai-edge-litert": "ok", "tflite-runtime": "ok"}
    assert float32["edgetpu_rules_broken"]
    assert int8["class_changes"].keys() == {"person", "dog"}
    assert said["recommended"] in models
    assert said["recommendation"][0] in capsys.readouterr().out
    assert "| `int8-mse` |" in (report / "report.md").read_text()


def test_a_specialised_model_is_measured_beside_the_same_with_all_classes(
    words: list[str], report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--techniques", "int8-specialised", "--classes", "dog"]) == 0
    models = {each["name"]: each for each in content(report)["models"]}
    assert list(models) == ["float32", "int8", "int8-specialised"]
    small, whole = models["int8-specialised"], models["int8"]
    assert small["kept_classes"] == ["dog"]
    assert small["class_changes"].keys() == {"dog"}
    assert small["with_all_classes"] == {"name": "int8", "ap": whole["classes"]["dog"]["ap"]}
    assert small["size_bytes"] < whole["size_bytes"]
    assert 0 < small["agreement"]["objects"] < whole["agreement"]["objects"], "of the class that it knows"
    shown = capsys.readouterr().out
    assert f"int8-specialised knows only dog: mAP {small['ap']:.3f} on these classes, where int8 has" in shown
    assert (report / "models" / "int8-specialised.txt").read_text() == "dog\n"


def test_classes_that_the_model_does_not_know_are_named_before_the_work(
    words: list[str], report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--techniques", "int8-specialised", "--classes", "dgo"]) == 78
    assert "unknown class 'dgo'; did you mean 'dog'?" in capsys.readouterr().err
    assert not (report / "models" / "int8.tflite").exists()
    assert main([*words, "--techniques", "int8-specialised"]) == 0
    (skipped,) = content(report)["unmeasured"]
    assert (skipped["name"], skipped["state"]) == ("int8-specialised", "skipped")


def test_the_page_is_one_file_that_needs_no_other(words: list[str], report: Path) -> None:
    assert main([*words, "--techniques", "int8"]) == 0
    page = (report / "report.html").read_text()
    assert _WellFormed.check(page) == []
    links = set(re.findall(r'(?:href|src)="([^"#]{1,10})', page))
    assert links == {"data:image"}
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert page.count('class="front"') == 2
    assert "url(" not in page


def test_the_same_command_again_makes_and_measures_nothing(
    words: list[str], report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*words, "--techniques", "float16,int8-mse"]) == 0
    first = content(report)
    monkeypatch.setattr(making, "make_model", None)
    monkeypatch.setattr("edge_detector.workstation.comparison.detections.observe", None)
    monkeypatch.setattr(comparing, "time_models", None)
    monkeypatch.setattr("edge_detector.workstation.comparison.calibration_check.check_photographs", None)
    assert main([*words, "--techniques", "float16,int8-mse", "--want", "small"]) == 0
    assert content(report)["models"] == first["models"]
    assert content(report)["want"] == "small"


def test_what_depends_on_changed_photographs_is_made_again(
    words: list[str], report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*words, "--techniques", "float16,int8-mse"]) == 0
    photographs(tmp_path / "calibration", 20, seed=1)
    made = []

    def noting(request: object) -> object:
        made.append(request.quantize)
        return make_model(request)

    make_model = making.make_model
    monkeypatch.setattr(making, "make_model", noting)
    fingerprint.photographs_digest.cache_clear()
    assert main([*words, "--techniques", "float16,int8-mse"]) == 0
    assert made == ["int8"]


def test_ctrl_c_keeps_what_is_done_and_says_so(
    words: list[str], report: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stopping(request: object) -> object:
        if request.quantize == "float16":
            raise KeyboardInterrupt
        return make_model(request)

    make_model = making.make_model
    monkeypatch.setattr(making, "make_model", stopping)
    caplog.set_level("INFO")
    assert main([*words, "--techniques", "dynamic,float16"]) == 130
    assert "stopped; what is done is kept in" in caplog.text
    made = []
    monkeypatch.setattr(making, "make_model", lambda request: [made.append(request.quantize), make_model(request)][1])
    assert main([*words, "--techniques", "dynamic,float16"]) == 0
    assert made == ["float16"]


@pytest.mark.usefixtures("failing")
def test_what_fails_is_a_row_with_its_reason_and_the_others_are_measured(words: list[str], report: Path) -> None:
    assert main([*words, "--techniques", "broken,exploding,trained,float16"]) == 0
    said = content(report)
    assert [each["name"] for each in said["models"]] == ["float32", "float16"]
    reasons = {each["name"]: (each["state"], each["reason"]) for each in said["unmeasured"]}
    assert reasons["exploding"] == ("failed", "RuntimeError: the loss is infinite")
    assert reasons["broken"][0] == "failed"
    assert "its output 'raw_boxes' are no numbers" in reasons["broken"][1]
    assert reasons["trained"] == (
        "skipped",
        "needs --training: a COCO annotation file of labelled photographs; of a classifier, a folder for each class",
    )
    assert "the loss is infinite" in (report / "report.html").read_text()
    assert "- trained: skipped: needs --training" in (report / "report.md").read_text()


def test_a_full_disk_ends_the_run_in_one_line_and_keeps_what_is_done(
    words: list[str], report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, write: object) -> None:
        if path.name == "float16.json":
            with store.writing(path):
                raise OSError(errno.ENOSPC, "No space left on device")
        write_whole(path, write)

    write_whole = store.write_whole
    monkeypatch.setattr(store, "write_whole", full)
    assert main([*words, "--techniques", "dynamic,float16"]) == 1
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "error" in each]
    assert "float16.json: cannot be written: No space left on device" in line
    assert (report / "models" / "dynamic.json").is_file()


def test_a_request_that_cannot_be_right_is_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*more: object) -> str:
        assert main([*words, *map(str, more)]) == 78
        (line,) = [each for each in capsys.readouterr().err.splitlines() if "error:" in each]
        return line

    assert "unknown technique 'int9'; did you mean 'int8'?" in said("--techniques", "int9")
    assert "--samples 0: expected at least 1" in said("--samples", 0)
    assert "gone.txt" in said("--labels", tmp_path / "gone.txt")
    assert "gone.json: cannot read the annotations" in said("--annotations", tmp_path / "gone.json")
    assert "few: " in (line := said("--calibration", photographs(tmp_path / "few", 3), "--techniques", "int8"))
    assert "3 different calibration images" in line
    for image in (tmp_path / "set").iterdir():
        image.unlink()
    fingerprint.photographs_digest.cache_clear()
    assert "2 of 2 images are missing" in said()


def test_a_source_that_is_not_there_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([words[0], "gone.tflite", *words[2:]]) == 78
    assert "gone.tflite: no such model" in capsys.readouterr().err


@pytest.mark.usefixtures("failing")
def test_several_files_to_train_on_are_given_as_one(words: list[str], report: Path, tmp_path: Path) -> None:
    files = [str(write(tmp_path / name, truth())) for name in "ab"]
    assert main([*words, "--techniques", "trained", "--training", *files]) == 0
    assert len(json.loads((report / "training.json").read_text())["images"]) == 4
    (failed,) = content(report)["unmeasured"]
    assert failed["reason"] == "RuntimeError: the loss is infinite", "it was tried"


def test_one_picture_twenty_times_is_no_calibration_and_float_models_need_none(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "calibration"
    for image in sorted(folder.iterdir())[1:]:
        image.write_bytes((folder / "000.png").read_bytes())
    assert main([*words, "--techniques", "int8"]) == 78
    assert "all 20 calibration samples are the same image" in capsys.readouterr().err
    assert main([*words, "--techniques", "float16"]) == 0
    assert main([*words, "--techniques", "int8-mse", "--force"]) == 0
    assert "calibration: all 20 calibration samples are the same image" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([*words, "--output", str(tmp_path / "file" / "report")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One for the module: its driver's thread ends a moment after it, which a single test would not wait for."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as driver, driver.chromium.launch(executable_path=CHROMIUM) as browser:
        yield browser


def test_the_table_sorts_by_keyboard_too(words: list[str], report: Path, chromium: Any) -> None:
    assert main([*words, "--techniques", "float16,int8-mse"]) == 0
    page = chromium.new_page()
    page.goto((report / "report.html").as_uri())
    button = page.get_by_role("button", name="MB", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert sizes(page) == sorted(sizes(page))
    page.keyboard.press("Enter")
    assert sizes(page) == sorted(sizes(page), reverse=True)
    assert page.locator("th", has=button).get_attribute("aria-sort") == "descending"
    page.close()


def sizes(page: Any) -> list[float]:
    """Those of the models, in the order of the table."""
    cells = page.locator("table.sortable tbody tr td:nth-child(2)").all()
    return [float(cell.get_attribute("data-value")) for cell in cells]
