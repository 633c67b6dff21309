"""Where a program keeps what must outlive it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.system.state import state_folder


def test_the_state_is_where_the_service_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert state_folder() == tmp_path / "edge-detector"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edge-detector:/var/lib/other")
    assert state_folder() == Path("/var/lib/edge-detector")
