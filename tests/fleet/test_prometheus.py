"""A real Prometheus asks a real page."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

pytest.importorskip("aiohttp", reason="needs the extra [web]")

from edge_detector.running.meter import Meter
from edge_detector.system.throttling import Throttling
from edge_detector.track.places import Line, Zone
from tests import make
from tests.command import started
from tests.fleet.test_fleet import BOARD, FLEET, tool
from tests.free_port import free_port
from tests.sinks.conftest import make_context, stops  # noqa: F401
from tests.sinks.web.pages import TOKEN, open_page

PATIENCE_S = 60.0
SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
OF_THE_MACHINE = ("edge_detector_soc_temperature_celsius", "edge_detector_throttled")  # this one may not tell them

DETECTOR = """
source = "synthetic"
runtime = "fake"
fps = 10
classes = {classes}
sinks = ["web:127.0.0.1:{port}?token_file={token}"]
[[zones]]
name = "left"
polygon = [[0.0, 0.0], [0.4, 0.0], [0.4, 1.0], [0.0, 1.0]]
[[lines]]
name = "gate"
points = [[0.5, 1.0], [0.5, 0.0]]
"""


def page_with_everything(make_context: Callable[..., Any], text: str = "web:127.0.0.1:0"):  # noqa: F811
    places = {"zones": (Zone("drive", SQUARE),), "lines": (Line("gate", SQUARE[:2]),)}
    return open_page(make_context(track=True, live=True, **places), text)


def test_promtool_finds_nothing_wrong_with_the_metrics(make_context) -> None:  # noqa: F811
    promtool = tool("promtool")
    with page_with_everything(make_context) as page:
        page.sink.write(make.moment(0, make.visit_change("started")))
        text = page.ask("/metrics").body
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_prometheus_scrapes_the_page_with_its_token(make_context, tmp_path: Path) -> None:  # noqa: F811
    tool("prometheus")
    (tmp_path / "token").write_text(TOKEN)
    with (
        page_with_everything(make_context, f"web:127.0.0.1:0?token_file={tmp_path}/token") as page,
        prometheus(tmp_path, {"porch": page.port}) as ask,
    ):
        page.sink.write(make.moment(0, make.visit_change("started")))
        wait_for(lambda: ask('edge_detector_visits_total{label="person"}') == ["1"])
        assert ask('up{device="porch"}') == ["1"]
        assert ask("edge_detector_build_info") == ["1"]


def test_every_panel_of_the_dashboard_shows_two_detectors(make_context, tmp_path: Path) -> None:  # noqa: F811
    """Two that run, and the page of one that plays a Pi: it tells its temperature."""
    tool("prometheus")
    (tmp_path / "token").write_text(TOKEN)
    meter = Meter(temperature=lambda: 51.0, throttling=lambda: Throttling.from_bits(0))
    ports = {"porch": free_port(), "garden": free_port()}
    with ExitStack() as stack:
        pi = stack.enter_context(
            open_page(make_context(live=True, meter=meter), f"web:127.0.0.1:0?token_file={tmp_path}/token")
        )
        ask = stack.enter_context(prometheus(tmp_path, {**ports, "pi": pi.port}))
        running = {name: stack.enter_context(detector(tmp_path, name, port)) for name, port in ports.items()}
        wait_for(lambda: ask('count(edge_detector_visits_total{label="circle"} > 0)') == ["2"])
        for name, process in running.items():  # visits that begin after the first question make a rate
            write_settings(tmp_path, name, ports[name], classes=[])
            process.send_signal(signal.SIGHUP)
        assert {title: seen(ask, title, query, wanted) for title, query, wanted in panels()} == {
            title: wanted for title, _, wanted in panels()
        }


def panels() -> Iterator[tuple[str, str, int]]:
    """Of each panel its title, its question for all devices, and how many devices this test must see in it."""
    for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$device", ".*")
            is_of_all = "{{device}}" not in target["legendFormat"] or any(name in query for name in OF_THE_MACHINE)
            yield panel["title"], query, 1 if is_of_all else 2


def seen(ask: Callable[[str], list[str]], title: str, query: str, wanted: int) -> int:
    """How many devices the panel shows, as soon as these are as many as wanted, and never more than that."""
    found: list[str] = []

    def is_enough() -> bool:
        found[:] = ask(f"count(count by (device) ({query}))")
        return bool(found) and int(found[0]) >= wanted

    wait_for(is_enough, what=title)
    return min(int(found[0]), wanted)


@contextmanager
def detector(folder: Path, name: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """The program itself, on the synthetic camera; at first it tells of circles only."""
    settings = write_settings(folder, name, port, classes=["circle"])
    with started("--config", settings) as process:
        yield process


def write_settings(folder: Path, name: str, port: int, *, classes: list[str]) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(DETECTOR.format(classes=json.dumps(classes), port=port, token=folder / "token"))
    return path


@contextmanager
def prometheus(folder: Path, ports: Mapping[str, int]) -> Iterator[Callable[[str], list[str]]]:
    """Our own configuration, with other addresses and shorter pauses; yields how to ask for an instant value.

    ``ports``: of the pages, by the name of the device.
    """
    text = (FLEET / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("15s", "1s").replace("/etc/prometheus/edge-detector-token", str(folder / "token"))
    (folder / "prometheus.yml").write_text(text)
    (folder / "edge-detector.rules.yml").write_text((FLEET / "prometheus" / "edge-detector.rules.yml").read_text())
    devices = [{"targets": [f"127.0.0.1:{port}"], "labels": {"device": name}} for name, port in ports.items()]
    (folder / "edge-detector-devices.yml").write_text(json.dumps(devices))
    port = free_port()
    where = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command = [tool("prometheus"), *where, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_ready(port))
        yield lambda query: values(port, query)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def values(port: int, query: str) -> list[str]:
    with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}", timeout=PATIENCE_S) as answer:
        return [each["value"][1] for each in json.load(answer)["data"]["result"]]


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


def wait_for(condition: Callable[[], bool], *, what: str = "it") -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, f"{what}: this did not come true"
        time.sleep(0.2)
