"""The same facts for every installed TFLite runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_detector.detect import runtimes
from edge_detector.detect.runtimes import choose_runtime, default_threads, litert, open_runtime
from edge_detector.errors import ConfigError, ModelError

MODEL = Path(__file__).parents[2] / "models" / "ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"


@pytest.fixture(params=["litert", "tflite-runtime"])
def name(request: pytest.FixtureRequest) -> str:
    module = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}[request.param]
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    return request.param


def test_the_default_model_runs(name) -> None:
    with open_runtime(name, MODEL, threads=1) as runtime:
        assert (runtime.input.shape, runtime.input.dtype) == ((1, 320, 320, 3), np.int8)
        outputs = runtime.invoke(np.zeros(runtime.input.shape, np.int8))
    assert {key: value.shape for key, value in outputs.items()} == {
        "raw_boxes": (1, 12804, 4),
        "scores": (1, 12804, 80),
    }


def test_outputs_that_are_held_stay_as_they_are_and_the_memory_of_others_is_used_again(name) -> None:
    with open_runtime(name, MODEL, threads=1) as runtime:
        dark = runtime.invoke(np.full(runtime.input.shape, -128, np.int8))["scores"]
        before, address = dark.copy(), dark.__array_interface__["data"]
        bright = runtime.invoke(np.full(runtime.input.shape, 127, np.int8))["scores"]
        assert np.array_equal(dark, before)
        assert not np.array_equal(bright, before)
        del dark
        again = runtime.invoke(np.full(runtime.input.shape, -128, np.int8))["scores"]
    assert again.__array_interface__["data"] == address
    assert np.array_equal(again, before)


def test_outputs_outlive_the_interpreter(name) -> None:
    with open_runtime(name, MODEL, threads=1) as runtime:
        scores = runtime.invoke(np.full(runtime.input.shape, -128, np.int8))["scores"]
        before = scores.copy()
    del runtime
    assert np.array_equal(scores, before)


def test_a_file_that_is_overwritten_changes_nothing_that_runs(name, tmp_path) -> None:
    """``cp new.tflite old.tflite``: a file that is mapped into memory would end the process with SIGBUS."""
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL.read_bytes())
    with open_runtime(name, path, threads=1) as runtime:
        picture = np.full(runtime.input.shape, 127, np.int8)
        before = runtime.invoke(picture)["scores"].copy()
        path.write_bytes(b"")
        runtime.use_threads(2)
        assert np.array_equal(runtime.invoke(picture)["scores"], before)


def test_a_model_that_fails_when_run_says_so(name, shared) -> None:
    # Its custom operator is unknown: one runtime refuses it when loading, another when running.
    with (
        pytest.raises(ModelError, match="model_invoking_error"),
        open_runtime(name, shared / "models/model_invoking_error.tflite", threads=1) as runtime,
    ):
        runtime.invoke(np.zeros(runtime.input.shape, runtime.input.dtype))


def exported(path: Path, signature: list[int]) -> Path:
    """The default model, with what its maker may have left open in the input's shape as -1."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(MODEL.read_bytes(), 0))
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].shapeSignature = signature
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path


def test_a_model_without_a_size_is_refused(name, tmp_path) -> None:
    model = exported(tmp_path / "m.tflite", [1, -1, -1, 3])
    with pytest.raises(ModelError, match=r"m.tflite: the size of its input is open \(\?, \?, 3\)"):
        open_runtime(name, model, threads=1)


def test_a_model_for_any_number_of_pictures_takes_one(name, tmp_path) -> None:
    with open_runtime(name, exported(tmp_path / "m.tflite", [-1, 320, 320, 3]), threads=1) as runtime:
        assert runtime.input.shape == (1, 320, 320, 3)


def test_a_runtime_that_is_not_installed_says_how_to_install_it(monkeypatch) -> None:
    def absent(module: str) -> None:
        raise ImportError(f"No module named {module!r}")

    monkeypatch.setattr("edge_detector.detect.runtimes.litert.import_module", absent)
    with pytest.raises(ConfigError, match=r"not installed .*tflite_runtime.*pip install"):
        open_runtime("tflite-runtime", MODEL, threads=1)


def test_auto_prefers_the_newer_runtime(monkeypatch) -> None:
    installed = {"ai_edge_litert", "tflite_runtime"}
    monkeypatch.setattr(runtimes, "find_spec", lambda module: module in installed or None)
    assert choose_runtime("auto") == "litert"
    installed.remove("ai_edge_litert")
    assert choose_runtime("auto") == "tflite-runtime"


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (16, 4)])
def test_one_core_is_left_to_the_rest_of_the_machine(monkeypatch, cores, threads) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(cores)))
    assert default_threads() == threads


@pytest.mark.parametrize(("wanted", "threads"), [(0, 3), (1, 1), (4, 4), (5, 4), (1000, 4)])
def test_there_are_no_more_threads_than_cores(monkeypatch, caplog, wanted, threads) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(4)))
    with open_runtime("litert", MODEL, threads=wanted) as runtime:
        assert runtime.threads == threads
    assert (f"threads {wanted}: this process may use 4 cores" in caplog.text) == (wanted > 4)


QUIET = """
import sys
from pathlib import Path
from edge_detector.detect.runtimes import open_runtime
with open_runtime(sys.argv[2], Path(sys.argv[1]), threads=1):
    pass
"""


def test_opening_a_model_prints_nothing(name) -> None:
    """In a new process: the interpreter prints its notice once in a process."""
    child = subprocess.run([sys.executable, "-c", QUIET, MODEL, name], capture_output=True, check=True, timeout=120)
    assert child.stderr == b""


def test_of_what_is_printed_meanwhile_only_the_notice_is_left_out(capfd) -> None:
    with pytest.raises(ModelError), litert.without_notice():  # noqa: PT012 - what is written before an error counts
        os.write(2, b"ERROR: before\n")
        os.write(2, litert.NOTICE)
        os.write(2, b"and after\n")
        raise ModelError
    os.write(2, b"outside\n")
    assert capfd.readouterr().err == "ERROR: before\nand after\noutside\n"


def test_a_closed_standard_error_is_no_obstacle() -> None:
    script = "import os; os.close(2); from edge_detector.detect.runtimes.litert import without_notice\n"
    script += "with without_notice(): print('done')"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=120)
    assert child.stdout == b"done\n"
