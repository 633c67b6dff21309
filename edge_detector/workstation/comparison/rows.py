"""The rows of a comparison: a model with its figures, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_detector.workstation.comparison.delegation import Delegation
from edge_detector.workstation.comparison.timing import Times
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.agreement import Agreement
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.quantization.techniques import Data

# Fifty photographs cannot tell two models apart that differ by less than 0.015 mAP; the error falls with the root of
# the number.
NOISE_OF_FIFTY = 0.015


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The figures of one model. Averages are over the classes that the model has."""

    model: Path
    size_bytes: int
    gzip_bytes: int
    made_in_s: float
    ap: float  # over IoU 0.50 to 0.95
    ap50: float
    change: float  # of `ap` from the reference's over the same classes
    class_changes: Mapping[str, float]  # class -> change of its AP from the reference's
    agreement: Agreement  # with the reference; of the reference with itself
    times: Mapping[int, Times]  # number of threads -> times, the fewest first
    operators: Mapping[str, int]
    float_operators: int
    delegation: Delegation | None  # None: the runtime does not tell
    runtimes: Mapping[str, str]  # runtime -> "ok", "not installed" or the error
    edgetpu: tuple[str, ...]  # the rules that it breaks
    evaluation: Evaluation

    @property
    def ratio(self) -> float:
        """Its time as a multiple of the reference's, with all threads."""
        return self.times[max(self.times)].ratio

    @property
    def compression(self) -> float:
        """What is left of the file's size after gzip."""
        return self.gzip_bytes / self.size_bytes

    @property
    def fits_edgetpu(self) -> bool:
        """Whether it is all integers and breaks no known rule; only the compiler knows for sure."""
        return not self.edgetpu and not self.float_operators


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One variant that was measured."""

    variant: Variant
    figures: Measured

    @property
    def name(self) -> str:
        return self.variant.name


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """One variant that was not."""

    variant: Variant
    reason: str  # one line
    skipped: bool = False  # it was not tried, because what it needs was not given; else it failed

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def state(self) -> str:
        return "skipped" if self.skipped else "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Everything that was found out."""

    source: Path
    annotations: Annotations
    given: frozenset[Data]  # photographs to make models with
    machine: str  # that the times were measured on
    rows: tuple[Row, ...]  # the reference first
    unmeasured: tuple[Unmeasured, ...]
    warnings: tuple[str, ...]  # about the calibration photographs

    @property
    def reference(self) -> Row:
        return self.rows[0]

    @property
    def noise(self) -> float:
        """The difference in mAP that means nothing here."""
        return noise(len(self.annotations.images))

    @property
    def thread_counts(self) -> tuple[int, ...]:
        return tuple(self.reference.figures.times)


def noise(photographs: int) -> float:
    """The difference in mAP that so many photographs cannot tell from none."""
    return float(NOISE_OF_FIFTY * (50 / max(1, photographs)) ** 0.5)
