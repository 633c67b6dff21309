"""``edge-detector mistakes``: the pictures that people have marked on the page; ``export`` makes a data set of them."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from edge_detector import config
from edge_detector.config import INSTALLED_CONFIG, where_service_has
from edge_detector.errors import ConfigError
from edge_detector.mistakes.export import export
from edge_detector.mistakes.place import folder_of
from edge_detector.mistakes.record import RELABELLED, Mark, Marked, as_json
from edge_detector.mistakes.store import Store
from edge_detector.text_table import aligned

COLUMNS = ("picture", "time", "state", "what is said")
NONE = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("action", nargs="?", choices=("list", "export", "delete"), default="list", help="default: list")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="of export: a new folder, or a new file NAME.zip; of delete: pictures"
    )
    parser.add_argument("--folder", type=Path, help="of the marked pictures; default: as --config says")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help=f"settings with a web sink that keeps mistakes, such as {INSTALLED_CONFIG}",
    )
    parser.add_argument("--all", action="store_true", help="of delete: every picture, those that wait for review too")
    parser.add_argument("--json", action="store_true", help="of list: one JSON object a line, with all that is known")


def main(arguments: argparse.Namespace) -> int:
    """List, export or delete pictures.

    Raises `ConfigError` for a folder or picture that is not there, `SinkError` for what cannot be read or written.
    """
    store = Store(find_folder(arguments.folder, arguments.config))
    _check_names(arguments)
    if arguments.action == "export":
        (name,) = arguments.names
        count = export(store, Path(name))
        print(f"{name}: {count} {'picture' if count == 1 else 'pictures'}")  # noqa: T201 - the answer
    elif arguments.action == "delete":
        _delete(store, arguments.names, everything=arguments.all)
    else:
        _list(store, as_lines=arguments.json)
    return 0


def find_folder(folder: Path | None, config_file: Path | None) -> Path:
    """The folder that the flags name.

    Raises `ConfigError` if they name none, or one that is not there.
    """
    found = folder or where_service_has(_configured(config_file))
    if not found.is_dir():
        raise ConfigError(f"{found}: there is no such folder; --sink 'web:?mistakes={found}' makes it")
    return found


def _configured(config_file: Path | None) -> Path:
    if config_file is None:
        raise ConfigError(
            "mistakes: which folder? Give --folder FOLDER, or --config with the settings of the detector, which for "
            f"the service are {INSTALLED_CONFIG}"
        )
    folder = folder_of(config.load(config_file, {}).sinks)
    if folder is None:
        raise ConfigError(f'{config_file}: no web sink keeps mistakes; write sinks = ["web:?mistakes=mistakes"]')
    return folder


def _check_names(arguments: argparse.Namespace) -> None:
    action, names = arguments.action, arguments.names
    if action == "list" and names:
        raise ConfigError(f"mistakes list: unexpected argument {names[0]!r}")
    if action == "export" and len(names) != 1:
        raise ConfigError("mistakes export: expected one name, of a new folder or of a new file NAME.zip")
    if action == "delete" and bool(names) == arguments.all:
        raise ConfigError("mistakes delete: expected the names of pictures, as list shows them, or --all")


def _delete(store: Store, names: Sequence[str], *, everything: bool) -> None:
    for name in store.ids() if everything else names:
        if not store.remove(name) and not everything:
            raise ConfigError(f"{store.folder}: no picture {name!r}; edge-detector mistakes list shows them")


def _list(store: Store, *, as_lines: bool) -> None:
    pictures = [*store.kept(), *store.offers()]
    if as_lines:
        for picture in pictures:
            print(json.dumps(as_json(picture), ensure_ascii=False, separators=(",", ":")))  # noqa: T201 - the answer
        return
    for line in aligned([COLUMNS, *map(_cells, pictures)]):
        print(line)  # noqa: T201 - the answer
    usage = store.usage()
    print(  # noqa: T201 - the answer
        f"{store.folder}: {usage.kept} marked, {usage.offers} to review, {usage.size_bytes / 1e6:.1f} MB"
    )


def _cells(picture: Marked) -> tuple[str, ...]:
    taken = datetime.fromtimestamp(picture.taken_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    said = Counter(_in_words(mark, picture) for mark in picture.marks)
    words = ", ".join(f"{count} {what}" for what, count in said.items())
    state = "marked" if picture.is_judged else "to review"
    return picture.id, taken, state, words or (NONE if picture.is_judged else picture.reason)


def _in_words(mark: Mark, picture: Marked) -> str:
    """``wrong dog``, ``dog that is a cat``."""
    if mark.verdict == RELABELLED and mark.found is not None:
        return f"{picture.found[mark.found].label} that is a {mark.label}"
    return f"{mark.verdict} {mark.label}"
