"""The sections of a report that several techniques share, each for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_detector.workstation.calibration.lint import LintFinding
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.calibration.statistics import CalibrationStatistics
from edge_detector.workstation.graph.repairs import DeadChannels
from edge_detector.workstation.quantization.accuracy_control import Search
from edge_detector.workstation.quantization.bias_correction import BiasCorrection
from edge_detector.workstation.quantization.fidelity import NAMED_WORST, SUSPICIOUS_DB, TensorSnr
from edge_detector.workstation.quantization.report import Section


@dataclass(frozen=True, slots=True)
class CalibrationSummary:
    """What the ranges were taken from."""

    method: str
    images: int
    distinct: int
    expected: Range
    observed: Range
    channel_means: tuple[float, ...]  # in the order of `color`
    channel_deviations: tuple[float, ...]
    color: str
    findings: tuple[LintFinding, ...]

    @classmethod
    def of(
        cls, statistics: CalibrationStatistics, findings: tuple[LintFinding, ...], *, method: str
    ) -> CalibrationSummary:
        return cls(
            method=method,
            images=len(statistics.samples),
            distinct=statistics.distinct,
            expected=statistics.expected,
            observed=statistics.observed,
            channel_means=tuple(round(float(mean), 4) for mean in statistics.channel_means),
            channel_deviations=tuple(round(float(each), 4) for each in statistics.channel_deviation),
            color=statistics.color,
            findings=findings,
        )


def calibration(summary: CalibrationSummary) -> Section:
    """What the photographs were, and what the linter found in them."""
    return Section("calibration", summary, tuple(_calibration(summary)))


def dead_channels(found: Sequence[DeadChannels]) -> Section:
    """Which weights were raised, so that the bias beside them fits into int32."""
    lines = (
        f"{len(dead.channels)} dead channels before '{dead.tensor}': {dead.raised} raised to at most "
        f"{dead.largest_weight:.1e} (bias up to {dead.largest_bias:.2f})"
        for dead in found
    )
    return Section("dead_channels", tuple(found), tuple(lines))


def biases(correction: BiasCorrection) -> Section:
    """How far the channels' means were off, and are now."""
    line = (
        f"bias correction: the channel means of {correction.operators} operators were off by "
        f"{correction.before:.1%} on average, now by {correction.after:.1%}"
    )
    return Section("biases", correction, (line,))


def kept_in_float(names: Sequence[str]) -> Section:
    """Which operators were not quantized."""
    lines = (f"{len(names)} operators were kept in float: {', '.join(names)}",) if names else ()
    return Section("kept_in_float", tuple(names), lines)


def accuracy_control(found: Search) -> Section:
    """What each step of the search measured."""
    lines = (f"  {each.order}, {len(each.floats)} in float: mAP {each.accuracy:.4f}" for each in found.trials)
    best = found.best
    first = (
        f"accuracy control: float has mAP {found.reference:.4f}; with {len(best.floats)} operators in float the loss "
        f"is {best.loss:.4f}, at most {found.bound:g} was asked for; measured:"
    )
    return Section("accuracy_control", found, (first, *lines))


def snr(ratios: Sequence[TensorSnr]) -> Section:
    """The signal to noise ratio of every activation, worst first; the text names the worst only."""
    return Section("snr", tuple(ratios), tuple(_snr(ratios)))


def _calibration(summary: CalibrationSummary) -> Iterator[str]:
    yield (
        f"calibration: {summary.method} over {summary.images} images ({summary.distinct} different); values in "
        f"[{summary.observed.minimum:.3g}, {summary.observed.maximum:.3g}], the model expects "
        f"[{summary.expected.minimum:.3g}, {summary.expected.maximum:.3g}]"
    )
    means = zip(summary.color, summary.channel_means, summary.channel_deviations, strict=True)
    yield "  channels: " + ", ".join(f"{name} {mean:.3f} ± {deviation:.3f}" for name, mean, deviation in means)
    for finding in summary.findings:
        yield f"  {finding.severity}: {finding.sentence}"


def _snr(ratios: Sequence[TensorSnr]) -> Iterator[str]:
    if not ratios:
        return
    low = sum(each.db < SUSPICIOUS_DB for each in ratios)
    yield f"signal to noise against float, {len(ratios)} tensors, {low} under {SUSPICIOUS_DB:.0f} dB; the worst:"
    for each in ratios[:NAMED_WORST]:
        yield f"  {each.db:6.1f} dB  {each.tensor}"
