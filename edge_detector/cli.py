"""The command ``edge-detector``: runs the detector, or one of the sub-commands."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_type_hints

from edge_detector import config, logs
from edge_detector.config import Config
from edge_detector.errors import EdgeDetectorError, UsageError
from edge_detector.masking import masked_value
from edge_detector.options import Parameter, Spec, parameters
from edge_detector.registry import SOURCES, is_known, unknown
from edge_detector.system import allocator, stdio
from edge_detector.system.termination import lose_no_signal, terminate_on
from edge_detector.version import __version__

if TYPE_CHECKING:
    from edge_detector.running.reload import Reload

log = logging.getLogger(__name__)

# Each module has add_arguments(parser) and main(arguments) -> exit code.
COMMANDS = {
    "sinks": ("edge_detector.commands.sinks", "list where results can go, with every option"),
    "sources": ("edge_detector.commands.sources", "list where pictures can come from, with every option"),
    "events": ("edge_detector.commands.events", "list or count the visits that the sink events has kept"),
    "mistakes": ("edge_detector.commands.mistakes", "list, export or delete the pictures that were marked on the page"),
    "doctor": ("edge_detector.commands.doctor", "check this machine for what could stop the detector"),
    "bench": ("edge_detector.commands.bench", "measure how fast models are on this machine, and choose the threads"),
    "convert": ("edge_detector.workstation.convert", "make an int8 model of a float one"),
    "specialize": ("edge_detector.workstation.specialize", "make a smaller model that knows some classes only"),
    "evaluate": ("edge_detector.workstation.evaluate", "measure accuracy, latency and size of models"),
    "compare": ("edge_detector.workstation.compare", "make and measure every kind of small model, and advise"),
    "dataset": ("edge_detector.workstation.dataset", "check, convert and split labelled photographs"),
    "train": ("edge_detector.workstation.train", "fine-tune a float model on labelled photographs"),
    "improve": ("edge_detector.workstation.improve", "train a model on the mistakes that were marked on the page"),
    "distill": ("edge_detector.workstation.distill", "let other models label photographs for training"),
    "inspect": ("edge_detector.commands.inspect", "describe a model file"),
    "models": ("edge_detector.commands.models", "list the models that are here, and download published ones"),
}

EXAMPLES = """\
Detect objects in a camera's pictures, a video or photographs. To begin:

  edge-detector                                            show what the first camera sees
  edge-detector film.mp4 --sink video:out.mp4              draw the objects of a film into a new one
  edge-detector photographs/ --sink print                  say what is on each photograph of a folder

