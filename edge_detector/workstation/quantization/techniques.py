"""The techniques that make a model smaller, in one table.

The command line, the checks of a request, the reports and docs/convert.md all read it. A new technique is one file in
this folder, with a function `material.Material` -> `material.TechniqueResult`, and one entry here. Importing this is
light: the function is imported when its technique is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Data(StrEnum):
    """Photographs that a technique needs. The value is also the name of the option: ``--calibration``."""

    CALIBRATION = "calibration"
    TRAINING = "training"


EXPECTED = {
    Data.CALIBRATION: "a folder of photographs, or a COCO annotation file",
    Data.TRAINING: "a COCO annotation file of labelled photographs; of a classifier, a folder for each class",
}


@dataclass(frozen=True, slots=True)
class TechniqueOptions:
    """What a user can choose besides the technique; each technique reads what concerns it."""

    calibration_method: str = "minmax"  # one of `calibration.ranges.METHODS`
    samples: int = 128  # calibration photographs used at most, spread evenly
    force: bool = False  # continue although the photographs look wrong
    equalize: int = 0  # how many of the first SiLUs get channels of equal size
    float_operators: int | tuple[str, ...] = ()  # not quantized: how many of the first, or their output tensors
    max_loss: float | None = None  # of mAP on `annotations` against float: the fewest operators for it stay float
    annotations: Path | None = None  # COCO annotations of the photographs to measure on
    steps: int = 160  # of training, where a technique trains
    batch: int = 8  # photographs in one step
    rate: float | None = None  # the highest learning rate; None: the technique's own


@dataclass(frozen=True, slots=True)
class Technique:
    """One way to make a float graph smaller: what it does, and what it needs."""

    description: str
    function: str  # "module:attribute" of a function Material -> TechniqueResult
    weight_bits: int
    activation_bits: int
    input_types: tuple[str, ...] = ("float32",)  # of the model's input; the first is the default
    needs: tuple[Data, ...] = ()
    packages: tuple[str, ...] = ()  # of the extra [training], that it imports

    def needed(self) -> str:
        """The options that name the data it needs: "--calibration"; "no data" if it needs none."""
        return " and ".join(f"--{data}" for data in self.needs) or "no data"


def _trained(description: str, function: str) -> Technique:
    """A technique that trains, and ends in int8; `function`: "module:attribute" in `workstation.compression`."""
    return Technique(
        description,
        f"edge_detector.workstation.compression.{function}",
        weight_bits=8,
        activation_bits=8,
        input_types=("int8", "uint8", "float32"),
        needs=(Data.CALIBRATION, Data.TRAINING),
        packages=("tensorflow", "tf_keras"),
    )


TECHNIQUES = {
    "int8": Technique(
        "weights and activations become int8, a scale per channel of weights",
        "edge_detector.workstation.quantization.controlled:to_int8",
        weight_bits=8,
        activation_bits=8,
        input_types=("int8", "uint8", "float32"),
        needs=(Data.CALIBRATION,),
    ),
    "int8-per-tensor": Technique(
        "as int8, but one scale for all weights of an operator, for comparison",
        "edge_detector.workstation.quantization.int8:to_int8_per_tensor",
        weight_bits=8,
        activation_bits=8,
        input_types=("int8", "uint8", "float32"),
        needs=(Data.CALIBRATION,),
    ),
    "int16x8": Technique(
        "weights become int8, activations int16: nearly as float, and 25 to 45 times slower",
        "edge_detector.workstation.quantization.int16x8:to_int16x8",
        weight_bits=8,
        activation_bits=16,
        needs=(Data.CALIBRATION,),
    ),
    "weights": Technique(
        "weights become int8, and float32 again when the model is loaded",
        "edge_detector.workstation.quantization.weights:to_weights",
        weight_bits=8,
        activation_bits=32,
    ),
    "dynamic": Technique(
        "weights become int8, activations stay float",
        "edge_detector.workstation.quantization.dynamic:to_dynamic",
        weight_bits=8,
        activation_bits=32,
    ),
    "float16": Technique(
        "weights become float16, and float32 again when the model is loaded",
        "edge_detector.workstation.quantization.float16:to_float16",
        weight_bits=16,
        activation_bits=32,
    ),
    "float32": Technique(
        "nothing is rounded; compressed weights become float32",
        "edge_detector.workstation.quantization.float32:to_float32",
        weight_bits=32,
        activation_bits=32,
    ),
    "qat": _trained("int8, trained to give what the float model gives in spite of the rounding", "qat:to_qat"),
    "qat-per-tensor": _trained(
        "as qat, but one scale for all weights of an operator, for comparison", "qat:to_qat_per_tensor"
    ),
    "prune50": _trained("int8, half of the weights zero: smaller when compressed", "pruning:to_half_pruned"),
    "prune75": _trained("int8, three quarters of the weights zero", "pruning:to_three_quarters_pruned"),
    "cluster16": _trained("int8, 16 different weights a layer: smaller when compressed", "clustering:to_16_values"),
    "cluster32": _trained("int8, 32 different weights a layer", "clustering:to_32_values"),
    "prune-cluster-qat": _trained(
        "int8, half of the weights zero, 16 different ones a layer, trained for int8 activations",
        "prune_cluster_qat:to_pruned_clustered_qat",
    ),
    "filter-pruning": _trained(
        "int8, with fewer hidden channels, so a fifth less to compute: faster", "filter_pruning:to_fewer_channels"
    ),
}
DEFAULT = "int8"
