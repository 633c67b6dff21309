"""``edge-detector bench``: how fast the models are on this machine, with how many threads, at what cost."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_detector import config
from edge_detector.commands.bench.measuring import Bench, Round, Variant
from edge_detector.commands.bench.report import Report, busy_cores, report
from edge_detector.commands.bench.tuning import best_threads, check_tunable, tune
from edge_detector.config import Config
from edge_detector.errors import ConfigError, EdgeDetectorError, UsageError
from edge_detector.model_store.find import FOLDERS, default_model, find_model
from edge_detector.system.conditions import conditions
from edge_detector.system.energy import open_energy
from edge_detector.system.thermal import soc_temperature_c

SECONDS = 120.0
LONGEST_S = 86_400.0
ROUND_S = 2.0  # short, so that all variants see the same load and the same heat
MOST_THREADS = 8  # models of a Pi's size do not get faster with more
INTERRUPTED = 130  # 128 + SIGINT, as in shells
CLIP = Path("demo") / "demo.mp4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--model",
        "-m",
        action="append",
        type=Path,
        metavar="NAME",
        help="a model or a .tflite file; may be given several times; default: the one that is installed",
    )
    parser.add_argument(
        "--threads", type=int, nargs="+", metavar="N", help=f"default: 1 to the number of cores, at most {MOST_THREADS}"
    )
    parser.add_argument("--source", help="what to detect in; default: the demo clip that comes with the program")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long to measure")
    parser.add_argument("--runtime", help="the interpreter; default: as the configuration says, else auto")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there, too")
    parser.add_argument(
        "--tune",
        type=Path,
        metavar="CONFIG.toml",
        help="measure that configuration's model, and write the best number of threads into it, with the reason",
    )
    parser.add_argument(
        "--even-if-busy", action="store_true", help="with --tune: write it also if other programs keep the cores busy"
    )


def main(arguments: argparse.Namespace) -> int:
    """Measure and print. Exit code 130 after Ctrl-C, with what was measured until then.

    Raises `UsageError` and `ConfigError` for what cannot be measured or written, and `EdgeDetectorError` for a machine
    that is too busy to tune, before anything is measured; and what models and sources raise.
    """
    plan = planned(arguments)
    found = measured(plan)
    if found is None:
        return INTERRUPTED
    print("\n".join(found.lines()))  # noqa: T201 - the answer
    if plan.json:
        _write_json(found, plan.json)
    if plan.tune and found.complete:
        _tune(found, plan)
    return 0 if found.complete else INTERRUPTED


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    variants: tuple[Variant, ...]
    seconds: float
    sinks: tuple[str, ...]  # of the configuration that is tuned
    json: Path | None
    tune: Path | None


def planned(arguments: argparse.Namespace) -> Plan:
    """What the arguments ask for, checked.

    Raises `UsageError` for arguments that make no sense, `ConfigError` for what is missing or cannot be written, and
    `EdgeDetectorError` for a machine that is too busy to tune.
    """
    if not 0 < arguments.seconds <= LONGEST_S:
        raise UsageError(
            f"--seconds {arguments.seconds:g}: expected more than 0 and at most {LONGEST_S:g}, such as {SECONDS:g}"
        )
    if arguments.tune and arguments.model:
        raise UsageError("--tune measures the model of its configuration; leave out --model, or --tune")
    if arguments.even_if_busy and not arguments.tune:
        raise UsageError("--even-if-busy belongs to --tune CONFIG.toml")
    base = config.load(arguments.tune, {})
    if arguments.tune:
        check_tunable(arguments.tune)
        if not arguments.even_if_busy:
            _check_quiet(arguments.tune)
    if arguments.json:
        _check_writable(arguments.json)
    variants = tuple(_variants(base, arguments))
    return Plan(variants, arguments.seconds, base.sinks, arguments.json, arguments.tune)


def _check_quiet(path: Path) -> None:
    """Raises `EdgeDetectorError` if the figures would say little: the choice stays in the file for years."""
    found = conditions()
    if busy := busy_cores(found):
        raise EdgeDetectorError(
            f"--tune {path}: stays as it is: in the last minute {busy:.1f} of {found['cores']} cores were busy, so the "
            "figures would say little; stop what runs here (the service: sudo systemctl stop edge-detector), wait two "
            "minutes and try again, or add --even-if-busy"
        )


def _variants(base: Config, arguments: argparse.Namespace) -> Iterator[Variant]:
    """Each model with each number of threads; nothing of them is loaded yet."""
    runtime = arguments.runtime or base.runtime
    run = replace(base, runtime=runtime, source=arguments.source or demo_clip(), cameras=(), loop=True, realtime=False)
    run = replace(run, sinks=(), max_temperature=0.0)  # a governor would rest
    threads = _threads(arguments.threads, cores=len(os.sched_getaffinity(0)))
    for model in _models(arguments.model or [base.model], runtime):
        for number in threads:
            yield Variant(model.stem if model else "fake", replace(run, model=model, threads=number))


def _models(asked: Sequence[Path | None], runtime: str) -> list[Path | None]:
    if runtime == "fake":
        return [None]
    found = [find_model(model) if model else default_model() for model in asked]
    missing = [path for path in found if not path.is_file()]
    if missing:
        raise ConfigError(f"{missing[0]}: no such model file; 'edge-detector models' lists those that are here")
    return list(dict.fromkeys(found))


def _threads(asked: Sequence[int] | None, *, cores: int) -> list[int]:
    for number in asked or ():
        if not 1 <= number <= cores:
            raise UsageError(f"--threads {number}: expected 1 to {cores}, the cores that this process may use")
    return sorted(set(asked)) if asked else list(range(1, min(cores, MOST_THREADS) + 1))


def demo_clip() -> str:
    """The film that comes with the program.

    Raises `ConfigError` if it is not installed.
    """
    places = [folder.parent / CLIP for folder in FOLDERS]
    for place in places:
        if place.is_file():
            return str(place)
    raise ConfigError(f"the demo clip is not in {' or '.join(map(str, places))}; name a film with --source FILE.mp4")


def measured(plan: Plan) -> Report | None:
    """The report; of what there was before Ctrl-C, None if that was nothing."""
    before, temperature_c = conditions(), soc_temperature_c()
    bench = Bench(min(ROUND_S, plan.seconds), open_energy())
    rounds: list[tuple[Variant, Round]] = []
    complete = False
    try:
        for each in bench.rounds(plan.variants, plan.seconds):
            rounds.append(each)
            _show_progress(rounds, plan)
        complete = True
    except KeyboardInterrupt:
        if not rounds:
            return None
    finally:
        _end_progress()
    return report(before, rounds, first_temperature_c=temperature_c, energy=bench.energy, complete=complete)


def _show_progress(rounds: Sequence[tuple[Variant, Round]], plan: Plan) -> None:
    """A line that is written over at a terminal; nothing in a log."""
    if sys.stderr.isatty():
        variant, newest = rounds[-1]
        number = 1 + (len(rounds) - 1) // len(plan.variants)
        told = f"round {number}: {variant.model}, {variant.config.threads} threads, {newest.flow.fps:.1f} fps"
        sys.stderr.write(f"\r\x1b[K{told} (Ctrl-C: the report now)")
        sys.stderr.flush()


def _end_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


def _tune(found: Report, plan: Plan) -> None:
    assert plan.tune is not None
    choice = best_threads(found.figures, cores=found.conditions["cores"], sinks=plan.sinks)
    if found.busy_cores:
        choice = replace(choice, reason=f"{choice.reason}; other programs kept {found.busy_cores:.1f} cores busy")
    tune(plan.tune, choice)
    print(f"\n{plan.tune}: threads = {choice.threads}  # {choice.reason}")  # noqa: T201 - the answer


def _check_writable(path: Path) -> None:
    """Raises `ConfigError` if nothing can be written there: before two minutes are lost with measuring."""
    place = path if path.exists() else path.parent
    if path.is_dir() or not os.access(place, os.W_OK):
        raise ConfigError(f"--json {path}: cannot be written; name a file in a folder that is yours")


def _write_json(found: Report, path: Path) -> None:
    try:
        path.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--json {path}: cannot be written: {error.strerror}") from None