`edge-detector sinks` and `edge-detector sources` list where results can go and pictures can come from."""

INTERRUPTED = 130  # 128 + SIGINT, as in shells
READER_GONE = 141  # 128 + SIGPIPE
ALWAYS = ("telemetry", "watchdog")  # sinks of every run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 bad usage, 78 bad configuration, 130 Ctrl-C.

    141 if the program that reads its output has ended; that is not an error, and there is no message.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    lose_no_signal()
    allocator.collect_rarely()
    stdio.open_closed_streams()
    logs.configure(verbose="--verbose" in words)
    exit_code = _run(words)
    unwritten = stdio.flush(sys.stdout)
    if unwritten and not exit_code:
        exit_code = _say_unwritten(unwritten)
    stdio.flush(sys.stderr)
    return exit_code


def _run(words: list[str]) -> int:
    try:
        return _dispatch(words)
    except SystemExit as end:  # --help, --version, SIGTERM
        return int(end.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return READER_GONE
    except EdgeDetectorError as error:
        return _report(str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last resort: one sentence for the user; --verbose shows the rest
        return _report(f"{type(error).__name__}: {error} (--verbose shows where)", 1)


def _say_unwritten(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):
        return READER_GONE
    return _report(f"standard output: cannot be written: {error.strerror}", 1)


def _dispatch(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        return _run_command(words[0], words[1:])
    return _run_detector(words)


def is_source(word: str) -> bool:
    """Whether ``word`` without ``--source`` before it is meant as one: what is there as a file, a URL, or a camera."""
    name = word.partition(":")[0].partition("?")[0]
    return Path(word).exists() or "://" in word or word.isdecimal() or is_known(SOURCES, name)


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, without the list of all options, which ``--help`` shows."""

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Raises `UsageError`; for an unknown option or command it names the nearest one."""
        known, rest = self.parse_known_args(words)
        if rest:
            raise self.unexpected(rest[0], first=words[0])
        return known

    def parse_with_source(self, words: list[str]) -> argparse.Namespace:
        """As `parse`; one word that is no option may be the source, as if ``--source`` stood before it."""
        known, rest = self.parse_known_args(words)
        if not rest:
            return known
        source, *more = rest
        if source.startswith("-"):
            raise self.unexpected(source, first=words[0])
        if not is_source(source):
            raise UsageError(f"{self.unexpected(source, first=words[0])}; and no file here has that name")
        if more:
            raise self.unexpected(more[0], first=words[0])
        if "source" in known:
            both = masked_value(f"{source} and --source {known.source[0]}")
            raise UsageError(f"two sources: {both}; expected one, or --source before each")
        known.source = [source]
        return known

    def unexpected(self, word: str, *, first: str) -> UsageError:
        """The error for a word that cannot be used."""
        return UsageError(self._unexpected(word.partition("=")[0], first=first))

    def _unexpected(self, word: str, *, first: str) -> str:
        if moved := config.moved_flag(word):
            return moved
        if word.startswith("-"):
            return unknown("option", word, self._option_string_actions)
        return unknown("command", word, COMMANDS) if word == first else f"unexpected argument {word!r}"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _run_command(name: str, words: list[str]) -> int:
    return int(import_module(COMMANDS[name][0]).main(command_parser(name).parse(words)))


def command_parser(name: str) -> _Parser:
    """The parser of the sub-command ``name``."""
    module, description = COMMANDS[name]
    parser = _Parser(prog=f"edge-detector {name}", description=description)
    parser.add_argument("--verbose", action="store_true", help="show tracebacks and debug messages")
    import_module(module).add_arguments(parser)
    return parser


def _run_detector(words: list[str]) -> int:
    flags = vars(detector_parser().parse_with_source(words))
    path = flags.pop("config", None)
    load = partial(config.load, path, {k: v for k, v in flags.items() if k in _names()})
    with allocator.one_blas_thread():
        resolved = load()
        if flags.get("print_config"):
            # A terminal is for people to look at; a file or another program reads the configuration back.
            print(config.dump(resolved, mask=sys.stdout.isatty()), end="")  # noqa: T201 - what was asked for
            return 0
        from edge_detector.pipeline import run  # late: --help and --print-config need no numpy and OpenCV
    from edge_detector.running.context import ConfigFile
    from edge_detector.running.reload import Reload
    from edge_detector.sources import source_spec

    allocator.give_memory_back()
    reload = Reload(resolved, load)
    _handle_signals(reload)
    photographs = any(source_spec(source).name == "images" for source in resolved.all_sources)
    config_file = ConfigFile(path, frozenset(flags)) if path else None
    resolved = replace(resolved, sinks=with_defaults(resolved.sinks, photographs=photographs))
    run(resolved, reload, config_file=config_file)
    return 0


def _handle_signals(reload: Reload) -> None:
    """SIGTERM ends the run. So does SIGHUP where there is a terminal: it was closed. Elsewhere SIGHUP reloads."""
    terminate_on(signal.SIGTERM)
    if not stdio.at_terminal():
        signal.signal(signal.SIGHUP, reload.request)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has set that
        terminate_on(signal.SIGHUP)


def with_defaults(sinks: tuple[str, ...], *, photographs: bool = False) -> tuple[str, ...]:
    """The sinks of a run: those asked for, else the best display, and those that every run has.

    ``photographs``: with what they show in words, because a display goes away after the last of them.
    """
    sinks = sinks or (*best_display(), *(("print",) if photographs else ()))
    asked = {Spec.parse(text).name for text in sinks}
    return sinks + tuple(name for name in ALWAYS if name not in asked)


def best_display() -> tuple[str, ...]:
    """The window if there is a screen, else the web page, if the packages for it are installed."""
    from edge_detector.sinks.window.display import screen_available

    if screen_available():
        return ("window",)
    if find_spec("aiohttp") and find_spec("prometheus_client"):
        return ("web",)
    log.warning(
        "no window or web page is installed; pip install 'edge-detector[window,web]', or use --sink video:FILE.mp4"
    )
    return ("print",)


def detector_parser() -> _Parser:
    """The parser of the detector itself."""
    parser = _Parser(
        prog="edge-detector",
        usage="edge-detector [SOURCE] [OPTION ...]\n       edge-detector COMMAND ...",
        description=EXAMPLES,
        epilog=_commands_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # only flags that were given override the configuration file
    )
    hints = get_type_hints(Config)
    described = {parameter.name: parameter for parameter in parameters(Config)}
    for item in (each for each in fields(Config) if each.name in described):  # tables are for the file alone
        _add_option(parser, item.name, hints[item.name], item.metadata["flags"], option_help(described[item.name]))
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="read options from this file; flags win")
    parser.add_argument("--print-config", action="store_true", help="print the resolved configuration and exit")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks and debug messages")
    parser.add_argument("--version", action="version", version=f"edge-detector {__version__}")
    return parser


def _commands_help() -> str:
    width = max(map(len, COMMANDS))
    rows = (f"  {name:<{width}}  {description}" for name, (_, description) in COMMANDS.items())
    return "\n".join(["commands, each with its own --help:", *rows])


def option_help(parameter: Parameter) -> str:
    """What an option means, and its default unless the description says it."""
    if "default:" in parameter.help:
        return parameter.help
    return f"{parameter.help} (default: {parameter.default})"


def _add_option(parser: argparse.ArgumentParser, name: str, kind: Any, short: tuple[str, ...], text: str) -> None:
    flags = [*short, "--" + name.replace("_", "-")]
    text = text.replace("%", "%%")  # argparse formats it with %
    if "--sink" in flags:
        parser.add_argument("--sink", dest=name, action="append", metavar="SINK", help=text)
    elif flags == ["--source"]:
        parser.add_argument("--source", action="append", metavar="SOURCE", help=text)
    elif kind is bool:
        parser.add_argument(*flags, action=argparse.BooleanOptionalAction, help=text)
    else:
        parser.add_argument(*flags, metavar=name.rpartition("_")[2].upper(), help=text)


def _names() -> set[str]:
    return {item.name for item in fields(Config)}


def _report(message: str, exit_code: int) -> int:
    log.debug("where it happened:", exc_info=True)
    logs.say(f"edge-detector: error: {message}", logging.ERROR)
    return exit_code
