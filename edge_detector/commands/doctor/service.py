"""Check of the systemd unit, of the system or of the user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_detector.commands.doctor.finding import Finding, error, ok, warning
from edge_detector.running.waiting import WAITING

UNIT = "edge-detector.service"
PROPERTIES = "LoadState,ActiveState,SubState,Result,NRestarts,StatusText,ExecMainStatus"
TIMEOUT_S = 10.0

Manager = tuple[str, ...]  # systemctl's options for the service manager to ask: () the system's
Ask = Callable[[Manager], dict[str, str]]
Read = Callable[[str], str]


def check_service(ask: Ask | None = None, read: Read | None = None) -> Finding:
    """It runs, or is not installed; restarts and failures are reported, with the last error in its log."""
    ask, read = ask or _systemctl, read or _last_error
    states = [(manager, ask(manager)) for manager in _managers()]
    installed = [(manager, state) for manager, state in states if state.get("LoadState") == "loaded"]
    if not installed:
        return ok("not installed")
    started = [entry for entry in installed if entry[1].get("ActiveState") != "inactive"]
    manager, state = (started or installed)[0]
    return _judge(state, _log_command(manager), lambda: read(_own_lines(manager)))


def _managers() -> Iterator[Manager]:
    """The system's service manager, then that of this user; for root those of everybody who is logged in."""
    yield ()
    if os.geteuid() != 0:
        yield ("--user",)
        return
    for user in _logged_in():
        yield ("--user", f"--machine={user}@.host")


def _logged_in(root: Path = Path("/")) -> list[str]:
    """Everybody but root who has a runtime folder, and so a service manager."""
    numbers = sorted(int(folder.name) for folder in root.glob("run/user/*") if folder.name.isdecimal())
    names = {entry.pw_uid: entry.pw_name for entry in pwd.getpwall()}
    return [names[number] for number in numbers if number and number in names]


def _own_lines(manager: Manager) -> str:
    """The journal's field for lines of the service itself, in root's and in the user's journal alike."""
    return f"{'_SYSTEMD_USER_UNIT' if manager else '_SYSTEMD_UNIT'}={UNIT}"


def _log_command(manager: Manager) -> str:
    """What shows the service's log.

    ``journalctl --user`` shows nothing where the journal is kept in memory, as on Raspberry Pi OS; and root's
    ``--user-unit=`` means units of root's own.
    """
    if not manager:
        return "journalctl --unit=edge-detector"
    if len(manager) == 1:
        return "journalctl --user-unit=edge-detector"
    return f"journalctl {_own_lines(manager)} + USER_UNIT={UNIT}"


def _judge(state: dict[str, str], log: str, last_error: Callable[[], str]) -> Finding:
    activity = f"{state.get('ActiveState')} ({state.get('SubState')})"
    status = state.get("StatusText", "")
    restarts = int(state.get("NRestarts") or 0)
    if state.get("ActiveState") == "failed":
        return error(_end(state, activity, last_error()), f"{log} says why; then systemctl restart edge-detector")
    if state.get("SubState", "").startswith("auto-restart"):
        return error(_end(state, activity, last_error()), f"{log} says why; systemd tries again by itself")
    if state.get("ActiveState") == "activating" and status.startswith(WAITING):
        return warning(f"{activity} {status}", "it looks again every ten seconds; for other settings restart it")
    if restarts:
        return warning(f"{activity}, restarted {restarts} times", f"{log} says why")
    return ok(" ".join(filter(None, (activity, status))))


def _end(state: dict[str, str], activity: str, last_error: str) -> str:
    return "; ".join(filter(None, (f"{activity}: {_how_it_ended(state)}", last_error)))


def _how_it_ended(state: dict[str, str]) -> str:
    """Result= of org.freedesktop.systemd1(5): exit-code, signal, watchdog, oom-kill and so on."""
    result = state.get("Result", "")
    numbered = {"exit-code": "exit code", "signal": "signal"}
    return f"{numbered[result]} {state.get('ExecMainStatus')}" if result in numbered else result


def _systemctl(manager: Manager) -> dict[str, str]:
    """The unit's properties; none without systemd."""
    said = _said_by("systemctl", *manager, "show", UNIT, f"--property={PROPERTIES}")
    return dict(line.partition("=")[::2] for line in said.splitlines())


def _last_error(field: str) -> str:
    """The newest error in the journal with ``field``; "" if there is none, or it may not be read."""
    options = ("--quiet", "--no-pager", "--output=cat", "--lines=1", "--priority=err")
    return _said_by("journalctl", *options, field).strip().removeprefix("edge-detector: error: ")


def _said_by(program: str, *arguments: str) -> str:
    """What the program prints; "" where it is not installed or does not answer."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        done = subprocess.run((path, *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout
