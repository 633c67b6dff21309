"""Log lines for people, and for the journal."""

from __future__ import annotations

import io
import logging
import os
import sys

import pytest

from edge_detector import logs


@pytest.fixture
def file(tmp_path):
    with (tmp_path / "stderr").open("w+") as file:
        yield file


def journal_address(file: io.TextIOWrapper) -> dict[str, str]:
    status = os.fstat(file.fileno())
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def test_a_stream_goes_to_the_journal_if_systemd_says_that_very_stream_does(file) -> None:
    assert logs.to_journal(file, journal_address(file))


@pytest.mark.parametrize("environ", [{}, {"JOURNAL_STREAM": "1:2"}, {"JOURNAL_STREAM": ""}])
def test_any_other_stream_does_not(file, environ) -> None:
    assert not logs.to_journal(file, environ)


def test_a_stream_without_a_file_does_not() -> None:
    assert not logs.to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


@pytest.mark.parametrize(("level", "priority"), [(logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)])
def test_each_line_for_the_journal_begins_with_its_priority(level, priority) -> None:
    record = logging.makeLogRecord({"levelno": level, "msg": "first\nsecond"})
    assert logs.JournalFormatter().format(record) == f"<{priority}>first\n<{priority}>second"


def test_people_get_the_text_as_it_is(capsys) -> None:
    logs.say("edge-detector: error: no camera", logging.ERROR)
    assert capsys.readouterr().err == "edge-detector: error: no camera\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:secret@10.0.0.2:554/live?x=1", "rtsp://admin:***@10.0.0.2:554/live?x=1"),
        ("rtsp://admin:s@cret@10.0.0.2/live", "rtsp://admin:***@10.0.0.2/live"),
        ("source = http://ada:secret@porch, timeout = 5.0", "source = http://ada:***@porch, timeout = 5.0"),
        ("rtsp://10.0.0.2/live", "rtsp://10.0.0.2/live"),
        ("http://10.0.0.2:80/a@b", "http://10.0.0.2:80/a@b"),
        ("rtsp://[::1", "rtsp://[::1"),
    ],
)
def test_a_log_never_shows_a_password(text, shown) -> None:
    assert logs.without_passwords(text) == shown


def test_the_journal_gets_the_priority_too(file, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setattr(logs, "to_journal", lambda stream: stream is file)
    logs.say("no camera", logging.ERROR)
    file.seek(0)
    assert file.read() == "<3>no camera\n"
