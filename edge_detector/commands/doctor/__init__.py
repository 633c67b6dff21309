"""``edge-detector doctor``: checks what can stop the detector, and says what to do about each problem."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from edge_detector.commands.doctor import board, detection, devices, libraries, service
from edge_detector.commands.doctor.finding import Finding, Severity
from edge_detector.config import INSTALLED_CONFIG

# What deploy.sh asks of a new virtual environment before the service uses it: nothing that depends on the cameras, the
# settings or the service, which the old environment is still using.
OF_THE_INSTALLATION = ("Python", "virtual environment", "picamera2", "OpenCV", "runtime", "self-test")

Checks = Mapping[str, Callable[[], Finding]]


def checks(config: Path | None) -> Checks:
    """Every check by its name, in the order of the report."""
    return {
        "operating system": board.check_operating_system,
        "architecture": board.check_architecture,
        "processor": board.check_processor,
        "Python": libraries.check_python,
        "virtual environment": libraries.check_virtual_environment,
        "picamera2": libraries.check_picamera2,
        "OpenCV": libraries.check_opencv,
        "runtime": libraries.check_runtime,
        "configuration": lambda: detection.check_configuration(config),
        "self-test": lambda: detection.run_self_test(config),
        "display": devices.check_display,
        "groups": devices.check_groups,
        "cameras": devices.check_cameras,
        "disk space": board.check_disk_space,
        "memory limit": board.check_memory_limit,
        "temperature": board.check_temperature,
        "throttling": board.check_throttling_history,
        "service": service.check_service,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="check this configuration")
    parser.add_argument("--installation", action="store_true", help="check the libraries and the model only")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print the findings as they come. Exit code 1 if any is an error."""
    config = arguments.config or (INSTALLED_CONFIG if INSTALLED_CONFIG.exists() else None)
    table = checks(config)
    if arguments.installation:
        table = {name: table[name] for name in OF_THE_INSTALLATION}
    return report(table, as_json=arguments.json)


def report(table: Checks, *, as_json: bool) -> int:
    """Run every check of ``table`` and print what each finds; 1 if any is an error, else 0."""
    findings: dict[str, Finding] = {}
    width = max(map(len, table))
    for name, check in table.items():
        findings[name] = check().masked()
        if not as_json:
            print("\n".join(_lines(name, findings[name], width)), flush=True)  # noqa: T201 - the answer
    print(_json(findings) if as_json else _summary(findings))  # noqa: T201
    return int(_count(findings, Severity.ERROR) > 0)


def _lines(name: str, finding: Finding, width: int) -> Iterator[str]:
    yield f"{finding.level:<8} {name:<{width}}  {finding.why}"
    if finding.remedy:
        yield f"{'':<8} {'':<{width}}  -> {finding.remedy}"


def _summary(findings: Mapping[str, Finding]) -> str:
    return f"{_count(findings, Severity.ERROR)} errors, {_count(findings, Severity.WARNING)} warnings"


def _json(findings: Mapping[str, Finding]) -> str:
    return json.dumps([{"check": name, **asdict(finding)} for name, finding in findings.items()], indent=2)


def _count(findings: Mapping[str, Finding], level: Severity) -> int:
    return sum(finding.level is level for finding in findings.values())
