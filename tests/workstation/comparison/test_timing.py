from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra [workstation]")

from edge_detector.types import Tensor
from edge_detector.workstation.comparison import timing
from edge_detector.workstation.comparison.timing import Times, in_words, time_models
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector


def test_a_busy_machine_changes_the_p95_and_not_the_ratio() -> None:
    reference = np.array([10.0, 10.0, 10.0, 10.0, 100.0])
    model = np.array([5.0, 50.0, 5.0, 5.0, 50.0])
    times = Times.of(model, reference)
    assert times.ratio == 0.5
    assert times.median_ms == 5.0
    assert times.p95_ms == 50.0


class NotingRuntime:
    """Notes who runs when."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        self.notes.append(self.name)
        return {}


def test_models_run_in_turn_each_round_beginning_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 3)
    notes: list[str] = []
    runtimes = [NotingRuntime(name, notes) for name in "abc"]
    milliseconds = timing._in_turn(runtimes, [np.zeros(1)] * 3, "timing")  # type: ignore[arg-type]
    assert "".join(notes) == "abc" + "abc" + "bca" + "cab"
    assert milliseconds.shape == (3, 3)


def test_slow_models_get_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "BUDGET_S", -1.0)
    milliseconds = timing._in_turn([NotingRuntime("a", [])], [np.zeros(1)], "timing")  # type: ignore[list-item]
    assert milliseconds.shape == (1, timing.FEWEST_ROUNDS)


def test_models_are_timed_on_a_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 2)
    models = {name: save_with_manifest(tiny_detector(), tmp_path / f"{name}.tflite") for name in ("float32", "other")}
    photograph = photographs(tmp_path / "photographs", 1) / "000.png"
    times = time_models(models, photograph, reference="float32", threads=1)
    assert times["float32"].ratio == 1.0
    assert times["other"].median_ms > 0


def test_threads_in_words() -> None:
    assert (in_words(1), in_words(4)) == ("1 thread", "4 threads")
