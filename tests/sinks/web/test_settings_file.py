"""Changed settings in the configuration file: their own lines change, everything else stays."""

from __future__ import annotations

import http.client
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector import toml_lines
from edge_detector.config import Config, dump, load
from edge_detector.running.context import ConfigFile
from edge_detector.sinks.web.settings_file import kept, save
from edge_detector.toml_lines import with_values
from tests.command import TIMEOUT_S, started


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("confidence = 0.5\n", "confidence = 0.3\n"),
        ("  confidence=0.5 # low\n# end\n", "confidence = 0.3 # low\n# end\n"),
        ("# confidence = 0.9\nconfidence = 0.5", "# confidence = 0.9\nconfidence = 0.3"),
        ("confidence = 0.5\r\nfps = 5.0\r\n", "confidence = 0.3\r\nfps = 5.0\r\n"),
        ("", "confidence = 0.3\n"),
        ("fps = 5.0", "fps = 5.0\nconfidence = 0.3\n"),
        ("[class_confidence]\nconfidence = 0.9\n", "confidence = 0.3\n[class_confidence]\nconfidence = 0.9\n"),
    ],
)
def test_only_the_line_of_the_setting_changes(before: str, after: str) -> None:
    assert with_values(before, {"confidence": 0.3}) == after


NEW = "confidence = 0.3"
TABLE = '[[source]]\nsource = "0"\n'


@pytest.mark.parametrize(
    ("keys", "rest"),
    [
        ("fps = 5.0\n", "\n[class_confidence]\nconfidence = 0.9\n"),
        ('sinks = ["web"]  # the page\n', f"\n# the porch, over the door\n{TABLE}"),
        ('sinks = [\n  "web",\n  # "print",\n]  # end\n', f"# the porch\n{TABLE}"),
        ("fps = 5.0\n", f"\n# of the day\n\n\n# the porch\n# over the door\n{TABLE}# end"),
        ('labels = """\n# a\n\n# b"""\n', f"\n# the porch\n{TABLE}"),
        ("fps = 5.0\n", "\n# what else there is\n# iou = 0.6\n"),
        ("# Settings of the porch\n", f"\n# over the door\n{TABLE}"),
        ("# Settings of the porch\n", f"\n\n{TABLE}"),
        ("", f"# the porch\n{TABLE}"),
        ("", f"\n\n# the porch\n{TABLE}"),
        ("", TABLE),
        ("# fps = 5.0\n\n# end\n", ""),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_new_setting_comes_behind_the_others_and_every_byte_of_the_file_stays(
    keys: str, rest: str, newline: str
) -> None:
    before, after = (text.replace("\n", newline) for text in (keys + rest, f"{keys}{NEW}\n{rest}"))
    assert with_values(before, {"confidence": 0.3}) == after


def test_two_new_settings_stand_together_before_the_comment_of_the_table() -> None:
    before = f'sinks = ["web"]\n\n# the porch\n{TABLE}'
    after = f'sinks = ["web"]\nconfidence = 0.3\niou = 0.5\n\n# the porch\n{TABLE}'
    assert with_values(before, {"confidence": 0.3, "iou": 0.5}) == after


def test_a_list_over_several_lines_becomes_one_line() -> None:
    before = 'classes = [  # mine\n  "a#b", # one\n  "c"\n]  # end\nfps = 5.0 # slow\n'
    assert with_values(before, {"classes": ("dog",)}) == 'classes = ["dog"]  # end\nfps = 5.0 # slow\n'


@pytest.mark.parametrize(
    "text", ['"confidence" = 0.5\n', 'source = """\nconfidence = 0.5\n"""\n', "confidence = 0.5\nconfidence = 0.6\n"]
)
def test_what_cannot_be_changed_line_by_line_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        with_values(text, {"confidence": 0.3})


@given(st.floats(0, 1), st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_any_setting_is_read_back(confidence: float, classes: list[str]) -> None:
    changed = with_values(dump(Config()), {"confidence": confidence, "classes": tuple(classes)})
    assert tomllib.loads(changed) == {**tomllib.loads(dump(Config())), "confidence": confidence, "classes": classes}
    assert changed.count("\n# ") == dump(Config()).count("\n# ")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edge-detector.toml"
    path.write_text("confidence = 0.5  # not lower\n")
    path.chmod(0o640)
    return path


def test_the_next_start_has_the_saved_settings(file: Path) -> None:
    assert save(ConfigFile(file), {"confidence": 0.3, "classes": ("dog",)}) == f"saved in {file}"
    assert (load(file, {}).confidence, load(file, {}).classes) == (0.3, ("dog",))
    assert (file.stat().st_mode & 0o777, list(file.parent.iterdir())) == (0o640, [file])


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    save(ConfigFile(link), {"confidence": 0.3})
    assert link.is_symlink()
    assert file.read_text() == "confidence = 0.3  # not lower\n"


def test_a_write_that_fails_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(toml_lines.os, "fsync", full)
    answer = save(ConfigFile(file), {"confidence": 0.3})
    assert answer == f"until the next start or reload: {file} cannot be written: No space left on device"
    assert (file.read_text(), list(file.parent.iterdir())) == ("confidence = 0.5  # not lower\n", [file])


def test_a_file_that_is_gone_or_damaged_is_said(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"confidence = \xff\n")
    assert save(ConfigFile(file), {"confidence": 0.3}).startswith(
        f"until the next start or reload: {file} stays as it is: "
    )
    gone = tmp_path / "gone.toml"
    assert save(ConfigFile(gone), {"confidence": 0.3}).endswith("cannot be written: No such file or directory")


def test_a_flag_has_priority_over_the_file_and_that_is_said(file: Path) -> None:
    flagged = ConfigFile(file, frozenset({"confidence", "source"}))
    reason = f"until the next start or reload: the command line says --confidence, which has priority over {file}"
    assert kept(flagged, ("confidence", "classes")) == reason
    assert save(flagged, {"confidence": 0.3}) == reason
    assert file.read_text() == "confidence = 0.5  # not lower\n"
    assert save(flagged, {"classes": ()}) == f"saved in {file}"


def test_without_a_file_a_change_lasts_until_the_next_start() -> None:
    assert save(None, {"confidence": 0.3}) == "until the next start or reload: the detector runs without --config FILE"


@pytest.mark.parametrize(
    ("flags", "after"), [((), "confidence = 0.3\n"), (("--confidence", "0.4"), "confidence = 0.5\n")]
)
def test_a_run_with_a_configuration_file_saves_a_change_of_the_page_there(
    tmp_path: Path, flags: tuple[str, ...], after: str
) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text("confidence = 0.5\n")
    words = ("--config", file, "--source", "synthetic", "--runtime", "fake", "--sink", "web:127.0.0.1:0", *flags)
    with started(*words) as process:
        assert process.stderr
        address = next(line.split()[-1] for line in process.stderr if "web page: " in line)
        page = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_S)
        page.request("PATCH", "/api/settings", '{"confidence": 0.3}', {"Content-Type": "application/json"})
        assert page.getresponse().status == 200
        page.close()
    assert file.read_text() == after
