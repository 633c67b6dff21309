from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("ai_edge_litert", reason="needs the extra [workstation]")

from edge_detector.types import Tensor
from edge_detector.workstation.comparison import timing
from edge_detector.workstation.comparison.timing import Times, in_words, time_models
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector


def test_a_busy_machine_changes_the_p95_and_not_the_ratio() -> None:
    reference = np.array([10.0, 10.0, 10.0, 10.0, 100.0])
    model = np.array([5.0, 50.0, 5.0, 5.0, 50.0])
    times = Times.of(both(model, 4.0), both(reference, 10.0), threads=2)
    assert (times.ratio, times.median_ms, times.p95_ms) == (0.5, 5.0, 50.0)


def test_one_thread_is_compared_by_the_time_of_the_processor() -> None:
    elapsed = np.array([50.0, 60.0, 70.0])  # it never ran alone
    assert Times.of(both(elapsed, 4.0), both(elapsed, 10.0), threads=1).ratio == 0.4


def both(elapsed: NDArray[np.float64], processor: float) -> NDArray[np.float64]:
    return np.stack([elapsed, np.full_like(elapsed, processor)], axis=1)


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
    assert milliseconds.shape == (3, 3, 2)


def test_slow_models_get_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "BUDGET_S", -1.0)
    milliseconds = timing._in_turn([NotingRuntime("a", [])], [np.zeros(1)], "timing")  # type: ignore[list-item]
    assert milliseconds.shape == (1, timing.FEWEST_ROUNDS, 2)


def test_models_are_timed_on_a_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 2)
    models = {name: save_with_manifest(tiny_detector(), tmp_path / f"{name}.tflite") for name in ("float32", "other")}
    photograph = photographs(tmp_path / "photographs", 1) / "000.png"
    times = time_models(models, photograph, reference="float32", threads=1)
    assert times["float32"].ratio == 1.0
    assert times["other"].median_ms > 0


def test_times_are_of_one_processor(tmp_path: Path) -> None:
    known = tmp_path / "cpuinfo"
    known.write_text("processor\t: 0\nmodel name\t: AMD EPYC 7B13\n\nprocessor\t: 1\nmodel name\t: AMD EPYC 7B13\n")
    assert timing.processor(known) == "AMD EPYC 7B13"
    known.write_text("processor\t: 0\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n")
    assert timing.processor(known) == "Raspberry Pi 5 Model B Rev 1.0"
    assert timing.processor(tmp_path / "gone") == ""
    assert timing.processor() in timing.machine()


def test_threads_in_words() -> None:
    assert (in_words(1), in_words(4)) == ("1 thread", "4 threads")
