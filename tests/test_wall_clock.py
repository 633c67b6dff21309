"""A Raspberry Pi has no battery clock: the date jumps when the network comes up. Only dates may follow it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "edge_detector"
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)  # apt-get install faketime
FRAMES = 120
JUMP_AFTER = 5
DAY_S = 86400
WALL_CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "today"), ("date", "today")}


def looks_at_the_wall_clock(path: Path) -> bool:
    attributes = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute))
    return any(isinstance(node.value, ast.Name) and (node.value.id, node.attr) in WALL_CLOCKS for node in attributes)


def test_only_sinks_that_write_dates_and_zones_with_hours_look_at_the_wall_clock() -> None:
    device_side = (path for path in PACKAGE.rglob("*.py") if "workstation" not in path.parts)
    rooms = {path.relative_to(PACKAGE).parts[0] for path in device_side if looks_at_the_wall_clock(path)}
    assert rooms <= {"sinks", "track"}


@pytest.mark.skipif(FAKETIME is None, reason="needs libfaketime: apt-get install faketime")
@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
def test_a_jump_of_a_day_changes_nothing_but_dates(jump_s, tmp_path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    environ = os.environ | {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    source = f"synthetic:?frames={FRAMES}"
    options = ["--runtime", "fake", "--sink", f"telemetry?interval=1s&csv={tmp_path / 'telemetry.csv'}"]
    command = [sys.executable, "-m", "edge_detector", "--source", source, "--sink", "jsonl:-", *options]
    lines = []
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            lines.append(json.loads(line))
            if len(lines) == JUMP_AFTER:
                clock.write_text(f"{jump_s:+d}\n")
    assert program.returncode == 0
    moments = [line["timestamp_ns"] for line in lines]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] < DAY_S * 1e9 / 2
    assert all(0 <= line["latency_ms"] < DAY_S * 1e3 / 2 for line in lines)
    last = (tmp_path / "telemetry.csv").read_text().splitlines()[-1]
    jumped_s = (datetime.fromisoformat(last.partition(",")[0]) - datetime.now(UTC)).total_seconds()
    assert jumped_s == pytest.approx(jump_s, abs=DAY_S / 4), "the program did not see the jump"
