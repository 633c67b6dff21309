"""What a conversion did and what it cost, for people (text) and programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_detector.workstation.graph.repairs import Tidied
from edge_detector.workstation.quantization.compatibility import Compatibility


@dataclass(frozen=True, slots=True)
class Section:
    """What a technique adds to the report."""

    key: str  # in the JSON
    content: Any  # a dataclass, numbers, text, or tuples and dictionaries of them
    lines: tuple[str, ...]  # of the text; none where there is nothing to tell


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """One conversion."""

    source: str
    output: str
    quantize: str  # the technique
    weight_bits: int
    activation_bits: int
    source_bytes: int
    output_bytes: int
    operators: dict[str, int]
    float_operators: int  # without the fused operator, and QUANTIZE and DEQUANTIZE; 0 is the aim of int8
    weights_widened: int
    tidied: Tidied
    sections: tuple[Section, ...]  # of the technique
    compatibility: Compatibility

    def json(self) -> str:
        """The whole report; each section under its own key."""
        content = asdict(self)
        sections = {section["key"]: section["content"] for section in content.pop("sections")}
        return json.dumps(content | sections, indent=2) + "\n"

    def text(self) -> str:
        """The report for a terminal, short."""
        return "\n".join(self._lines()) + "\n"

    def save(self, beside: Path) -> None:
        """Write NAME.report.json and NAME.report.txt beside the model."""
        beside.with_suffix(".report.json").write_text(self.json(), encoding="utf-8")
        beside.with_suffix(".report.txt").write_text(self.text(), encoding="utf-8")

    def _lines(self) -> Iterator[str]:
        yield from _files(self)
        yield _repairs(self)
        for section in self.sections:
            yield from section.lines
        yield from _compatibility(self.compatibility)


def _files(report: ConversionReport) -> Iterator[str]:
    yield f"{report.source} ({_megabytes(report.source_bytes)}) -> {report.output} ({_megabytes(report.output_bytes)})"
    operators = ", ".join(f"{count} {name}" for name, count in report.operators.items())
    yield (
        f"{report.quantize} ({report.weight_bits}-bit weights, {report.activation_bits}-bit activations): "
        f"{operators}; {report.float_operators} of them on floats"
    )


def _repairs(report: ConversionReport) -> str:
    tidied = report.tidied
    return (
        f"repairs: {len(tidied.renamed)} tensors renamed, {len(tidied.unshared)} biases copied for each reader, "
        f"{len(tidied.removed)} unused tensors removed, {report.weights_widened} compressed weights widened"
    )


def _compatibility(compatibility: Compatibility) -> Iterator[str]:
    loads = ", ".join(f"{runtime} {answer}" for runtime, answer in compatibility.runtimes.items())
    yield f"loads and runs: {loads}"
    yield "Edge TPU: " + ("; ".join(compatibility.edgetpu) or "no rule broken (only its compiler knows for sure)")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f} MB"
