"""The command edge-detector dataset: check, convert and split labelled photographs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_detector.errors import ConfigError
from edge_detector.workstation import extras
from edge_detector.workstation.data.format_table import FORMATS

if TYPE_CHECKING:  # it imports what only the extra [workstation] has
    from edge_detector.workstation.data.labelled import Dataset

NOTHING = "nothing"  # every photograph is a group of its own
GROUPING_NAMES = ("look", "burst", "time", "folder", "name", NOTHING)
DEFAULT_GROUPINGS = ("look", "burst", "time")
DEFAULT_IMAGE_SIZE = 320


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help=", ".join(ACTIONS))
    _add_check(actions.add_parser("check", help="say what is wrong with a set, and show it"))
    _add_convert(actions.add_parser("convert", help="write a set in another format, with its photographs"))
    _add_split(actions.add_parser("split", help="write a set in parts, to train on and to measure on"))


def _add_check(check: argparse.ArgumentParser) -> None:
    _add_data(check, nargs="+")
    check.add_argument("--image-size", type=int, default=DEFAULT_IMAGE_SIZE, help="the side of the model's input (320)")
    check.add_argument("--json", type=Path, metavar="FILE.json", help="also write all that was found, for programs")
    check.add_argument("--page", type=Path, metavar="FILE.html", help="also write a page of pictures with their boxes")
    check.add_argument("--pictures", type=int, default=120, help="on the page, at most (120)")


def _add_convert(convert: argparse.ArgumentParser) -> None:
    _add_data(convert, nargs=None)
    convert.add_argument("--format", dest="target", choices=FORMATS, required=True, help="the format to write")
    convert.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a new folder")


def _add_split(split: argparse.ArgumentParser) -> None:
    _add_data(split, nargs=None)
    split.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a new folder")
    split.add_argument(
        "--fractions",
        type=float,
        nargs="+",
        default=[0.8, 0.2],
        metavar="SHARE",
        help="of training, validation and, if there is a third, test (0.8 0.2)",
    )
    split.add_argument("--format", dest="target", choices=FORMATS, help="the format to write; default: that of DATA")
    split.add_argument(
        "--group-by",
        nargs="+",
        choices=GROUPING_NAMES,
        default=[*DEFAULT_GROUPINGS],
        help="what keeps photographs together: they look the same; follow each other by the number in their names and "
        "look alike; were taken within 10 s; are in one folder; have names that differ in a number (look burst time)",
    )
    split.add_argument("--seed", type=int, default=0, help="the same number gives the same parts (0)")


def main(args: argparse.Namespace) -> int:
    """Do the action."""
    extras.require("dataset", "PIL", "yaml", "tqdm", "jinja2", extra=extras.WORKSTATION)
    return ACTIONS[args.action](args)


def _add_data(parser: argparse.ArgumentParser, *, nargs: str | None) -> None:
    parser.add_argument(
        "data",
        type=Path,
        nargs=nargs,
        metavar="DATA",
        help="a folder, or a file: annotations.json, data.yaml, train.record",
    )
    parser.add_argument(
        "--from",
        dest="format",
        choices=FORMATS,
        help="the format of DATA; default: found by looking",
    )
    # The command has it too; without a default of its own, this one leaves that alone.
    parser.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _check(args: argparse.Namespace) -> int:
    from edge_detector.workstation.checking.checking import check  # only now: they need the extra
    from edge_detector.workstation.checking.page import page
    from edge_detector.workstation.checking.reports import json_report, text_report
    from edge_detector.workstation.data.reading import scan_dataset
    from edge_detector.workstation.graph.model_files import writing

    _check_at_least(1, "--image-size", args.image_size)
    _check_at_least(0, "--pictures", args.pictures)
    found = check([scan_dataset(path, format_name=args.format) for path in args.data], image_size=args.image_size)
    sys.stdout.write(text_report(found))
    writers = ((args.json, json_report), (args.page, lambda found: page(found, pictures=args.pictures)))
    for path, written in writers:
        if path is not None:
            with writing(path):
                path.write_text(written(found), encoding="utf-8")
            sys.stdout.write(f"report: {path}\n")
    return int(found.failed)


def _check_at_least(least: int, option: str, value: int) -> None:
    if value < least:
        raise ConfigError(f"{option} is {value}; expected {least} or more")


def _convert(args: argparse.Namespace) -> int:
    from edge_detector.workstation.data.reading import read_dataset  # only now, as above

    _write(read_dataset(args.data, format_name=args.format), args.output, args.target)
    return 0


def _split(args: argparse.Namespace) -> int:
    from edge_detector.workstation.data.reading import read_dataset  # only now, as above
    from edge_detector.workstation.data.splitting import check_fractions, split_by_groups
    from edge_detector.workstation.data.splitting_report import split_report

    check_fractions(args.fractions)
    _check_at_least(0, "--seed", args.seed)
    dataset = read_dataset(args.data, format_name=args.format)
    group_by = [name for name in args.group_by if name != NOTHING]
    parts = split_by_groups(dataset, args.fractions, seed=args.seed, group_by=group_by)
    _write(parts.dataset, args.output, args.target or dataset.format)
    sys.stdout.write(split_report(parts))
    return 0


def _write(dataset: Dataset, folder: Path, format_name: str) -> None:
    from edge_detector.workstation.data.writing import write_dataset  # only now, as above

    done = write_dataset(dataset, folder, format_name)
    changes = ((done.turned, "photographs turned upright"), (done.cut, "boxes cut at an edge"))
    said = [
        f"{what}: {number}" for number, what in (*changes, (done.left_out, "boxes without area left out")) if number
    ]
    sys.stdout.write(f"{folder}: {format_name}, {'; '.join([f'{done.photographs} photographs', *said])}\n")


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"check": _check, "convert": _convert, "split": _split}
