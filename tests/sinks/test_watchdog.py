"""systemd hears of results, and of nothing else; against real sockets."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_detector.options import Spec
from edge_detector.sinks.watchdog import WatchdogSink
from tests import make
from tests.sinks.conftest import MakeContext


class FakeSystemd:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self._name = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._name)
        self._socket.setblocking(False)

    def heard(self) -> list[list[str]]:
        """The messages since the last call, each as its lines."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return messages

    def fill(self) -> None:
        """Send messages from elsewhere until no more fit into the queue."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd, suppress(BlockingIOError):
            crowd.setblocking(False)
            while True:
                crowd.sendto(b"crowd", self._name)

    def close(self) -> None:
        self._socket.close()
        if not self._name.startswith("\0"):
            Path(self._name).unlink(missing_ok=True)


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystemd]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@edge-detector-{uuid.uuid4()}"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    manager = FakeSystemd(address)
    yield manager
    manager.close()


def test_ready_comes_with_the_first_result_and_not_before(systemd: FakeSystemd, make_context: MakeContext) -> None:
    context = make_context()
    with WatchdogSink(Spec("watchdog"), context) as sink:
        assert systemd.heard() == []
        context.meter.record(make.result())
        sink.write(make.result())
        assert systemd.heard() == [["READY=1", "WATCHDOG=1", "STATUS=10 ms  drops 0"]]
    assert systemd.heard() == [["STOPPING=1"]]


def test_the_watchdog_is_fed_every_half_of_its_patience_and_only_by_results(
    systemd: FakeSystemd, make_context: MakeContext
) -> None:
    now = [100.0]
    fed = []
    with WatchdogSink(Spec("watchdog"), make_context(), clock=lambda: now[0]) as sink:
        for now[0] in (100.0, 101.0, 101.9, 102.0, 103.0, 104.5, 120.0):
            sink.write(make.result())
            fed += [(now[0], message[0]) for message in systemd.heard()]
    assert fed == [(100.0, "READY=1"), (102.0, "WATCHDOG=1"), (104.5, "WATCHDOG=1"), (120.0, "WATCHDOG=1")]


def test_without_systemd_it_is_silent(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with WatchdogSink(Spec("watchdog"), make_context()) as sink:
        sink.write(make.result())
        assert "None" in repr(sink)


def test_a_systemd_that_is_gone_stops_nothing_and_is_reported_once(
    systemd: FakeSystemd, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    systemd.close()
    with WatchdogSink(Spec("watchdog"), make_context()) as sink:
        sink.write(make.result())
        sink.write(make.result())
    assert caplog.text.count("does not listen") == 1


def test_a_systemd_whose_queue_is_full_does_not_delay_and_is_told_later(
    systemd: FakeSystemd, make_context: MakeContext
) -> None:
    with WatchdogSink(Spec("watchdog"), make_context()) as sink:
        systemd.fill()
        sink.write(make.result())
        assert ["READY=1", "WATCHDOG=1", "STATUS=drops 0"] not in systemd.heard()
        sink.write(make.result())
        assert systemd.heard() == [["READY=1", "WATCHDOG=1", "STATUS=drops 0"]]
