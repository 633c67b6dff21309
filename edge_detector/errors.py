"""Every error that a user can see, in one tree; each is also the built-in exception that it resembles.

A message says what is wrong, where, what was expected and what to do. The command line prints it without a
traceback and exits with ``exit_code``.
"""

from typing import ClassVar


class EdgeDetectorError(Exception):
    """The root: ``except EdgeDetectorError`` catches every error in this module."""

    exit_code: ClassVar[int] = 1  # a failure while running: systemd restarts the service


class ConfigError(EdgeDetectorError, ValueError):
    """An option, a configuration file or a label file has a value that cannot be used."""

    exit_code = 78  # EX_CONFIG of sysexits.h: a restart would not help


class UsageError(ConfigError):
    """A flag or argument of the command line is unknown or cannot be used."""

    exit_code = 2  # what shells and argparse use


class ModelError(EdgeDetectorError, ValueError):
    """A model file cannot be read, is not a detector, or does not fit its manifest or labels."""

    exit_code = 78


class SourceError(EdgeDetectorError, OSError):
    """A camera, stream or file cannot be opened, or stopped too early."""


class SourceTimeout(SourceError, TimeoutError):
    """A camera or stream sent no picture in time."""


class PictureError(EdgeDetectorError, ValueError):
    """What was given as a picture is not one: an array of another shape or type, or no array at all."""


class SinkError(EdgeDetectorError, OSError):
    """An output cannot be opened or written."""


class ReaderGone(SinkError, BrokenPipeError):
    """The program that reads standard output has ended, such as ``| head``; this is not reported to the user."""


class DownloadError(EdgeDetectorError, OSError):
    """A file cannot be downloaded, or is not the one that was published."""


class ShutdownTimeout(EdgeDetectorError, RuntimeError):
    """A thread did not end by its deadline; the message names it."""
