"""Ends the program by a signal, also where Python cannot raise."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGHUP)
RAISED = {SystemExit: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}
AGAIN_S = 0.1  # long enough that whatever could not raise is over


def terminate_on(*numbers: signal.Signals) -> None:
    """Raise `SystemExit` in the main thread on these signals. What comes while the program closes is ignored."""
    for number in numbers:
        signal.signal(number, _terminate)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ENDING:  # another one must not interrupt the closing
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def lose_no_signal() -> None:
    """Send a signal once more that comes where Python forgets what is raised.

    That is so in a ``__del__`` and in a weak reference's callback, such as the one after each import.
    """
    if getattr(sys.unraisablehook, "func", None) is not _again:  # else it does so already
        sys.unraisablehook = partial(_again, others=sys.unraisablehook)


def _again(unraisable: sys.UnraisableHookArgs, *, others: Callable[[sys.UnraisableHookArgs], object]) -> None:
    number = RAISED.get(unraisable.exc_type)
    if number is None or threading.current_thread() is not threading.main_thread():
        others(unraisable)
        return
    if number == signal.SIGTERM:
        signal.signal(number, _terminate)  # it is ignored by now
    threading.Timer(AGAIN_S, os.kill, (os.getpid(), number)).start()
