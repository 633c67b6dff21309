"""Typed options out of text."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.errors import ConfigError
from edge_detector.options import (
    CONVERTERS,
    KINDS,
    Bytes,
    Parameter,
    Seconds,
    Spec,
    argument,
    as_text,
    build,
    convert,
    from_spec,
    option,
    parameters,
)


@dataclass(frozen=True)
class Options:
    path: Path = argument("where")
    count: int = 1
    wait: Seconds = Seconds(1.0)
    note: str | None = None


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("web", Spec("web")),
        ("web:0.0.0.0:8080", Spec("web", "0.0.0.0:8080")),
        ("web:[::1]:8080", Spec("web", "[::1]:8080")),
        ("video:out.mp4", Spec("video", "out.mp4")),
        ("video:films?segment=10m&keep=2GB", Spec("video", "films", {"segment": "10m", "keep": "2GB"})),
        ("synthetic?seed=3", Spec("synthetic", "", {"seed": "3"})),
        ("synthetic:?seed=3", Spec("synthetic", "", {"seed": "3"})),
        ("snapshots:x?classes=person,dog", Spec("snapshots", "x", {"classes": "person,dog"})),
        ("mqtt:h?topic=a%2Fb", Spec("mqtt", "h", {"topic": "a/b"})),
        ("mqtt:h?username=", Spec("mqtt", "h", {"username": ""})),
        ("", Spec("")),
    ],
)
def test_a_spec_is_a_name_an_argument_and_options(text, spec) -> None:
    assert Spec.parse(text) == spec


@pytest.mark.parametrize("text", ["video:x?", "video:x?fast"])
def test_a_question_mark_without_options_is_an_error(text) -> None:
    with pytest.raises(ConfigError, match="after '\\?' come options as key=value"):
        Spec.parse(text)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (int, "7", 7),
        (int, 7, 7),
        (float, "0.5", 0.5),
        (float, 1, 1.0),
        (bool, "true", True),
        (bool, False, False),
        (str, "text", "text"),
        (Path, "a/b", Path("a/b")),
        (Path, Path("a/b"), Path("a/b")),
        (Path, "~", Path.home()),
        (Seconds, "90", 90.0),
        (Seconds, "250ms", 0.25),
        (Seconds, "1.5s", 1.5),
        (Seconds, "10m", 600.0),
        (Seconds, "2 h", 7200.0),
        (Seconds, "7d", 604800.0),
        (Seconds, 5, 5.0),
        (Bytes, "500MB", 500_000_000),
        (Bytes, "2GB", 2_000_000_000),
        (Bytes, "1.5KB", 1500),
        (Bytes, 1024, 1024),
        (tuple[str, ...], "person, dog", ("person", "dog")),
        (tuple[str, ...], "traffic light", ("traffic light",)),
        (tuple[str, ...], "", ()),
        (tuple[str, ...], ["person"], ("person",)),
        (tuple[float, ...], "1,2.5", (1.0, 2.5)),
        (tuple[int, int], "1280x720", (1280, 720)),
        (tuple[int, int], [1280, 720], (1280, 720)),
        (dict[str, float], "person=0.6,dog=0.4", {"person": 0.6, "dog": 0.4}),
        (dict[str, float], {"person": 1}, {"person": 1.0}),
        (Path | None, None, None),
        (Path | None, "a", Path("a")),
    ],
)
def test_text_and_toml_become_the_same_values(kind, value, wanted) -> None:
    found = convert(kind, value, where="here")
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, "1.5", "a whole number"),
        (int, True, "a whole number"),
        (int, 1.5, "a whole number"),
        (float, "inf", "a number"),
        (float, float("nan"), "a number"),
        (float, True, "a number"),
        (float, None, "a number"),
        (float, [1], "a number"),
        (bool, "yes", "true or false"),
        (bool, 1, "true or false"),
        (str, 5, "text"),
        (Path, 5, "a path"),
        (Path, "~nobody-has-this-name", "a path"),
        (Seconds, "soon", "a duration"),
        (Seconds, "5 weeks", "a duration"),
        (Seconds, "1.2.3s", "a duration"),
        (Seconds, "-5s", "a duration"),
        (Seconds, -5, "a duration"),
        (Seconds, True, "a duration"),
        (Seconds, "99999999d", "a duration"),
        (Seconds, 1e300, "a duration"),
        (Bytes, "5XB", "a size"),
        (Bytes, "9" * 400, "a size"),
        (Bytes, float("inf"), "a size"),
        (tuple[str, ...], 5, "names"),
        (tuple[float, ...], "1,x", "numbers"),
        (tuple[int, int], "1280", "a size"),
        (tuple[int, int], "1280x0", "a size"),
        (tuple[int, int], [1, 2, 3], "a size"),
        (dict[str, float], "person", "name=number pairs"),
        (dict[str, float], "person=0.5=0.6", "name=number pairs"),
        (dict[str, float], {"person": "high"}, "name=number pairs"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_was_expected(kind, value, expected) -> None:
    with pytest.raises(ConfigError, match=r"^here = .*: expected ") as caught:
        convert(kind, value, where="here")
    assert expected in str(caught.value)


@pytest.mark.parametrize("kind", CONVERTERS, ids=str)
@given(value=st.text() | st.integers() | st.floats() | st.booleans() | st.lists(st.integers(), max_size=3) | st.none())
def test_whatever_is_written_there_is_a_value_or_a_configuration_error(kind, value) -> None:
    with suppress(ConfigError):
        convert(kind, value, where="here")


def test_options_have_their_defaults() -> None:
    assert build(Options, {"path": "x"}, where="sink y") == Options(Path("x"))


def test_an_unknown_option_names_the_nearest_and_all() -> None:
    with pytest.raises(ConfigError) as caught:
        build(Options, {"path": "x", "cuont": "2"}, where="sink y")
    expected = "sink y: unknown option 'cuont'; did you mean 'count'? known: count, note, path, wait"
    assert str(caught.value) == expected


def test_a_missing_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^sink y: path is missing$"):
        build(Options, {}, where="sink y")


# A source's or a sink's.


@dataclass(frozen=True)
class Place:
    place: str = argument("where", default="here")
    count: int = 1


@dataclass(frozen=True)
class Bare:
    count: int = 1


def test_what_stands_behind_the_name_is_an_option_too() -> None:
    options = from_spec(Options, Spec.parse("y:a/b?count=2"), where="sink y")
    assert options == Options(Path("a/b"), count=2)


def test_an_argument_with_a_default_may_be_left_out() -> None:
    assert from_spec(Place, Spec.parse("y?count=2"), where="sink y") == Place("here", 2)
    assert from_spec(Place, Spec.parse("y:there"), where="sink y") == Place("there", 1)


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        (Options, "y", "path is missing; write y:PATH"),
        (Options, "y?path=x", "unknown option 'path'; known: count, note, wait"),
        (Options, "y:x?cuont=2", "unknown option 'cuont'; did you mean 'count'? known: count, note, wait"),
        (Bare, "y:x", "takes no argument; got 'x'"),
        (Place, "y?count=x", "count = 'x': expected a whole number"),
    ],
)
def test_a_wrong_spec_is_an_error_that_says_what_to_write(options, text, message) -> None:
    with pytest.raises(ConfigError) as caught:
        from_spec(options, Spec.parse(text), where="sink y")
    assert str(caught.value) == f"sink y: {message}"


def test_an_option_where_there_are_none_is_said() -> None:
    @dataclass(frozen=True)
    class Nothing:
        pass

    with pytest.raises(ConfigError, match=r"^sink y: unknown option 'a'; there is none to choose$"):
        from_spec(Nothing, Spec.parse("y?a=1"), where="sink y")


@pytest.mark.parametrize("kind", CONVERTERS, ids=str)
def test_help_has_a_word_for_every_type(kind) -> None:
    assert KINDS[kind]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Seconds, 600.0, "10m"),
        (Seconds, 90.0, "90s"),
        (Seconds, 0.25, "0.25s"),
        (Seconds, 0.0, "0s"),
        (Bytes, 64_000_000, "64MB"),
        (Bytes, 1_500, "1500B"),
        (bool, False, "false"),
        (float, 15.0, "15"),
        (tuple[int, int], (1280, 720), "1280x720"),
        (tuple[str, ...], ("dog", "cat"), "dog,cat"),
        (dict[str, float], {"dog": 0.5}, "dog=0.5"),
        (tuple[str, ...], (), "none"),
        (int, 0, "0"),
    ],
)
def test_a_value_is_written_as_a_user_would_write_it(kind, value, text) -> None:
    assert as_text(value, kind) == text
    if text != "none":
        assert convert(kind, text, where="") == value


def test_the_parameters_of_a_dataclass_are_its_fields_in_words_the_argument_first() -> None:
    @dataclass(frozen=True)
    class Several:
        count: int = option(1, "how many")
        place: str = argument("where", default="")
        bare: float | None = None

    assert parameters(Several) == (
        Parameter("place", "text", "none", "where", is_argument=True),
        Parameter("count", "whole number", "1", "how many", is_argument=False),
        Parameter("bare", "number", "none", "", is_argument=False),
    )
