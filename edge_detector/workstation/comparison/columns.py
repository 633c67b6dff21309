"""The columns of the table, for every kind of report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_detector.workstation.comparison.rows import Comparison, Measured
from edge_detector.workstation.comparison.tasks import DETECTION
from edge_detector.workstation.comparison.timing import in_words
from edge_detector.workstation.evaluation.agreement import Agreement

UNKNOWN = "unknown"
NOT_COMPARED = "-"  # the reference with itself


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of each model."""

    heading: str
    text: Callable[[Measured], str]
    value: Callable[[Measured], float]  # to sort by
    explanation: str


def columns(comparison: Comparison) -> list[Column]:
    """All but the model's name."""
    name, task = comparison.reference.name, comparison.task
    return [
        Column("MB", lambda each: _megabytes(each.size_bytes), lambda each: each.size_bytes, "size of the file"),
        Column("gzip MB", lambda each: _megabytes(each.gzip_bytes), lambda each: each.gzip_bytes, "size of a download"),
        Column(task.accuracy, lambda each: f"{each.ap:.3f}", lambda each: each.ap, task.accuracy_is),
        Column(task.second, lambda each: f"{each.ap50:.3f}", lambda each: each.ap50, task.second_is),
        Column("change", _change, lambda each: each.change, f"of {task.accuracy} from {name}"),
        Column(task.same, _same_objects, _share_found, task.same_is.format(reference=name)),
        *([Column("IoU", _iou, _mean_iou, "of their boxes")] if task is DETECTION else []),
        *(column for threads in comparison.thread_counts for column in _times(threads, name)),
        Column("XNNPACK", _delegation, _share_taken, "operators that the fast kernels take, of all"),
        Column("floats", lambda each: str(each.float_operators), lambda each: each.float_operators, "float operators"),
        Column("runtimes", _runtimes, lambda each: -_running(each), "which of the two runtimes run it"),
        Column("Edge TPU", _edgetpu, lambda each: len(each.edgetpu), "known rules broken; a check cannot certify"),
    ]


def _times(threads: int, reference: str) -> list[Column]:
    heading = in_words(threads)
    return [
        Column(
            heading,
            lambda each: f"{each.times[threads].ratio:.2f} x",
            lambda each: each.times[threads].ratio,
            f"time as a multiple of {reference}'s",
        ),
        Column(
            "ms (p95)",
            lambda each: f"{each.times[threads].median_ms:.1f} ({each.times[threads].p95_ms:.1f})",
            lambda each: each.times[threads].median_ms,
            f"median time of an invocation with {heading}, and the 95th percentile",
        ),
    ]


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f}"


def _share_found(each: Measured) -> float:
    return each.agreement.found / max(1, each.agreement.objects)


def _same_objects(each: Measured) -> str:
    return NOT_COMPARED if _is_reference(each) else f"{each.agreement.found} of {each.agreement.objects}"


def _change(each: Measured) -> str:
    return NOT_COMPARED if _is_reference(each) else f"{each.change:+.3f}"


def _iou(each: Measured) -> str:
    return NOT_COMPARED if _is_reference(each) else f"{_mean_iou(each):.3f}"


def _mean_iou(each: Measured) -> float:
    assert isinstance(each.agreement, Agreement)  # of detectors
    return each.agreement.iou


def _is_reference(each: Measured) -> bool:
    return each.agreement.model == each.agreement.reference


def _share_taken(each: Measured) -> float:
    return each.delegation.taken / max(1, each.delegation.operators) if each.delegation else -1.0


def _delegation(each: Measured) -> str:
    return f"{each.delegation.taken} of {each.delegation.operators}" if each.delegation else UNKNOWN


def _running(each: Measured) -> int:
    return sum(answer == "ok" for answer in each.runtimes.values())


def _runtimes(each: Measured) -> str:
    """ "both", or each runtime with what it says."""
    if _running(each) == len(each.runtimes):
        return "both"
    return ", ".join(f"{name}: {_short(answer)}" for name, answer in each.runtimes.items())


def _short(answer: str) -> str:
    return answer if answer in ("ok", "not installed") else "fails"


def _edgetpu(each: Measured) -> str:
    if not each.edgetpu:
        return "no rule broken" if each.fits_edgetpu else "float operators"
    return f"{len(each.edgetpu)} rule{'s' if len(each.edgetpu) != 1 else ''} broken"
