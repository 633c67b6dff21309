"""Comparisons that take seconds."""

from __future__ import annotations

import pytest

from edge_detector.workstation import fingerprint
from edge_detector.workstation.comparison import timing
from edge_detector.workstation.quantization import compatibility


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of timing, and no child process for each runtime."""
    monkeypatch.setattr(timing, "ROUNDS", 2)
    monkeypatch.setattr(compatibility, "runs_in", lambda module, path, *, python: "ok")
    fingerprint.photographs_digest.cache_clear()
