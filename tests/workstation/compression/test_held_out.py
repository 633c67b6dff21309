"""What is measured on the photographs held out."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.config import Config
from edge_detector.workstation.compression.held_out import accuracies
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation import measurement
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics, Metrics
from edge_detector.workstation.quantization import controlled
from edge_detector.workstation.quantization.material import Material

CURVE = np.zeros(101)
CLASSES = (ClassMetrics("cat", 12, 0.5, 0.5, CURVE), ClassMetrics("dog", 1, 0.1, 0.1, CURVE))


def test_mean_average_precision_is_what_evaluate_shows_and_what_a_bound_of_the_loss_is_about(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(configs: Sequence[Config], _annotations: Annotations) -> list[SimpleNamespace]:
        return [SimpleNamespace(metrics=Metrics(0.3, 0.3, CLASSES)) for _ in configs]

    monkeypatch.setattr(measurement, "measure_models", measured)
    held_out, graph = read_training_data(material).held_out, material.source.graph
    assert held_out.figure == "mAP"
    assert accuracies(material, [graph, graph], held_out) == [0.3, 0.3]
    assert controlled.mean_average_precision(material, graph, held_out.annotations) == 0.3
