"""The rows of a comparison: a model with its figures, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar, Protocol

from edge_detector.workstation.comparison.delegation import Delegation
from edge_detector.workstation.comparison.tasks import DETECTION, Task
from edge_detector.workstation.comparison.timing import Times
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.coco_metrics import Metrics
from edge_detector.workstation.quantization.techniques import Data


class LikeReference(Protocol):
    """How much a model says what the reference says; a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def model(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def objects(self) -> int: ...  # of the reference
    @property
    def found(self) -> int: ...  # of those, by the model
    @property
    def score_difference(self) -> float: ...
    @property
    def sentence(self) -> str: ...


class Evaluated(Protocol):
    """What one model says of all pictures, in figures."""

    @property
    def metrics(self) -> Metrics: ...


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """How good one model is; see `Measured` for the fields."""

    ap: float
    ap50: float
    change: float
    class_changes: Mapping[str, float]
    agreement: LikeReference
    evaluation: Evaluated


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The figures of one model. Averages are over the classes that the model has.

    Of a classifier, `ap` is top-1, and `ap50` is top-5.
    """

    model: Path
    size_bytes: int
    gzip_bytes: int
    made_in_s: float
    ap: float  # over IoU 0.50 to 0.95
    ap50: float
    change: float  # of `ap` from the reference's over the same classes
    class_changes: Mapping[str, float]  # class -> change of its AP from the reference's
    agreement: LikeReference  # with the reference; of the reference with itself
    times: Mapping[int, Times]  # number of threads -> times, the fewest first
    operators: Mapping[str, int]
    float_operators: int
    delegation: Delegation | None  # None: the runtime does not tell
    runtimes: Mapping[str, str]  # runtime -> "ok", "not installed" or the error
    edgetpu: tuple[str, ...]  # the rules that it breaks
    evaluation: Evaluated

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

    def ap_like(self, other: Row) -> float:
        """The mean over the classes that `other` has."""
        aps = {each.name: each.ap for each in self.figures.evaluation.metrics.classes}
        return fmean(aps[name] for name in other.figures.class_changes)


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """One variant that was not."""

    variant: Variant
    reason: str  # one line
    skipped: bool = False  # what it needs was not given, or it changes nothing in such a model; else it failed

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
    truth: Path  # annotations, or pictures in folders of their class
    pictures: int
    given: frozenset[Data]  # photographs to make models with
    machine: str  # that the times were measured on
    rows: tuple[Row, ...]  # the reference first
    unmeasured: tuple[Unmeasured, ...]
    warnings: tuple[str, ...]  # about the calibration photographs
    task: Task = DETECTION
    annotations: Annotations | None = None  # of detectors

    @property
    def reference(self) -> Row:
        return self.rows[0]

    def whole(self, row: Row) -> Row | None:
        """Of a specialised model, the row of the same with all classes, if it was measured."""
        if row.variant.classes is None:
            return None
        return next((each for each in self.rows if each.name == row.variant.whole.name), None)

    @property
    def noise(self) -> float:
        """The difference in accuracy that means nothing here."""
        return noise(self.pictures, self.task)

    @property
    def thread_counts(self) -> tuple[int, ...]:
        return tuple(self.reference.figures.times)


def noise(pictures: int, task: Task = DETECTION) -> float:
    """The difference in accuracy that so many pictures cannot tell from none: it falls with the root of the number."""
    return float(task.noise_of_fifty * (50 / max(1, pictures)) ** 0.5)
