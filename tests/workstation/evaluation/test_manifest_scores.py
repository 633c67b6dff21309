from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.workstation.evaluation.manifest_scores import store_scores, with_scores

HEAD = 'name = "m"  # mine\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "\n[scores]\nconfidence = 0.3\n"),
        ("[scores]\nconfidence = 0.5  # by eye\n", "[scores]\nconfidence = 0.3  # by eye\n"),
        (
            "[scores]  # fitted\ntemperature = 0.5\n\n[metrics]\nconfidence = 1\n",
            "[scores]  # fitted\nconfidence = 0.3\ntemperature = 0.5\n\n[metrics]\nconfidence = 1\n",
        ),
        (
            "[metrics] # m\nconfidence=1\n[scores]\n# low\nconfidence=0.5",
            "[metrics] # m\nconfidence=1\n[scores]\n# low\nconfidence = 0.3",
        ),
    ],
)
def test_only_the_lines_of_the_table_change(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes((HEAD + before).encode())
    store_scores(path, {"confidence": 0.3})
    assert path.read_bytes().decode() == HEAD + after


def test_both_values_stand_in_one_new_table() -> None:
    changed = with_scores(HEAD, {"confidence": 0.3, "temperature": 0.5})
    assert changed == HEAD + "\n[scores]\ntemperature = 0.5\nconfidence = 0.3\n"


def test_a_table_written_in_another_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text("scores = {confidence = 0.5}\n")
    with pytest.raises(ConfigError, match=r"m\.toml: cannot find the lines of \[scores\]"):
        store_scores(path, {"confidence": 0.3})
    assert path.read_text() == "scores = {confidence = 0.5}\n"
