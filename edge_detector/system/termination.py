"""Ends the program by a signal, also where Python cannot raise."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.1  # long enough that whatever could not raise is over


def terminate_on(*numbers: signal.Signals) -> None:
    """Raise `SystemExit` in the main thread on these signals. What comes while the program closes is ignored."""
    for number in numbers:
        signal.signal(number, _terminate)
    sys.unraisablehook = _again


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ENDING:  # another one must not interrupt the closing
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _again(unraisable: sys.UnraisableHookArgs) -> None:
    """In a ``__del__`` or a weak reference's callback Python forgets what is raised: the signal is sent once more."""
    if not isinstance(unraisable.exc_value, SystemExit) or threading.current_thread() is not threading.main_thread():
        sys.__unraisablehook__(unraisable)
        return
    signal.signal(signal.SIGTERM, _terminate)
    threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM)).start()
