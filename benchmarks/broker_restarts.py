"""Whether every message about a visit arrives, and how often twice, while the broker is stopped again and again.

    python benchmarks/broker_restarts.py --events 10000 --restarts 10

A real mosquitto that keeps sessions on the disk, and a subscriber whose session outlives its connections, as that of
Home Assistant does. Messages are told apart by their `message_id`.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the tests' broker and makers of results

from edge_detector.config import Config  # noqa: E402
from edge_detector.options import Spec  # noqa: E402
from edge_detector.running.context import Context  # noqa: E402
from edge_detector.running.meter import Meter  # noqa: E402
from edge_detector.sinks.mqtt.sink import MqttSink  # noqa: E402
from edge_detector.system.conditions import conditions, in_words  # noqa: E402
from tests import make  # noqa: E402
from tests.sinks.conftest import FakeDetector  # noqa: E402
from tests.sinks.mqtt.mosquitto import Broker, patient_subscriber  # noqa: E402

SETTINGS = ("allow_anonymous true", "persistence true", "user root")  # it saves what it holds when it is stopped
QUIET_S = 60.0  # without a message, the rest is lost


def main() -> int:
    """Measure and print; 1 if a message is lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--restarts", type=int, default=10)
    arguments = parser.parse_args()
    print(in_words(conditions()))
    with tempfile.TemporaryDirectory() as folder:
        arrived = run(Path(folder), arguments.events, arguments.restarts)
    lost = arguments.events - len(arrived)
    twice = sum(count > 1 for count in arrived.values())
    print(f"{arguments.events} events, {arguments.restarts} restarts: {lost} lost, {twice} came more than once")
    return lost > 0


def run(folder: Path, events: int, restarts: int) -> Counter[str]:
    """How often each message has arrived."""
    broker = Broker(folder, *SETTINGS, f"persistence_location {folder}/", "max_queued_messages 0")
    broker.start()
    context = Context(Config(), FakeDetector(), Meter(), True, stop=lambda: None)
    spec = Spec.parse(f"mqtt:127.0.0.1:{broker.port}?topic=porch&queue={folder}/queue")
    try:
        with (
            patient_subscriber(broker.port, "porch/visits") as messages,
            MqttSink(spec, context, retry_s=(0.05, 0.1)) as sink,
        ):
            for number in range(events):
                sink.write(make.moment(number, make.visit_change("started", number)))
                if number % (events // (restarts + 1)) == events // (restarts + 1) - 1:
                    broker.stop()
                    time.sleep(0.2)
                    broker.start()
            return collected(messages, sink, events)
    finally:
        broker.kill()


def collected(messages: queue.Queue[str], sink: MqttSink, events: int) -> Counter[str]:
    """All that arrive, until they are complete or nothing comes any more."""
    arrived: Counter[str] = Counter()
    until_s = time.monotonic() + QUIET_S
    while len(arrived) < events and time.monotonic() < until_s:
        sink.idle()
        try:
            arrived[json.loads(messages.get(timeout=0.05))["message_id"]] += 1
            until_s = time.monotonic() + QUIET_S
        except queue.Empty:
            continue
    while not messages.empty():
        arrived[json.loads(messages.get())["message_id"]] += 1
    return arrived


if __name__ == "__main__":
    sys.exit(main())
