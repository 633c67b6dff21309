"""What many detectors ask of one broker and one Prometheus, on this machine.

    python benchmarks/fleet.py --devices 100 --seconds 60 --json fleet.json

Each simulated device has the MQTT sink that a real one has, and writes to it what a busy camera does: ten results a
second with one to three objects, and a visit that begins and ends every five seconds. A subscriber counts what arrives.
Prometheus asks one address for each device, every five seconds; the answer is that of a real page, taken once.
Programs that are missing (mosquitto, prometheus) are said so, and their part is left out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the tests' makers of results are what a simulated device sends

from edge_detector.config import Config  # noqa: E402
from edge_detector.options import Spec  # noqa: E402
from edge_detector.running.context import Context  # noqa: E402
from edge_detector.running.meter import Meter  # noqa: E402
from edge_detector.sinks.mqtt.sink import MqttSink  # noqa: E402
from edge_detector.sinks.web import WebSink  # noqa: E402
from edge_detector.system.conditions import conditions  # noqa: E402
from tests import make  # noqa: E402
from tests.free_port import free_port  # noqa: E402
from tests.sinks.conftest import FakeDetector  # noqa: E402

RESULTS_PER_S = 10
VISIT_S = 5.0
DEVICES_PER_PROCESS = 25
SCRAPE_S = 5


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "devices": arguments.devices,
            "seconds": arguments.seconds,
            "conditions": conditions(),
            "mqtt": measured_broker(Path(folder), arguments.devices, arguments.seconds),
            "prometheus": measured_prometheus(Path(folder), arguments.devices, arguments.seconds),
        }
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def measured_broker(folder: Path, devices: int, seconds: float) -> dict[str, Any] | str:
    """Messages a second, processor time of the broker, and what is lost on the way."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        return "mosquitto is missing"
    with ExitStack() as stack:
        port, broker = stack.enter_context(mosquitto(program, folder))
        arrived = stack.enter_context(subscriber(port))
        before, began_s = sum(broker.cpu_times()[:2]), time.monotonic()
        sent = simulated(port, folder, devices, seconds)
        elapsed_s, cpu_s = time.monotonic() - began_s, sum(broker.cpu_times()[:2]) - before
        settle(lambda: arrived["visits"])
        return {
            "messages a second": round(sum(arrived.values()) / elapsed_s, 1),
            "broker, processor time of one core": round(cpu_s / elapsed_s, 3),
            "broker, memory in MB": round(broker.memory_info().rss / 1e6, 1),
            "messages about visits, sent and arrived": [sent["visits"], arrived["visits"]],
            "messages about frames, lost": sent["lost"],
        }


def simulated(port: int, folder: Path, devices: int, seconds: float) -> Counter[str]:
    """What all devices together have sent."""
    groups = [
        range(start, min(devices, start + DEVICES_PER_PROCESS)) for start in range(0, devices, DEVICES_PER_PROCESS)
    ]
    with multiprocessing.get_context("spawn").Pool(len(groups)) as pool:
        jobs = [pool.apply_async(run_devices, (port, folder, [*group], seconds)) for group in groups]
        return sum((job.get() for job in jobs), Counter())


def run_devices(port: int, folder: Path, numbers: list[int], seconds: float) -> Counter[str]:
    """Some devices in one process, each with its own sink."""
    sent: Counter[str] = Counter()
    with ExitStack() as stack:
        sinks = [stack.enter_context(open_device(port, folder, number)) for number in numbers]
        began_s = time.monotonic()
        step = 0
        while (now_s := time.monotonic() - began_s) < seconds:
            for sink in sinks:
                sent["visits"] += write(sink, step, now_s)
            step += 1
            time.sleep(max(0.0, step / RESULTS_PER_S - (time.monotonic() - began_s)))
    sent["lost"] = sum(sink.dropped for sink in sinks)
    return sent


def open_device(port: int, folder: Path, number: int) -> MqttSink:
    """The sink of one device."""
    text = f"mqtt:127.0.0.1:{port}?topic=fleet/device-{number}&queue={folder}/queue-{number}"
    meter = Meter(temperature=lambda: 50.0, throttling=lambda: None)
    return MqttSink(Spec.parse(text), Context(Config(), FakeDetector(), meter, True, stop=lambda: None))


