"""Secrets in files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.secret_files import read_secret


def test_the_end_of_the_line_does_not_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b" sword fish \r\n")
    assert read_secret(tmp_path / "token", what="the token") == " sword fish "


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe", b"x" * 10**5])
def test_what_is_no_single_line_is_an_error_that_does_not_show_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match=r"^the token") as raised:
        read_secret(tmp_path / "token", what="the token")
    assert "two" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the token cannot be read from .*nowhere: No such file"):
        read_secret(tmp_path / "nowhere", what="the token")
