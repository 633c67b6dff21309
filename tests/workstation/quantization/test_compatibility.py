from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization import compatibility
from edge_detector.workstation.quantization.compatibility import edgetpu_problems, runs_in
from tests.workstation.graphs import tiny_detector

PYTHON = Path(sys.executable)
LITERT = compatibility.RUNTIME_MODULES["ai-edge-litert"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    tiny_detector().save(path)
    return path


def fake_runtime(folder: Path, name: str, body: str) -> Path:
    """A Python that finds a runtime of this name: `body` is its interpreter's constructor."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").touch()
    (folder / name / "interpreter.py").write_text(
        f"import os, time\nclass Interpreter:\n    def __init__(self, model_path):\n        {body}\n"
    )
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


def test_a_model_that_runs_is_ok(model: Path) -> None:
    assert runs_in(LITERT, model, python=PYTHON) == "ok"


def test_a_runtime_that_is_not_there_is_not_an_error(model: Path) -> None:
    assert runs_in("no_such_runtime.interpreter", model, python=PYTHON) == "not installed"


def test_a_model_that_does_not_load_gives_the_runtimes_own_words(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(tiny_detector().to_bytes()[:200])
    assert "Error" in runs_in(LITERT, path, python=PYTHON)


def test_a_runtime_that_aborts_takes_only_the_child_along(model: Path, tmp_path: Path) -> None:
    python = fake_runtime(tmp_path, "aborting", "os.abort()")
    assert runs_in("aborting.interpreter", model, python=python) == "the process was killed by signal 6"


def test_a_runtime_that_hangs_meets_its_deadline(model: Path, tmp_path: Path) -> None:
    python = fake_runtime(tmp_path, "hanging", "time.sleep(60)")
    answer = runs_in("hanging.interpreter", model, python=python, timeout_s=1.0)
    assert answer == "did not finish within 1 s"


def test_another_python_that_is_not_there_is_named(model: Path, tmp_path: Path) -> None:
    assert "nowhere cannot be started" in runs_in(LITERT, model, python=tmp_path / "nowhere")


def test_the_edge_tpu_refuses_float_activations_and_says_which() -> None:
    assert list(edgetpu_problems(tiny_detector())) == ["6 activations are not int8 or uint8, such as 'boxes/raw'"]


def test_the_edge_tpu_refuses_new_versions_dynamic_shapes_and_unknown_operators() -> None:
    graph = tiny_detector()
    graph.op_code(graph.operators[0]).version = 5
    graph.tensors[graph.inputs[0]].shapeSignature = np.array([-1, 16, 16, 3], np.int32)
    graph.op_code(graph.operators[1]).builtinCode = graph.op_code(graph.operators[1]).deprecatedBuiltinCode = 117
    problems = list(edgetpu_problems(graph))
    assert "input 'image' has a dynamic shape" in problems
    assert "operators without an Edge TPU form before the end: HARD_SWISH" in problems
    assert "CONV_2D has version 5; the compiler knows up to 3" in problems


def test_the_edge_tpu_takes_the_shared_quantized_model_with_its_tail(shared: Path) -> None:
    path = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    assert list(edgetpu_problems(TFLiteGraph.load(path))) == []
