"""The files for many detectors: what they name exists, and the engines take them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "fleet"
RULES = FLEET / "prometheus" / "edge-detector.rules.yml"
BOARD = FLEET / "grafana" / "edge-detector.json"
NAME = re.compile(r"\bedge_detector_\w+")


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture
def published() -> set[str]:
    """The names of all metrics of a page."""
    pytest.importorskip("prometheus_client", reason="needs the extra [web]")
    source = (ROOT / "edge_detector" / "sinks" / "web" / "metrics.py").read_text(encoding="utf-8")
    names = re.findall(r'(?:gauges?|counters?)\(\s*"(\w+)"', source) + re.findall(r'\{PREFIX\}(\w+)"', source)
    return {f"edge_detector_{name}" for name in names}


def expressions() -> Iterator[str]:
    for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield RULES.read_text(encoding="utf-8")


def test_every_metric_that_is_asked_for_is_published(published: set[str]) -> None:
    asked = {name for text in expressions() for name in NAME.findall(text)}
    assert asked
    assert asked <= published


def test_prometheus_takes_the_rules() -> None:
    done = run(tool("promtool"), "check", "rules", str(RULES))
    assert done.returncode == 0, done.stderr


def test_each_alert_fires_when_it_shall_and_not_before() -> None:
    done = run(tool("promtool"), "test", "rules", "rules_test.yml", cwd=Path(__file__).parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    for path in RULES.parent.glob("*.yml"):
        text = path.read_text(encoding="utf-8").replace("/etc/prometheus/edge-detector-token", str(tmp_path / "token"))
        (tmp_path / path.name).write_text(text)
    (tmp_path / "token").write_text("swordfish")
    done = run(tool("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stderr


def test_prometheus_understands_every_question_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, since those are checked without a server."""
    promtool = tool("promtool")
    asked = [text for text in expressions() if "groups:" not in text]
    rules = [{"record": f"asked:{number}", "expr": text.replace("$device", "x")} for number, text in enumerate(asked)]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))
    done = run(promtool, "check", "rules", str(tmp_path / "rules.json"))
    assert done.returncode == 0, done.stderr


def test_grafana_knows_every_key_of_the_dashboard() -> None:
    """Read and written by Grafana's own description of one, nothing is missing: a key that is misspelt would be."""
    pytest.importorskip("grafana_foundation_sdk", reason="needs the extra [test]")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    assert {*leaves(board)} <= {*leaves(json.loads(JSONEncoder().encode(Dashboard.from_json(board))))}


def leaves(value: object, path: str = "") -> Iterator[str]:
    """Each value of a tree, with the way to it."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, f"{path}/{key}")
    else:
        yield f"{path} = {value!r}"


@pytest.mark.parametrize("name", ["install", "model", "rollback"])
def test_ansible_takes_the_playbook(name: str, tmp_path: Path) -> None:
    inventory = FLEET / "ansible" / "inventory.example.yml"
    playbook = FLEET / "ansible" / f"{name}.yml"
    environment = {**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path), "HOME": str(tmp_path)}
    ansible = tool("ansible-playbook")
    done = run(ansible, "--syntax-check", "-i", str(inventory), str(playbook), env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
