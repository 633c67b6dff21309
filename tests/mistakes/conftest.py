"""Fixtures for marked pictures: a disk that is full when told to be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sinks.conftest import SmallDisk


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """Has room again after the test."""
    disk = SmallDisk()
    yield disk
    disk.clear()