def write(sink: MqttSink, step: int, now_s: float) -> int:
    """One result; returns how many messages about visits it makes."""
    steps = round(VISIT_S * RESULTS_PER_S)
    kinds = {0: "started", steps // 2: "stopped", steps - 1: "ended"}
    kind = kinds.get(step % steps, "updated")
    changes = [make.visit_change(kind, 1 + step // steps, seen_s=now_s)]
    changes += [make.visit_change("updated", 1000 + other, seen_s=now_s) for other in range(step // 20 % 3)]
    sink.write(make.moment(now_s, *changes))
    return kind != "updated"


@contextmanager
def mosquitto(program: str, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """A broker of Debian's default settings but for its port."""
    port = free_port()
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.0)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def subscriber(port: int) -> Iterator[Counter[str]]:
    """How many messages have arrived, by what they are about."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    arrived: Counter[str] = Counter()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: arrived.update([kind_of(message.topic)])
    client.connect("127.0.0.1", port)
    client.subscribe("fleet/#", qos=1)
    client.loop_start()
    try:
        yield arrived
    finally:
        client.disconnect()
        client.loop_stop()


def kind_of(topic: str) -> str:
    return "visits" if topic.endswith("/visits") else "status" if topic.endswith("/status") else "frames"


def settle(count: Callable[[], int]) -> None:
    """Wait until nothing more arrives."""
    before = -1
    while count() != before:
        before = count()
        time.sleep(1.0)


def measured_prometheus(folder: Path, devices: int, seconds: float) -> dict[str, Any] | str:
    """Processor time, memory and disk of one Prometheus that asks all devices."""
    program = shutil.which("prometheus")
    if program is None:
        return "prometheus is missing"
    with pages(devices) as ports, prometheus(program, folder, ports) as (port, process):
        time.sleep(SCRAPE_S * 2)
        before, began_s = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(seconds)
        elapsed_s, cpu_s = time.monotonic() - began_s, sum(process.cpu_times()[:2]) - before
        return {
            "answering": int(value(port, "sum(up)")),
            "samples a second": round(value(port, f"sum(scrape_samples_scraped) / {SCRAPE_S}")),
            "processor time of one core": round(cpu_s / elapsed_s, 3),
            "memory in MB": round(process.memory_info().rss / 1e6),
        }


@contextmanager
def pages(devices: int) -> Iterator[list[int]]:
    """One address for each device, all of which answer what a real page has answered once."""
    answer = metrics_of_a_page()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ExitStack() as stack:
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) for _ in range(devices)]
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        yield [server.server_port for server in servers]


def metrics_of_a_page() -> bytes:
    """What a page answers at /metrics after a few results."""
    meter = Meter(temperature=lambda: 50.0, throttling=lambda: None)
    detector = FakeDetector(labels=tuple((ROOT / "labels" / "coco.txt").read_text().splitlines()))
    with WebSink(Spec.parse("web:127.0.0.1:0"), Context(Config(), detector, meter, True, stop=lambda: None)) as page:
        for at_s in range(3):
            result = make.moment(at_s, make.visit_change("updated", seen_s=at_s))
            meter.record(result)
            page.write(result)
        with urlopen(f"{page.url}metrics", timeout=10) as answer:
            return bytes(answer.read())


@contextmanager
def prometheus(program: str, folder: Path, ports: list[int]) -> Iterator[tuple[int, psutil.Process]]:
    """A Prometheus that asks these ports."""
    devices = [{"targets": [f"127.0.0.1:{port}"], "labels": {"device": f"{n}"}} for n, port in enumerate(ports)]
    job = {"job_name": "edge-detector", "scrape_interval": f"{SCRAPE_S}s", "static_configs": devices}
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    port = free_port()
    where = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command = [program, *where, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def value(port: int, query: str) -> float:
    """The value of a query with one."""
    with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}", timeout=10) as answer:
        return float(json.load(answer)["data"]["result"][0]["value"][1])


if __name__ == "__main__":
    sys.exit(main())
