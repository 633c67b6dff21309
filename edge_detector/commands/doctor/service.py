"""Check of the systemd unit, of the system or of the user."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from edge_detector.commands.doctor.finding import Finding, error, ok, warning

UNIT = "edge-detector.service"
PROPERTIES = "LoadState,ActiveState,SubState,Result,NRestarts,StatusText,ExecMainStatus"
TIMEOUT_S = 10.0

Ask = Callable[[tuple[str, ...]], dict[str, str]]


def check_service(ask: Ask | None = None) -> Finding:
    """It runs, or is not installed; restarts and failures are reported."""
    ask = ask or _systemctl
    for scope in ((), ("--user",)):
        state = ask(scope)
        if state.get("LoadState") == "loaded":
            return _judge(state, " ".join(("journalctl", *scope, "--unit=edge-detector")))
    return ok("not installed")


def _judge(state: dict[str, str], log: str) -> Finding:
    activity = f"{state.get('ActiveState')} ({state.get('SubState')})"
    restarts = int(state.get("NRestarts") or 0)
    end = f"{activity}: {_how_it_ended(state)}"
    if state.get("ActiveState") == "failed":
        return error(end, f"{log} says why; then systemctl restart edge-detector")
    if state.get("SubState", "").startswith("auto-restart"):
        return error(end, f"{log} says why; systemd tries again by itself")
    if restarts:
        return warning(f"{activity}, restarted {restarts} times", f"{log} says why")
    return ok(" ".join(filter(None, (activity, state.get("StatusText")))))


def _how_it_ended(state: dict[str, str]) -> str:
    """Result= of org.freedesktop.systemd1(5): exit-code, signal, watchdog, oom-kill and so on."""
    result = state.get("Result", "")
    numbered = {"exit-code": "exit code", "signal": "signal"}
    return f"{numbered[result]} {state.get('ExecMainStatus')}" if result in numbered else result


def _systemctl(scope: tuple[str, ...]) -> dict[str, str]:
    """The unit's properties; none without systemd."""
    program = shutil.which("systemctl")
    if program is None:
        return {}
    command = [program, *scope, "show", UNIT, f"--property={PROPERTIES}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return {}
    return dict(line.partition("=")[::2] for line in done.stdout.splitlines())
