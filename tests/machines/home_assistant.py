"""Does a real Home Assistant find the detector, follow a film, and change the confidence?

    HA/bin/python tests/machines/home_assistant.py PATH/TO/edge-detector FILM

HA is a virtual environment with ``homeassistant==2024.3.3 paho-mqtt==1.6.1 pillow janus psutil-home-assistant
securetar`` (Python 3.11); mosquitto must be installed. Home Assistant runs here without its front end. It says what it
saw, and ends with 1 if anything is missing.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import voluptuous as vol
import yaml
from homeassistant import bootstrap, loader
from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry, entity_registry

PATIENCE_S = 90
NOTHING_ELSE: Mapping[str, Any] = MappingProxyType({})
WANTED = ("binary_sensor", "image", "number", "sensor", "switch")


async def main(detector: str, film: str) -> int:
    """Run everything; returns the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        broker = start_broker(folder, port)
        hass = await start_home_assistant(folder, port)
        process = start_detector(detector, film, port, folder)
        try:
            missing = await look(hass, process)
        finally:
            process.terminate()
            process.wait()
            await hass.async_stop(force=True)
            broker.terminate()
    print(f"missing: {', '.join(missing)}" if missing else "all there")
    return len(missing) > 0


async def look(hass: HomeAssistant, process: subprocess.Popen[bytes]) -> list[str]:
    """What should be seen and is not."""
    missing = []
    seen = {
        "a person": lambda: states(hass).get("binary_sensor.porch_person") == "on",
        "a person in the zone": lambda: states(hass).get("binary_sensor.porch_zone_all") == "on",
        "a count": lambda: states(hass).get("sensor.porch_person_count") == "1",
        "a picture": lambda: states(hass).get("image.porch_best_picture", "unknown") != "unknown",
        "a speed": lambda: is_number(states(hass).get("sensor.porch_speed")),
        "a confidence": lambda: is_number(states(hass).get("number.porch_confidence")),
    }
    for what, is_seen in seen.items():
        if not await comes_true(is_seen):
            missing.append(what)
    show(hass)
    await hass.services.async_call("number", "set_value", {"entity_id": "number.porch_confidence", "value": 0.62})
    if not await comes_true(lambda: states(hass).get("number.porch_confidence") == "0.62"):
        missing.append("the confidence that was set")
    for word in ("off", "on"):
        await hass.services.async_call("switch", f"turn_{word}", {"entity_id": "switch.porch_detection"})
        if not await comes_true(lambda word=word: states(hass).get("switch.porch_detection") == word):
            missing.append(f"the detection switched {word}")
        if not await comes_true(lambda word=word: states(hass).get("binary_sensor.porch_zone_all") == word):
            missing.append(f"a zone that is {word} with it")
    missing += [f"automation {alias}" for alias in await wrong_automations(hass)]
    if len({entry.device_id for entry in entries(hass)}) != 1:
        missing.append("one device for all entities")
    process.terminate()
    if not await comes_true(lambda: states(hass).get("binary_sensor.porch_person") == "unavailable"):
        missing.append("unavailable after the end")
    return missing


async def wrong_automations(hass: HomeAssistant) -> list[str]:
    """The automations of the documentation that Home Assistant does not take, with its reason."""
    text = (Path(__file__).parents[2] / "docs" / "home-assistant.md").read_text(encoding="utf-8")
    wrong = []
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        written = yaml.safe_load(block)
        try:
            await async_validate_config_item(hass, written["alias"], written)
            print(f"automation: {written['alias']}")
        except (vol.Invalid, HomeAssistantError) as error:
            wrong.append(f"{written['alias']} ({error})")
    return wrong


def show(hass: HomeAssistant) -> None:
    """The device and its entities."""
    for device in device_registry.async_get(hass).devices.values():
        print(f"device: {device.name} ({device.manufacturer} {device.sw_version}, {device.model})")
    for name, value in sorted(states(hass).items()):
        print(f"  {name} = {value}")


def states(hass: HomeAssistant) -> dict[str, str]:
    return {state.entity_id: state.state for state in hass.states.async_all() if state.domain in WANTED}


def entries(hass: HomeAssistant) -> list[Any]:
    return [entry for entry in entity_registry.async_get(hass).entities.values() if entry.platform == "mqtt"]


def is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


async def comes_true(condition: Any) -> bool:
    for _ in range(PATIENCE_S * 5):
        if condition():
            return True
        await asyncio.sleep(0.2)
    return False


async def start_home_assistant(folder: Path, port: int, settings: Mapping[str, Any] = NOTHING_ELSE) -> HomeAssistant:
    """A Home Assistant that has MQTT set up, and what the ``settings`` name."""
    (folder / "configuration.yaml").write_text("")
    (folder / ".storage").mkdir(exist_ok=True)
    data = {"broker": "127.0.0.1", "port": port, "discovery": True, "discovery_prefix": "homeassistant"}
    flags = {"pref_disable_new_entities": False, "pref_disable_polling": False, "disabled_by": None}
    entry = {"entry_id": "1", "version": 1, "minor_version": 1, "domain": "mqtt", "title": "mqtt", "source": "user"}
    entry |= {"unique_id": None, "data": data, "options": {}, **flags}
    stored = {"version": 1, "minor_version": 1, "key": "core.config_entries", "data": {"entries": [entry]}}
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))
    hass = HomeAssistant(str(folder))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    await bootstrap.async_from_config_dict(dict(settings), hass)
    await hass.async_start()
    return hass


def start_broker(folder: Path, port: int) -> subprocess.Popen[bytes]:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, "apt-get install mosquitto"
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    return subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)


def start_detector(
    detector: str,
    film: str,
    port: int,
    folder: Path,
    *,
    name: str = "Porch",
    classes: Sequence[str] = ("person", "cat"),
    zone: str = "all",
) -> subprocess.Popen[bytes]:
    """The film again and again, at its own speed, with a zone that is the whole picture."""
    square = "[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]"
    sink = f"mqtt:127.0.0.1:{port}?topic=porch/seen&discovery=true&device_name={name}&queue={folder}/queue"
    lines = [
        f'source = "{film}"',
        "loop = true",
        "realtime = true",
        f"classes = {json.dumps(classes)}",
        f'sinks = ["{sink}"]',
        "[[zones]]",
        f'name = "{zone}"',
        f"polygon = {square}",
    ]
    (folder / "detector.toml").write_text("\n".join(lines) + "\n")
    return subprocess.Popen([detector, "--config", str(folder / "detector.toml")])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
