"""A package that is written by a test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WriteModule = Callable[[str], str]


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Writes the one file of a part and gives the name to import it by: ``write_module(code)``."""
    folder = tmp_path / "toy_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(code: str) -> str:
        (folder / "toy.py").write_text(code)
        importlib.invalidate_caches()
        return "toy_package.toy"

    yield write
    for name in ("toy_package", "toy_package.toy"):
        sys.modules.pop(name, None)
