"""A checkpoint is whole, or the one before it is there; and it is of this training, or an error."""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.workstation.training.checkpoints import Checkpoint, CheckpointFile

FIRST = Checkpoint({"epoch": 1}, {"weight0": np.float32([1.0, 2.0])})
SECOND = Checkpoint({"epoch": 2}, {"weight0": np.float32([3.0, 4.0])})


def file_in(folder: Path, **identity: str) -> CheckpointFile:
    return CheckpointFile(folder / "checkpoint.npz", identity or {"--base": "one"})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    assert file.load() is None
    file.save(FIRST)
    file.save(SECOND)
    loaded = file.load()
    assert loaded is not None
    assert loaded.facts == {"epoch": 2}
    np.testing.assert_array_equal(loaded.arrays["weight0"], [3.0, 4.0])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = file_in(tmp_path)
    file.save(FIRST)

    def full(target: Any, **_: Any) -> None:
        target.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with caplog.at_level(logging.WARNING, logger="edge_detector"):
        file.save(SECOND)
    loaded = file.load()
    assert loaded is not None
    assert loaded.facts == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    assert caplog.messages == [
        f"{file.path}: no checkpoint could be written (No space left on device); the one before is kept"
    ]


def test_the_checkpoint_of_another_model_is_an_error(tmp_path: Path) -> None:
    file_in(tmp_path).save(FIRST)
    with pytest.raises(ConfigError, match="the checkpoint of another training: --base differ; say the same as before"):
        file_in(tmp_path, **{"--base": "other"}).load()


def test_a_damaged_checkpoint_is_an_error(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.save(FIRST)
    file.path.write_bytes(file.path.read_bytes()[:100])
    with pytest.raises(ConfigError, match=r"checkpoint\.npz: a damaged checkpoint .*; remove it to begin anew"):
        file.load()
