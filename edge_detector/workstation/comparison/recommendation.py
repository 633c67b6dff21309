"""Which of the measured models to take, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_detector.workstation.comparison.rows import Comparison, Row
from edge_detector.workstation.comparison.timing import in_words
from edge_detector.workstation.comparison.wishes import WISHES
from edge_detector.workstation.quantization.techniques import Data

ACCEPTED_LOSS = 0.02  # of mAP: what the fast and the small model may lose, beside the noise
FAITHFUL = 0.98  # of the objects that the most faithful model finds
AS_FAST = 1.1  # times the least time: no more than a measurement on a busy machine tells apart
AS_SMALL = 1.05  # times the least size: not worth a slower model


def recommend(comparison: Comparison, wish: str) -> Row:
    """The model for one of `WISHES`.

    Fast and small are the first of those that lose no more than `ACCEPTED_LOSS` (or the noise, where that is more).
    Accurate is, of those that measure as well as the best, the fastest that finds the reference's objects. Among equals
    the one that measures clearly better wins, then the one that needs less data, then the nearest to the reference.
    """
    if wish == "accurate":
        return min(_near_least(_faithful(most_accurate(comparison.rows, comparison)), _time, AS_FAST), key=_download)
    rows = acceptable(comparison)
    return _fastest(_near_least(rows, _download, AS_SMALL) if wish == "small" else rows, comparison)


def acceptable(comparison: Comparison) -> list[Row]:
    """The models that lose little enough; the reference is one of them."""
    most = max(ACCEPTED_LOSS, comparison.noise)
    return [row for row in comparison.rows if row.figures.change >= -most]


def most_accurate(rows: Sequence[Row], comparison: Comparison) -> list[Row]:
    """Those of the rows that the photographs cannot tell from the best one."""
    best = max(map(_credible_change, rows))
    return [row for row in rows if _credible_change(row) >= best - comparison.noise]


def _credible_change(row: Row) -> float:
    """Of mAP. What is rounded and not trained is better than its source by chance only."""
    return row.figures.change if row.variant.trains else min(row.figures.change, 0.0)


def _faithful(rows: Sequence[Row]) -> list[Row]:
    """Those that find about as many of the reference's objects as any of them."""
    most = max(map(_share_found, rows))
    return [row for row in rows if _share_found(row) >= FAITHFUL * most]


def _share_found(row: Row) -> float:
    """Of the reference's objects, those of classes that the model does not know left out."""
    return row.figures.agreement.found / max(1, row.figures.agreement.objects)


def for_accelerator(comparison: Comparison) -> Row | None:
    """The fastest acceptable model that is all integers and breaks none of the Edge TPU's known rules."""
    rows = [row for row in acceptable(comparison) if row.figures.fits_edgetpu]
    return _fastest(rows, comparison) if rows else None


def _fastest(rows: Sequence[Row], comparison: Comparison) -> Row:
    """The best of those that take about the least time."""
    return min(most_accurate(_near_least(rows, _time, AS_FAST), comparison), key=_preference)


def _near_least(rows: Sequence[Row], cost: Callable[[Row], float], factor: float) -> list[Row]:
    """The rows whose cost is at most `factor` times the least."""
    least = min(map(cost, rows))
    return [row for row in rows if cost(row) <= factor * least]


def _time(row: Row) -> float:
    return row.figures.ratio


def _download(row: Row) -> float:
    return row.figures.gzip_bytes


def _preference(row: Row) -> tuple[float, ...]:
    """Small is better: data needed, then objects of the reference that it lost, then how far its scores are off."""
    found = row.figures.agreement
    return (len(row.variant.needs), row.variant.trains, -_share_found(row), found.score_difference)


def sentences(comparison: Comparison, wish: str) -> list[str]:
    """The recommendation for the wish first, then the others, the accelerator, and what the usual advice was."""
    others = [each for each in WISHES if each != wish]
    return [
        _sentence(comparison, wish),
        *(_sentence(comparison, each) for each in others),
        _accelerator_sentence(comparison),
        _usual_advice(comparison, wish),
    ]


def _sentence(comparison: Comparison, wish: str) -> str:
    row = recommend(comparison, wish)
    return f"{WISHES[wish]}: take {row.name} ({figures_in_words(row, comparison)})."


def figures_in_words(row: Row, comparison: Comparison) -> str:
    """Such as "0.38 of float32's time with 2 threads, 3.61 MB, mAP 0.274, within the noise of float32's 0.278"."""
    figures, reference = row.figures, comparison.reference
    before = figures.ap - figures.change
    if row is reference:
        change = "all others are compared with it"
    elif abs(figures.change) < comparison.noise:
        change = f"{reference.name} has {before:.3f}, the difference is noise"
    else:
        change = f"{figures.change:+.3f} against {reference.name}"
    threads = in_words(comparison.thread_counts[-1])
    return (
        f"{figures.ratio:.2f} of {reference.name}'s time with {threads}, {figures.size_bytes / 1e6:.2f} MB, "
        f"{figures.gzip_bytes / 1e6:.2f} MB after gzip, "
        f"{comparison.task.accuracy} {figures.ap:.3f}: {change}{_only_for(row)}"
    )


def _only_for(row: Row) -> str:
    return f"; it knows only {', '.join(row.variant.classes)}" if row.variant.classes else ""


def _accelerator_sentence(comparison: Comparison) -> str:
    row = for_accelerator(comparison)
    if row is None:
        return "For an accelerator such as the Edge TPU: none of these models is all integers and breaks no rule of it."
    return (
        f"For an accelerator such as the Edge TPU: take {row.name}, which is all integers and breaks no known rule; "
        "only its compiler knows for sure."
    )


def _usual_advice(comparison: Comparison, wish: str) -> str:
    advised, because = usual_choice(comparison, wish)
    by_name = {row.name: row for row in comparison.rows}
    if advised not in by_name:
        return f"The usual advice is {advised}: {because}; it was not measured here."
    row, taken = by_name[advised], recommend(comparison, wish)
    if row is taken:
        return f"The usual advice is {advised}, too: {because}."
    return f"The usual advice is {advised}: {because}; measured: {figures_in_words(row, comparison)}."


def usual_choice(comparison: Comparison, wish: str) -> tuple[str, str]:
    """(technique, reason) by the decision tree of TensorFlow's guides, which knows the data but not the figures."""
    if Data.TRAINING in comparison.given:
        if wish == "small":
            return "cluster16", "clustered weights compress best"
        return "qat", "with labelled photographs, train with rounding"
    if Data.CALIBRATION in comparison.given:
        return "int8", "with photographs but no labels, calibrate"
    if wish == "small":
        return "weights", "without data, shorten the weights as far as they go"
    return "float16", "without data, halve the weights"
