"""What waits is sent in order, once, and again after a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.sinks.notify.delivery import DeliveryFailed, Refused
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.outbox import Outbox
from edge_detector.sinks.notify.sender import MOST_REASONS, Sender
from tests.sinks.notify.test_outbox import PICTURE, message


class FakeService:
    """Takes messages, or raises the next of ``failures``; its clock moves when told to."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.taken: list[str] = []
        self.now_s = 1000.0

    def deliver(self, message: Message, _: bytes | None) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.taken.append(message.id)

    def clock(self) -> float:
        return self.now_s


def sender(folder: Path, service: FakeService, *, messages: int) -> tuple[Sender, Outbox]:
    outbox = Outbox(folder, most=100)
    outbox.open()
    for number in range(messages):
        outbox.put(message(number), PICTURE)
    return Sender("fake", outbox, service.deliver, retry_s=(5.0, 20.0), clock=service.clock), outbox


def test_all_are_sent_in_order(tmp_path: Path) -> None:
    service = FakeService()
    sends, outbox = sender(tmp_path, service, messages=3)
    sends.write(None)
    assert service.taken == ["id-0", "id-1", "id-2"]
    assert (sends.produced, sends.dropped, len(outbox)) == (3, 0, 0)


def test_after_a_failure_the_pause_grows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = FakeService(*[DeliveryFailed("nobody is there")] * 4)
    sends, _ = sender(tmp_path, service, messages=2)
    tries = []
    for _ in range(60):
        left = len(service.failures)
        sends.idle()
        tries += [service.now_s - 1000] * (left != len(service.failures) or bool(service.taken))
        if service.taken:
            break
        service.now_s += 1
    assert tries == [0, 5, 15, 35, 55]
    assert service.taken == ["id-0", "id-1"]
    assert len(caplog.messages) == 2  # one that it fails, one that it works again


def test_each_reason_is_said_once_with_how_many_messages_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reasons = ["no network", "no network", "answers 401", "no network", "answers 401"]
    service = FakeService(*map(DeliveryFailed, reasons))
    sends, _ = sender(tmp_path, service, messages=2)
    for _ in range(len(reasons) + 1):
        sends.idle()
        service.now_s += 20
    failed = "fake: a message cannot be sent now, will try again"
    waiting = f"wait in {tmp_path}"
    assert caplog.messages == [
        f"{failed}: no network; 2 messages {waiting}",
        f"{failed}: answers 401; 2 messages {waiting}",
        f"fake: messages are sent again; 1 message waits in {tmp_path}",
    ]


def test_a_server_with_a_new_reason_each_time_does_not_fill_the_log(tmp_path: Path, caplog) -> None:
    service = FakeService(*[DeliveryFailed(f"request {number}") for number in range(50)])
    sends, _ = sender(tmp_path, service, messages=1)
    for _ in range(51):
        sends.idle()
        service.now_s += 20
    assert len(caplog.messages) == MOST_REASONS + 1


def test_the_service_says_how_long_to_wait(tmp_path: Path) -> None:
    service = FakeService(DeliveryFailed("too many", wait_s=120))
    sends, _ = sender(tmp_path, service, messages=1)
    sends.idle()
    service.now_s += 119
    sends.idle()
    assert service.taken == []
    service.now_s += 1
    sends.idle()
    assert service.taken == ["id-0"]


def test_what_is_refused_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = FakeService(Refused("answers 400"))
    sends, outbox = sender(tmp_path, service, messages=2)
    sends.idle()
    assert service.taken == ["id-1"]
    assert (sends.dropped, len(outbox)) == (1, 0)
    assert "answers 400" in caplog.text


def test_the_end_leaves_the_rest_for_the_next_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = FakeService(DeliveryFailed("nobody is there"))
    sends, _ = sender(tmp_path, service, messages=2)
    sends.close()
    assert "2 messages are not sent yet" in caplog.text
    again, _ = sender(tmp_path, service, messages=0)
    again.idle()
    assert service.taken == ["id-0", "id-1"]
