"""The configuration: one dataclass, read from flags and files, written as a file."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector import cli
from edge_detector.config import Config, dump, load
from edge_detector.errors import ConfigError, UsageError
from edge_detector.options import convert
from edge_detector.registry import SINKS
from edge_detector.toml import read_toml, to_toml

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NAMES = WORDS.filter(lambda name: "," not in name and "=" not in name and name.strip() == name)
FRACTIONS = st.floats(0, 1)


def is_path(name: str) -> bool:
    """False for what `load` refuses: a zero byte, or a path such as ~0, whose user has no home."""
    try:
        convert(Path, name, where="here")
    except ConfigError:
        return False
    return True


def test_every_option_has_a_type_that_can_be_read_and_a_help() -> None:
    hints = get_type_hints(Config)
    for item in fields(Config):
        assert item.metadata["help"]
        convert(hints[item.name], getattr(Config(), item.name), where=item.name)


def test_the_defaults_are_written_and_read_back(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(dump(Config()))
    assert load(path, {}) == Config()


def test_an_option_that_is_not_set_is_written_as_a_comment() -> None:
    assert "\n# model =\n" in dump(Config())
    assert 'model = "m.tflite"' in dump(Config(model=Path("m.tflite")))


@given(
    config=st.builds(
        Config,
        model=st.none() | NAMES.filter(is_path).map(Path),
        confidence=st.none() | FRACTIONS,
        class_confidence=st.dictionaries(NAMES, FRACTIONS, max_size=3),
        classes=st.lists(NAMES, max_size=3).map(tuple),
        max_detections=st.integers(1, 1000),
        source=WORDS,
        size=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
        fps=st.floats(0.1, 1000),
        timeout=st.floats(0.001, 1e6),
        loop=st.booleans(),
        sinks=st.lists(st.sampled_from(sorted(SINKS)).map(lambda name: f'{name}:"a\\b"?x=1'), max_size=2).map(tuple),
    )
)
def test_whatever_is_configured_is_written_and_read_back(tmp_path_factory, config) -> None:
    path = tmp_path_factory.mktemp("config") / "c.toml"
    path.write_text(dump(config), encoding="utf-8")
    assert load(path, {}) == expand(config)


def expand(config: Config) -> Config:
    """The configuration with ~ replaced by the home folder."""
    return config if config.model is None else replace(config, model=config.model.expanduser())


def test_flags_win_over_the_file(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('confidence = 0.2\nclasses = ["dog"]\n')
    assert load(path, {"confidence": "0.7"}) == Config(confidence=0.7, classes=("dog",))


def test_a_table_reads_like_the_flag(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[class_confidence]\nperson = 0.6\n'traffic light' = 0.4\n")
    assert load(path, {}) == load(None, {"class_confidence": "person=0.6,traffic light=0.4"})


def test_a_mistake_in_the_file_is_the_files_and_one_in_a_flag_the_flags(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("iou = 2\n")
    with pytest.raises(ConfigError, match=rf"^{path}: iou is 2") as caught:
        load(path, {"iou": "0.5"})
    assert caught.value.exit_code == 78
    path.write_text("iou = 0.5\n")
    with pytest.raises(UsageError, match=r"^iou is 2") as caught:
        load(path, {"iou": "2"})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "new"),
    [
        ('web_token_file = "/etc/a token"\nsinks = ["window", "web:0.0.0.0:8080"]\n',
         '"web:0.0.0.0:8080?token_file=/etc/a%20token"'),
        ('sinks = ["web:0.0.0.0:80?fps=5"]\nweb_token_file = "t"\n', '"web:0.0.0.0:80?fps=5&token_file=t"'),
        ('web_token_file = "t"\n', '"web?token_file=t"'),
        ('telemetry_csv = "t.csv"\n', '"telemetry?csv=t.csv"'),
        ("telemetry_interval = 2.5\n", '"telemetry?interval=2.5"'),
    ],
)  # fmt: skip
def test_a_line_that_belongs_to_a_sink_now_is_said_with_what_to_write(tmp_path, content, new) -> None:
    path = tmp_path / "c.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=rf"^{path}: \w+ = .*: belongs to a sink now; .* in sinks write ") as caught:
        load(path, {})
    assert str(caught.value).endswith(f" in sinks write {new}")


@pytest.mark.parametrize(
    ("flag", "new"),
    [
        ("--web-token-file", "web:0.0.0.0:8080?token_file=FILE"),
        ("--telemetry-csv", "telemetry?csv=FILE"),
        ("--telemetry-interval", "telemetry?interval=10s"),
    ],
)
@pytest.mark.parametrize("glue", [" ", "="])
def test_a_flag_that_belongs_to_a_sink_now_is_said_with_what_to_write(flag, new, glue, capsys) -> None:
    assert cli.main(f"--source 0 {flag}{glue}x".split()) == 2
    assert capsys.readouterr().err == f"edge-detector: error: {flag} belongs to a sink now; write --sink '{new}'\n"


def test_the_thresholds_are_the_part_that_may_change() -> None:
    thresholds = Config(confidence=0.3, classes=("dog",), class_confidence={"dog": 0.2}, iou=0.4).thresholds()
    assert (thresholds.confidence, thresholds.classes, thresholds.class_confidence) == (0.3, ("dog",), {"dog": 0.2})
    assert (thresholds.iou, thresholds.max_detections) == (0.4, 100)


# TOML.


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        WORDS | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(WORDS | st.integers(0, 9), max_size=3)
        | st.floats(allow_nan=False, allow_infinity=False) | st.dictionaries(WORDS, st.integers(0, 9), max_size=2),
        max_size=4,
    )
)  # fmt: skip
def test_toml_is_read_back_as_it_was_written(values) -> None:
    assert tomllib.loads(to_toml(values)) == values


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a = ", "not valid TOML"), (b"\xff\xfe", "not valid TOML"), (None, "cannot read it: No such file or directory")],
)
def test_a_file_that_is_no_toml_is_said(tmp_path, content, message) -> None:
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{path}: {message}"):
        read_toml(path)


def test_a_folder_is_no_toml(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot read it: Is a directory"):
        read_toml(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mean": 127.5}, "mean and std belong together"),
        ({"std": 127.5}, "mean and std belong together"),
        ({"mean": 0.0, "std": 0.0}, "std is 0"),
    ],
)
def test_the_input_of_a_bare_model_is_said_whole(values, message) -> None:
    with pytest.raises(ConfigError, match=message):
        Config(**values)
    assert load(None, {"mean": "0", "std": "255"}).std == 255.0


# Secrets.


def test_a_configuration_for_people_hides_secrets_and_one_for_a_file_keeps_them(tmp_path) -> None:
    config = Config(source="rtsp://ada:my sword@porch/live", sinks=("web?token_file=t", "print"))
    assert 'source = "rtsp://ada:***@porch/live"\n' in dump(config, mask=True)
    assert dump(config, mask=True).count("source_credentials keeps one in a file") == 1
    path = tmp_path / "c.toml"
    path.write_text(dump(config))
    assert load(path, {}) == config


def test_the_models_own_confidence_counts_unless_the_user_says_one() -> None:
    assert [Config(confidence=said).thresholds(0.3).confidence for said in (None, 0.7, 0.0)] == [0.3, 0.7, 0.0]
    assert Config().thresholds().confidence == 0.5
