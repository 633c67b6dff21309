from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.workstation.quantization.techniques import DEFAULT, EXPECTED, TECHNIQUES, Data, Technique

PAGE = Path(__file__).parents[3] / "docs" / "convert.md"
HEADER = "| `--quantize` | what happens | needs | bits of weights | bits of activations | `--input-type` |"


def row(name: str, technique: Technique) -> str:
    needs = " and ".join(f"`--{data}`" for data in technique.needs) or "nothing"
    kinds = ", ".join(f"`{kind}`" for kind in technique.input_types)
    bits = f"{technique.weight_bits} | {technique.activation_bits}"
    return f"| `{name}` | {technique.description} | {needs} | {bits} | {kinds} |"


def test_the_page_on_conversion_shows_the_whole_table() -> None:
    _, _, after = PAGE.read_text(encoding="utf-8").partition(HEADER)
    _, *rows = after.partition("\n\n")[0].strip().splitlines()
    assert rows == [row(name, technique) for name, technique in TECHNIQUES.items()]


def test_the_default_is_in_the_table_and_every_kind_of_data_is_described() -> None:
    assert DEFAULT in TECHNIQUES
    assert EXPECTED.keys() == set(Data)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_has_an_input_type_and_real_bit_widths(name: str) -> None:
    technique = TECHNIQUES[name]
    assert len(technique.input_types) > 0
    assert 1 <= technique.weight_bits <= technique.activation_bits <= 32
