"""Runs Python code in a child process, so that a library that crashes or hangs does not end the doctor."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from edge_detector.system.child import environment

TIMEOUT_S = 60.0  # a Pi Zero 2 needs fifteen seconds to load everything


@dataclass(frozen=True, slots=True)
class ProcessOutcome:
    """How the code ended."""

    exit_code: int  # negative: the signal that killed it
    output: str
    last_error_line: str  # where Python names the exception

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0

    @property
    def problem(self) -> str:
        """What went wrong, in a few words."""
        if self.exit_code < 0:
            return f"it crashes with signal {-self.exit_code}"
        return self.last_error_line or f"it ends with exit code {self.exit_code}"


def run_code(code: str, *arguments: str, timeout_s: float = TIMEOUT_S) -> ProcessOutcome:
    """Run ``code`` with this interpreter and ``sys.argv[1:] = arguments``."""
    command = [sys.executable, "-P", "-c", code, *arguments]
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return ProcessOutcome(1, "", f"it hangs: no answer within {timeout_s:g} s")
    return ProcessOutcome(done.returncode, done.stdout.strip(), (done.stderr.strip().splitlines() or [""])[-1])
