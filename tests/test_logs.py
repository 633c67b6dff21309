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


def test_every_entry_hides_secrets_also_in_its_traceback(caplog) -> None:
    logger = logging.getLogger("somebody else")
    try:
        raise OSError("rtsp://ada:swordfish@porch")
    except OSError:
        logger.exception("%s: lost", "http://porch/?pwd=swordfish")
    (record,) = caplog.records
    for formatter in (logs.MaskingFormatter("%(levelname)s %(message)s"), logs.JournalFormatter()):
        text = formatter.format(record)
        assert "swordfish" not in text
        assert "http://porch/?pwd=*** lost" in text
        assert "OSError: rtsp://ada:***@porch" in text


def test_the_root_handler_hides_secrets(monkeypatch, capsys) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    logs.configure(verbose=False)
    logging.getLogger("anybody").warning("rtsp://ada:swordfish@porch: lost")
    assert capsys.readouterr().err == "WARNING rtsp://ada:***@porch: lost\n"


def test_what_is_said_to_people_has_no_secrets(capsys) -> None:
    logs.say("edge-detector: error: rtsp://ada:swordfish@porch: lost", logging.ERROR)
    assert capsys.readouterr().err == "edge-detector: error: rtsp://ada:***@porch: lost\n"


def test_the_journal_gets_the_priority_too(file, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setattr(logs, "to_journal", lambda stream: stream is file)
    logs.say("no camera", logging.ERROR)
    file.seek(0)
    assert file.read() == "<3>no camera\n"
