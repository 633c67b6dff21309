"""What a check of the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_detector import masking


class Severity(StrEnum):
    """How bad a finding is: a warning may be intended, an error stops the detector."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it ("" for nothing), one line each."""

    level: Severity
    why: str
    remedy: str = ""

    def masked(self) -> Finding:
        """The same without secrets, for the report."""
        return Finding(self.level, masking.masked(self.why), masking.masked(self.remedy))


def ok(why: str) -> Finding:
    """Nothing is wrong."""
    return Finding(Severity.OK, why)


def warning(why: str, remedy: str) -> Finding:
    """Something that some users should fix."""
    return Finding(Severity.WARNING, why, remedy)


def error(why: str, remedy: str) -> Finding:
    """Something that stops the detector."""
    return Finding(Severity.ERROR, why, remedy)
