"""Two processes train one model together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training.recipe import Recipe

ROOT = Path(__file__).parents[3]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_two_machines_come_to_the_same_model(balls: Path, recipe: Recipe, tmp_path: Path) -> None:
    output = tmp_path / "run"
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    words = f"train {balls}=5 --output {output} --base {recipe.base} --epochs 2 --batch 4".split()
    processes = []
    for index in range(2):
        config = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        command = [sys.executable, "-m", "edge_detector", *words]
        environment = {**os.environ, "TF_CONFIG": config}
        processes.append(
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )
    try:
        said = [process.communicate(timeout=600)[0].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    first, second = (folder / "model_float.tflite" for folder in (output, output / "machine1"))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != TFLiteGraph.load(recipe.base).to_bytes()
    assert all("estimated from the first steps" in each for each in said)
