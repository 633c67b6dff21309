"""A signal that ends the program, also one that comes where Python cannot raise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge_detector.system.termination import lose_no_signal

WEAK_REFERENCE = """
import os, signal, time, weakref
from edge_detector.system.termination import lose_no_signal, terminate_on

lose_no_signal()

class Thing:
    pass

def end(*_):
    os.kill(os.getpid(), signal.{name})
    time.sleep(0.01)

thing = Thing()
reference = weakref.ref(thing, end)
"""
PROGRAM = """
terminate_on(signal.SIGTERM)
{come}
try:
    while True:
        time.sleep(0.01)
finally:
    os.kill(os.getpid(), signal.SIGTERM)
    print("closed", flush=True)
"""


def finished(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("come", ["end()", "del thing"], ids=["plain", "while a weak reference is called back"])
def test_a_signal_ends_the_program_and_another_one_does_not_disturb_its_closing(come: str) -> None:
    # A signal before the loop ends the program there, so only the second case reaches the closing.
    done = finished(WEAK_REFERENCE.format(name="SIGTERM") + PROGRAM.format(come=come))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("closed\n" if come == "del thing" else "")


def test_ctrl_c_while_a_weak_reference_is_called_back_is_not_lost() -> None:
    program = """
try:
    del thing
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = finished(WEAK_REFERENCE.format(name="SIGINT") + program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_to_ask_for_it_twice_is_to_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # is put back
    lose_no_signal()
    hook = sys.unraisablehook
    lose_no_signal()
    assert sys.unraisablehook is hook


def test_other_errors_that_cannot_be_raised_are_still_told() -> None:
    program = """
import signal
from edge_detector.system.termination import lose_no_signal, terminate_on

lose_no_signal()
terminate_on(signal.SIGTERM)

class Thing:
    def __del__(self):
        raise KeyError("told")

thing = Thing()
del thing
"""
    done = finished(program)
    assert "KeyError: 'told'" in done.stderr
