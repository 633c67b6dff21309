"""The house rules that a machine can check: imports point downhill, and the package is light to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_detector import registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edge_detector"

# Each floor may import itself and the floors below it; rooms on one floor are blind to each other.
FLOORS = (
    ("types", "errors"),
    ("registry", "options", "toml", "config", "overlay", "prefetch", "system", "histogram", "meter", "context", "logs"),
    ("governor", "catalogue", "download"),
    ("sources", "detect", "sinks"),
    ("reload",),
    ("pipeline",),
    ("commands", "cli", "__main__"),
)
BLIND_TO_EACH_OTHER = {"sources", "detect", "sinks"}
DEVICE_SIDE = sorted(path for path in PACKAGE.rglob("*.py") if "workstation" not in path.parts)


def room(path: Path) -> str:
    """The first part of a module's name below the package: ``sinks`` for edge_detector/sinks/jsonl.py."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms of this package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "edge_detector":
            names = [f"edge_detector.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("edge_detector."))


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("path", DEVICE_SIDE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downhill(path) -> None:
    here = room(path)
    if here == "__init__":
        return
    rooms = set(imported_rooms(path)) - {"__version__"}
    assert "workstation" not in rooms
    assert [name for name in rooms if floor(name) > floor(here)] == []
    if here in BLIND_TO_EACH_OTHER:
        assert rooms & (BLIND_TO_EACH_OTHER - {here}) == set()


def test_every_name_in_the_tables_exists() -> None:
    tables = {**registry.SOURCES, **registry.RUNTIMES, **registry.HEADS, **registry.SINKS}
    missing = [name for name, target in tables.items() if not _defines(target)]
    assert missing == []


def _defines(target: str) -> bool:
    """Whether the file says ``class attribute`` or ``def attribute``, without importing it."""
    module, _, attribute = target.partition(":")
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute for node in body)


@pytest.mark.parametrize("module", ["edge_detector", "edge_detector.types", "edge_detector.cli"])
def test_importing_is_light(module) -> None:
    heavy = "{'cv2', 'tensorflow', 'picamera2', 'pygame', 'av', 'ai_edge_litert'}"
    code = f"import {module}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


# Whoever else has a thread owns a loop that cannot be an iterator.
THREADS = {
    "prefetch.py",
    "sinks/background.py",
    "sinks/web/server.py",  # the event loop of the web server
    "sinks/window.py",  # SDL wants all its calls from one thread, and keys must work while no frame comes
}


def test_threads_live_in_few_files() -> None:
    starters = {
        str(path.relative_to(PACKAGE))
        for path in DEVICE_SIDE
        if "threading.Thread(" in path.read_text(encoding="utf-8")
    }
    assert starters - THREADS == set()
