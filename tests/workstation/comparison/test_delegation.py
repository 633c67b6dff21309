from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra [workstation]")

from edge_detector.workstation.comparison.delegation import Delegation, delegation, shared_out
from tests.workstation.graphs import tiny_detector

DEFAULT = Path(__file__).parents[3] / "models" / "ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"


def operation(name: str, inputs: list[int], outputs: list[int]) -> dict[str, object]:
    return {"op_name": name, "inputs": inputs, "outputs": outputs}


def test_a_group_is_what_leads_from_its_inputs_to_its_outputs() -> None:
    own = [
        operation("CONV_2D", [0, 10], [1]),
        operation("ADD", [1, 0], [2]),
        operation("PACK", [2], [3]),
        operation("CONV_2D", [3, -1], [4]),
        operation("LOGISTIC", [4], [5]),
    ]
    groups = [operation("DELEGATE", [0, 10], [2]), operation("DELEGATE", [3], [4, 5])]
    shared = shared_out([*own, *groups])
    assert shared == Delegation(operators=5, taken=4, groups=2, left={"PACK": 1})
    assert shared.sentence == "XNNPACK takes 4 of 5 operators in 2 groups, but not 1 PACK"


def test_without_a_group_nothing_is_taken() -> None:
    assert shared_out([operation("SOFTMAX", [0], [1])]) == Delegation(1, 0, 0, {"SOFTMAX": 1})


def test_xnnpack_takes_all_of_the_default_model_but_four() -> None:
    shared = delegation(DEFAULT)
    assert shared is not None
    assert (shared.operators, shared.taken, shared.left) == (154, 150, {"PACK": 4})


def test_a_float_model_is_taken_whole(tmp_path: Path) -> None:
    tiny_detector().save(tmp_path / "tiny.tflite")
    shared = delegation(tmp_path / "tiny.tflite")
    assert shared is not None
    assert (shared.taken, shared.groups, shared.left) == (shared.operators, 1, {})
