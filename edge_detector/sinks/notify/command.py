"""Runs a program of your own for each visit: ``command:/usr/local/bin/bell --loud``, without a shell."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import Seconds, argument, option
from edge_detector.sinks.notify.delivery import DeliveryFailed, Refused
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.rules import NotifyOptions
from edge_detector.sinks.notify.sink import NotifySink

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
MOST_SAID = 200  # characters of what the program says of its failure


@dataclass(frozen=True, slots=True)
class CommandOptions(NotifyOptions):
    """``command:/usr/local/bin/bell --loud?classes=person&timeout=10s``."""

    program: str = argument("the program and its arguments, quoted as in a shell; the message is JSON on its input")
    timeout: Seconds = option(Seconds(30), "after so long the program and what it has started are ended")


class CommandSink(NotifySink[CommandOptions], options=CommandOptions):
    """Runs a program of yours for each visit, one at a time.

    The message is JSON on its input. ``picture_file`` in it is the picture's path, which is there until the program
    ends.

    Exit code 75 (EX_TEMPFAIL): the same message comes again later. Others but 0: it is logged, and not tried again.
    """

    def prepare(self, options: CommandOptions, *, where: str) -> None:
        try:
            self._command = shlex.split(options.program)
        except ValueError as error:
            raise ConfigError(f"{where}: {options.program!r}: {error}") from None
        if not self._command or shutil.which(self._command[0]) is None:
            name = self._command[0] if self._command else ""
            raise ConfigError(f"{where}: {name!r}: there is no such program, or it may not be run")
        self._timeout_s = options.timeout

    def deliver(self, message: Message, picture: bytes | None) -> None:
        with tempfile.TemporaryDirectory(prefix="edge-detector-") as folder:
            path = Path(folder) / "visit.jpg"
            if picture:
                path.write_bytes(picture)
            said = json.dumps({**message.as_dict(), "picture_file": str(path) if picture else None})
            self._run(said.encode())

    def _run(self, said: bytes) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        try:
            process = subprocess.Popen(self._command, **pipes, start_new_session=True)  # type: ignore[call-overload]
        except OSError as error:
            raise DeliveryFailed(f"{self._command[0]}: {error.strerror}") from None
        try:
            _, errors = process.communicate(said, timeout=self._timeout_s)
        except subprocess.TimeoutExpired:
            raise Refused(f"{self._command[0]}: has not ended after {self._timeout_s:g} s, and was ended") from None
        finally:
            _end_group(process)
        if process.returncode == TRY_AGAIN:
            raise DeliveryFailed(f"{self._command[0]}: exit code {TRY_AGAIN}{_last_line(errors)}")
        if process.returncode != 0:
            raise Refused(f"{self._command[0]}: exit code {process.returncode}{_last_line(errors)}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the program, if it has not ended, and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _last_line(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return f": {lines[-1][:MOST_SAID]}" if lines else ""
