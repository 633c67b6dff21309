"""A real Prometheus asks a real page."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

pytest.importorskip("aiohttp", reason="needs the extra [web]")

from edge_detector.track.places import Line, Zone
from tests import make
from tests.fleet.test_fleet import FLEET, tool
from tests.free_port import free_port
from tests.sinks.conftest import make_context, stops  # noqa: F401
from tests.sinks.web.pages import TOKEN, Page, open_page

PATIENCE_S = 60.0
SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


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
        prometheus(tmp_path, page) as ask,
    ):
        page.sink.write(make.moment(0, make.visit_change("started")))
        wait_for(lambda: ask('edge_detector_visits_total{label="person"}') == ["1"])
        assert ask('up{device="porch"}') == ["1"]
        assert ask("edge_detector_build_info") == ["1"]


@contextmanager
def prometheus(folder: Path, page: Page) -> Iterator[Callable[[str], list[str]]]:
    """Our own configuration, with other addresses and shorter pauses; yields how to ask for an instant value."""
    text = (FLEET / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("15s", "1s").replace("/etc/prometheus/edge-detector-token", str(folder / "token"))
    (folder / "prometheus.yml").write_text(text)
    (folder / "edge-detector.rules.yml").write_text((FLEET / "prometheus" / "edge-detector.rules.yml").read_text())
    device = {"targets": [f"127.0.0.1:{page.port}"], "labels": {"device": "porch"}}
    (folder / "edge-detector-devices.yml").write_text(json.dumps([device]))
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


def wait_for(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "it did not come true"
        time.sleep(0.2)
