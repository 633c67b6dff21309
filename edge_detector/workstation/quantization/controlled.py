"""int8 with the fewest operators in float, so that mAP on annotated photographs stays within a bound of float's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.measured_sets import read_measured_set
from edge_detector.workstation.evaluation.measurement import mean_average_precisions
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization import int8, sections
from edge_detector.workstation.quantization.accuracy_control import Search, operator_orders, search
from edge_detector.workstation.quantization.calibrated import Calibrated
from edge_detector.workstation.quantization.fidelity import TensorSnr
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.quantize_operators import set_input_type
from edge_detector.workstation.quantization.written_models import written_models


def to_int8(material: Material) -> TechniqueResult:
    """The int8 graph; with `max_loss`, the one whose mAP is at most that much below that of the float graph.

    Raises `ConfigError` if the calibration photographs cannot be right, or if no number of operators in float is enough
    for `max_loss`; the message says what came nearest.
    """
    if material.options.max_loss is None:
        return int8.to_int8(material)
    result = _within_loss(material)
    set_input_type(result.graph, material.input_type)
    return result


def _within_loss(material: Material) -> TechniqueResult:
    bound, annotations = material.options.max_loss, _annotations(material)
    assert bound is not None
    calibrated = Calibrated.of(material)
    tried: dict[tuple[str, ...], TechniqueResult] = {(): int8.int8_of(calibrated)}

    def accuracy(floats: tuple[str, ...]) -> float:
        if floats not in tried:
            tried[floats] = int8.int8_of(calibrated, floats)
        return mean_average_precision(material, tried[floats].graph, annotations)

    orders = operator_orders(calibrated.graph, _ratios(tried[()]))
    reference = mean_average_precision(material, calibrated.graph, annotations)
    found = search(orders, accuracy, reference=reference, bound=bound)
    _check(found)
    result = tried[found.best.floats]
    return replace(result, sections=(*result.sections, sections.accuracy_control(found)))


def mean_average_precision(material: Material, graph: TFLiteGraph, annotations: Annotations) -> float:
    """mAP of the graph, measured by the detector that runs on the device."""
    with written_models(material, [graph]) as (model,):
        (found,) = mean_average_precisions([Config(model=model)], annotations)
    return found


def _annotations(material: Material) -> Annotations:
    if material.options.annotations is None:
        raise ConfigError("--max-loss needs --annotations: labelled photographs to measure on")
    if material.labels is None:
        raise ConfigError("--max-loss needs --labels: without names the classes cannot be matched to the annotations")
    return read_measured_set(material.options.annotations)


def _ratios(result: TechniqueResult) -> Sequence[TensorSnr]:
    ratios: Sequence[TensorSnr] = next(section.content for section in result.sections if section.key == "snr")
    return ratios


def _check(found: Search) -> None:
    if not found.within:
        best = found.best
        raise ConfigError(
            f"--max-loss {found.bound:g}: not reached in {len(found.trials)} measurements; the least loss is "
            f"{best.loss:.4f} (mAP {best.accuracy:.4f}, float {found.reference:.4f}) with {len(best.floats)} operators "
            "in float. Give at least that, or try another --calibration-method"
        )
