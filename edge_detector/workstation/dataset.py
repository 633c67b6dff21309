"""The command edge-detector dataset: check, convert and split labelled photographs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from edge_detector.workstation import extras

FORMAT_NAMES = ("coco", "tfrecord", "voc", "yolo")
DEFAULT_IMAGE_SIZE = 320


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help=", ".join(ACTIONS))
    check = actions.add_parser("check", help="say what is wrong with a set, and show it")
    _add_data(check, nargs="+")
    check.add_argument("--image-size", type=int, default=DEFAULT_IMAGE_SIZE, help="the side of the model's input (320)")
    check.add_argument("--json", type=Path, metavar="FILE.json", help="also write all that was found, for programs")
    check.add_argument("--page", type=Path, metavar="FILE.html", help="also write a page of pictures with their boxes")
    check.add_argument("--pictures", type=int, default=120, help="on the page, at most (120)")


def main(args: argparse.Namespace) -> int:
    """Do the action."""
    extras.require("data sets", "PIL", "yaml", "tqdm", "jinja2", extra=extras.WORKSTATION)
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
        choices=FORMAT_NAMES,
        help="the format of DATA; default: found by looking",
    )


def _check(args: argparse.Namespace) -> int:
    from edge_detector.workstation.checking.checking import check  # only now: they need the extra
    from edge_detector.workstation.checking.page import page
    from edge_detector.workstation.checking.reports import json_report, text_report
    from edge_detector.workstation.data.reading import scan_dataset
    from edge_detector.workstation.graph.model_files import writing

    found = check([scan_dataset(path, format_name=args.format) for path in args.data], image_size=args.image_size)
    sys.stdout.write(text_report(found))
    writers = ((args.json, json_report), (args.page, lambda found: page(found, pictures=args.pictures)))
    for path, written in writers:
        if path is not None:
            with writing(path):
                path.write_text(written(found), encoding="utf-8")
            sys.stdout.write(f"report: {path}\n")
    return int(found.failed)


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"check": _check}
