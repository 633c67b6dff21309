"""The command ``edge-detector`` as a child process, as a shell or systemd runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120  # a hang, not a slow machine


@contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The running command; killed afterwards if it has not ended by itself."""
    command = [sys.executable, "-m", "edge_detector", *map(str, words)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it still wrote to standard output and standard error until it ended."""
    return process.communicate(timeout=TIMEOUT_S)


def run(*words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with started(*words) as process:
        output, errors = finish(process)
    return process.returncode, output, errors


def _environment() -> dict[str, str]:
    """Without this machine's screen, service manager and cache folder."""
    unwanted = ("DISPLAY", "WAYLAND_DISPLAY", "NOTIFY_SOCKET", "CACHE_DIRECTORY")
    return {name: value for name, value in os.environ.items() if name not in unwanted}
