"""The calibration photographs, looked at once before a model is made of them."""

from __future__ import annotations

from pathlib import Path

from edge_detector.detect import manifest as manifests
from edge_detector.workstation import fingerprint
from edge_detector.workstation.comparison.making import ComparisonRequest, MadeModel
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.classifier import read_manifest
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.quantization.calibrated import check_photographs
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import Data

RECORD = "calibration-photographs"
ROOMS = (*fingerprint.MAKING, *fingerprint.MEASURING)  # the linter also asks the model itself


def calibration_warnings(reference: MadeModel, request: ComparisonRequest, store: Store) -> tuple[str, ...]:
    """What the linter says of them, a sentence each. `reference` is the float model.

    Raises `ConfigError` if they cannot be right, unless the user forces it.
    """
    photographs = fingerprint.photographs_digest(request.data[Data.CALIBRATION])
    key = fingerprint.digest(reference.digest, photographs, request.options, fingerprint.program_digest(*ROOMS))
    record = store.find(RECORD, key)
    if record is None:
        record = store.keep(RECORD, key, {"warnings": _sentences(reference.path, request)})
    return tuple(record["warnings"])


def _sentences(reference: Path, request: ComparisonRequest) -> list[str]:
    source = read_float_source(reference)
    labels = source.manifest.folder / source.manifest.labels if source.manifest.labels else None
    material = Material(source, labels, data=request.data, options=request.options)
    tensors = InputTensors(material.calibration_images(), read_manifest(manifests.manifest_path(reference)).input)
    return [finding.sentence for finding in check_photographs(material, tensors).findings]
