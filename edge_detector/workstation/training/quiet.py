"""TensorFlow without what it says at its start: of missing graphics cards, of instructions of the processor."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from tempfile import TemporaryFile
from typing import Any

ERRORS_ONLY_WITH_AN_EXCEPTION = "3"
STDERR = 2
# Each prints to the file descriptor itself when it is imported, before its log levels count.
TALKATIVE = ("tensorflow", "tf_keras", "ai_edge_litert.interpreter")


def import_tensorflow() -> Any:
    """TensorFlow, imported and with its devices looked for; a failure is shown with all that was said before it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", ERRORS_ONLY_WITH_AN_EXCEPTION)
    with hidden_stderr():
        for name in TALKATIVE:
            import_module(name)
        tensorflow = sys.modules["tensorflow"]
        import_module("edge_detector.workstation.training.distribution").strategy()
        tensorflow.config.list_logical_devices()
        tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


@contextmanager
def hidden_stderr() -> Iterator[None]:
    """Keep back what is written to the file descriptor of standard error; after an exception, write it."""
    sys.stderr.flush()
    with TemporaryFile() as file:
        before = os.dup(STDERR)
        os.dup2(file.fileno(), STDERR)
        try:
            yield
        except BaseException:
            os.dup2(before, STDERR)
            file.seek(0)
            os.write(STDERR, file.read())
            raise
        finally:
            os.dup2(before, STDERR)
            os.close(before)
