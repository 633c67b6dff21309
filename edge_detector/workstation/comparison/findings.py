"""What the measurement shows against common belief, a sentence each: slower, ruined, no faster, or not worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge_detector.workstation.comparison.rows import Comparison, Row
from edge_detector.workstation.comparison.timing import in_words

SLOWER = 1.1  # times the reference's time, from which on it is said
FEW_BY_XNNPACK = 0.9  # of the operators: fewer than these explain a slow model
RUINED = 0.5  # of the reference's mAP: what is below is of no use
NO_FASTER = 0.95  # of the base's time: above it nothing was gained
SMALLER_DOWNLOAD = 0.85  # of the base's gzip size: below it something was gained


def findings(comparison: Comparison) -> list[str]:
    """All of them."""
    return [sentence for rule in RULES for sentence in rule(comparison)]


def slower_than_float(comparison: Comparison) -> Iterator[str]:
    """Smaller files that take longer."""
    for row in comparison.rows[1:]:
        if row.figures.ratio > SLOWER:
            yield (
                f"{row.name} takes {row.figures.ratio:.1f} times as long as {comparison.reference.name}"
                f"{_why_slow(row)}."
            )


def _why_slow(row: Row) -> str:
    shared = row.figures.delegation
    if shared is None or not shared.operators or shared.taken / shared.operators > FEW_BY_XNNPACK:
        return ""
    return f": {shared.sentence}, which run in the plain kernels"


def ruined(comparison: Comparison) -> Iterator[str]:
    """Models that lost most of what they knew."""
    for row in comparison.rows[1:]:
        before = row.figures.ap - row.figures.change
        if row.figures.ap < RUINED * before:
            accuracy = f"{comparison.task.accuracy} {row.figures.ap:.3f}"
            yield f"{row.name} ruins the model: {accuracy} in place of {before:.3f}."


def smaller_but_no_faster(comparison: Comparison) -> Iterator[str]:
    """Zeros and repeated values shrink the download; the file and the time stay as they are."""
    for row in comparison.rows[1:]:
        base = _base(row, comparison)
        if base is None or row is base:
            continue
        smaller = row.figures.gzip_bytes < SMALLER_DOWNLOAD * base.figures.gzip_bytes
        same_file = row.figures.size_bytes > SMALLER_DOWNLOAD * base.figures.size_bytes
        if smaller and same_file and row.figures.ratio > NO_FASTER * base.figures.ratio:
            yield (
                f"{row.name} is no faster than {base.name} ({row.figures.ratio:.2f} and {base.figures.ratio:.2f} of "
                f"{comparison.reference.name}'s time): only the download is smaller, "
                f"{row.figures.gzip_bytes / 1e6:.2f} MB after gzip against {base.figures.gzip_bytes / 1e6:.2f} MB."
            )


def _base(row: Row, comparison: Comparison) -> Row | None:
    """The first model of the table with weights and activations of as many bits."""
    kind = (row.variant.entry.weight_bits, row.variant.entry.activation_bits)
    alike = [
        each for each in comparison.rows if (each.variant.entry.weight_bits, each.variant.entry.activation_bits) == kind
    ]
    return alike[0] if alike else None


def training_without_gain(comparison: Comparison) -> Iterator[str]:
    """Training that measures no better than int8 without it."""
    plain = [row for row in comparison.rows if row.variant.entry.activation_bits == 8 and not row.variant.trains]
    if not plain:
        return
    best = max(plain, key=lambda row: row.figures.change)
    for row in comparison.rows:
        gain = row.figures.change - best.figures.change
        if row.variant.trains and row.variant.entry.activation_bits == 8 and gain < comparison.noise:
            yield (
                f"{row.name} had {row.figures.made_in_s / 60:.0f} minutes of training and measures {gain:+.3f} "
                f"{comparison.task.accuracy} against {best.name}, which needs none; {comparison.noise:.3f} is noise on "
                f"these {comparison.task.pictures}."
            )


def specialised(comparison: Comparison) -> Iterator[str]:
    """What leaving classes out brings, measured on the same classes before and after."""
    for row in comparison.rows:
        whole, classes = comparison.whole(row), row.variant.classes or ()
        if whole is not None and row.figures.class_changes:
            threads = min(row.figures.times)  # of the processor's time, which other programs hardly change
            time = row.figures.times[threads].ratio / whole.figures.times[threads].ratio
            yield (
                f"{row.name} knows only {', '.join(classes)}: {comparison.task.accuracy} {row.figures.ap:.3f} on these "
                f"classes, where {whole.name} has {whole.ap_like(row):.3f}; {time:.2f} of {whole.name}'s "
                f"time with {in_words(threads)}, "
                f"{row.figures.size_bytes / 1e6:.2f} MB in place of {whole.figures.size_bytes / 1e6:.2f} MB."
            )


def broken_runtimes(comparison: Comparison) -> Iterator[str]:
    """Models that one of the runtimes refuses."""
    for row in comparison.rows:
        for runtime, answer in row.figures.runtimes.items():
            if answer not in ("ok", "not installed"):
                yield f"{row.name} does not run in {runtime}: {answer}"


RULES: tuple[Callable[[Comparison], Iterator[str]], ...] = (
    slower_than_float,
    ruined,
    smaller_but_no_faster,
    training_without_gain,
    specialised,
    broken_runtimes,
)
