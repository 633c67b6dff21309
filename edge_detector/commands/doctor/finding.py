"""What a check of the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: a warning may be as it should be, an error stops the detector."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line why, and one line what to do ("" where there is nothing to do)."""

    level: Severity
    why: str
    remedy: str = ""


def ok(why: str) -> Finding:
    """All is well."""
    return Finding(Severity.OK, why)


def warning(why: str, remedy: str) -> Finding:
    """Something that some users should mend."""
    return Finding(Severity.WARNING, why, remedy)


def error(why: str, remedy: str) -> Finding:
    """Something that stops the detector."""
    return Finding(Severity.ERROR, why, remedy)
