"""What a measurement says of the machine."""

from __future__ import annotations

import json

from edge_detector.system import conditions as module
from edge_detector.system.conditions import conditions, in_words


def test_a_pi_says_its_name_without_the_zero_at_its_end(tmp_path, monkeypatch) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    monkeypatch.setattr(module, "BOARD", tmp_path / "model")
    assert conditions()["board"] == "Raspberry Pi 5 Model B Rev 1.0"


def test_what_nobody_knows_is_unknown_and_a_package_that_is_not_there_is_left_out(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "CPU_FREQ", tmp_path)
    found = conditions(("numpy", "no-such-package"))
    assert found["governor"] is None
    assert "governor unknown" in in_words(found)
    assert list(found["versions"]) == ["numpy"]
    assert json.loads(json.dumps(found)) == found
