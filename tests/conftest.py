"""Fixtures for every test: no thread survives a test, and the test material beside the project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

# A busy machine stops a test for seconds at a time: how long an example or its making took says nothing about our code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    survivors = [thread.name for thread in threading.enumerate() if thread not in before]
    assert survivors == []


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What must outlive a run stays with its test."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / f"state-{uuid4().hex}"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of models, clips and photographs beside the project."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the test material in {SHARED}")
    return SHARED
