"""Every error a user can meet, in one tree; each is also the builtin it resembles.

A message says what is wrong, where, what was expected and what to do. The command line prints it without a
traceback and exits with ``exit_code``.
"""

from typing import ClassVar


class EdgeDetectorError(Exception):
    """The root: ``except EdgeDetectorError`` catches whatever this package raises on purpose."""

    exit_code: ClassVar[int] = 1  # a failure while running: systemd restarts the service


class ConfigError(EdgeDetectorError, ValueError):
    """An option, a configuration file or a label file says something impossible."""

    exit_code = 78  # EX_CONFIG of sysexits.h: a restart would not mend it


class UsageError(ConfigError):
    """A flag or argument of the command line says something impossible."""

    exit_code = 2  # what shells and argparse use


class ModelError(EdgeDetectorError, ValueError):
    """A model file cannot be read, is not a detector, or does not fit its manifest or labels."""

    exit_code = 78


class SourceError(EdgeDetectorError, OSError):
    """A camera, stream or file cannot be opened, or broke off."""


class SourceTimeout(SourceError, TimeoutError):
    """A camera or stream stayed silent past its deadline."""


class PictureError(EdgeDetectorError, ValueError):
    """What was given as a picture is not one: an array of another shape or type, or no array at all."""


class SinkError(EdgeDetectorError, OSError):
    """An output cannot be opened or written."""


class ReaderGone(SinkError, BrokenPipeError):
    """The program that reads standard output has ended: ``| head`` has seen enough, and needs no message."""


class DownloadError(EdgeDetectorError, OSError):
    """A file cannot be downloaded, or is not the one that was published."""


class ShutdownTimeout(EdgeDetectorError, RuntimeError):
    """A thread did not end by its deadline; the message names it."""
