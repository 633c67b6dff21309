"""What a conversion did and what it cost, for people (text) and programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_detector.workstation.calibration.lint import Finding
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.calibration.statistics import CalibrationStatistics
from edge_detector.workstation.graph.repairs import DeadChannels, Tidied
from edge_detector.workstation.quantization.bias_correction import BiasCorrection
from edge_detector.workstation.quantization.compatibility import Compatibility
from edge_detector.workstation.quantization.fidelity import NAMED_WORST, SUSPICIOUS_DB, TensorSnr


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
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, statistics: CalibrationStatistics, findings: tuple[Finding, ...], *, method: str) -> CalibrationSummary:
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


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """One conversion. `calibration`, `biases` and `snr` are there for int8 only."""

    source: str
    output: str
    quantize: str
    source_bytes: int
    output_bytes: int
    operators: dict[str, int]
    float_operators: int  # before the heads' outputs; 0 is what int8 is to reach
    weights_widened: int
    tidied: Tidied
    dead_channels: tuple[DeadChannels, ...]
    calibration: CalibrationSummary | None
    biases: BiasCorrection | None
    snr: tuple[TensorSnr, ...]  # every activation, worst first
    compatibility: Compatibility

    def json(self) -> str:
        """The whole report; `snr` worst first."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def text(self) -> str:
        """The report for a terminal: what one wants to know, worst tensors named."""
        return "\n".join(line for section in _SECTIONS for line in section(self)) + "\n"

    def save(self, beside: Path) -> None:
        """Write NAME.report.json and NAME.report.txt beside the model."""
        beside.with_suffix(".report.json").write_text(self.json(), encoding="utf-8")
        beside.with_suffix(".report.txt").write_text(self.text(), encoding="utf-8")


def _files(report: ConversionReport) -> Iterator[str]:
    yield f"{report.source} ({_megabytes(report.source_bytes)}) -> {report.output} ({_megabytes(report.output_bytes)})"
    operators = ", ".join(f"{count} {name}" for name, count in report.operators.items())
    yield f"{report.quantize}: {operators}; {report.float_operators} of them on floats"


def _calibration(report: ConversionReport) -> Iterator[str]:
    summary = report.calibration
    if summary is None:
        return
    yield (
        f"calibration: {summary.method} over {summary.images} images ({summary.distinct} different); values in "
        f"[{summary.observed.minimum:.3g}, {summary.observed.maximum:.3g}], the model expects "
        f"[{summary.expected.minimum:.3g}, {summary.expected.maximum:.3g}]"
    )
    means = zip(summary.color, summary.channel_means, summary.channel_deviations, strict=True)
    yield "  channels: " + ", ".join(f"{name} {mean:.3f} ± {deviation:.3f}" for name, mean, deviation in means)
    for finding in summary.findings:
        yield f"  {finding.severity}: {finding.sentence}"


def _guards(report: ConversionReport) -> Iterator[str]:
    tidied = report.tidied
    yield (
        f"guards: {len(tidied.renamed)} tensors renamed, {len(tidied.unshared)} biases given to each reader, "
        f"{len(tidied.removed)} unused tensors removed, {report.weights_widened} compressed weights widened"
    )
    for dead in report.dead_channels:
        yield (
            f"  {len(dead.channels)} dead channels before '{dead.tensor}': a weight each raised to at most "
            f"{dead.largest_weight:.1e} (bias up to {dead.largest_bias:.2f})"
        )


def _biases(report: ConversionReport) -> Iterator[str]:
    if report.biases is not None:
        yield (
            f"bias correction: the channel means of {report.biases.operators} operators were off by "
            f"{report.biases.before:.1%} on average, now by {report.biases.after:.1%}"
        )


def _snr(report: ConversionReport) -> Iterator[str]:
    if not report.snr:
        return
    low = sum(each.db < SUSPICIOUS_DB for each in report.snr)
    yield f"signal to noise against float, {len(report.snr)} tensors, {low} under {SUSPICIOUS_DB:.0f} dB; the worst:"
    for each in report.snr[:NAMED_WORST]:
        yield f"  {each.db:6.1f} dB  {each.tensor}"


def _compatibility(report: ConversionReport) -> Iterator[str]:
    loads = ", ".join(f"{runtime} {answer}" for runtime, answer in report.compatibility.runtimes.items())
    yield f"loads and runs: {loads}"
    problems = report.compatibility.edgetpu
    yield "Edge TPU: " + ("; ".join(problems) or "no rule broken (the compiler has the last word)")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f} MB"


_SECTIONS = (_files, _calibration, _guards, _biases, _snr, _compatibility)
