"""Make docs/home-assistant-device.jpg and docs/home-assistant-dashboard.jpg: a real Home Assistant, in a browser.

    HA/bin/python tests/machines/home_assistant_pictures.py PATH/TO/edge-detector demo/demo.mp4

HA is the virtual environment of home_assistant.py, and in it ``home-assistant-frontend==20240307.0 playwright`` and
what the integrations below ask for, ``aiohttp-cors aiohttp-fast-url-dispatcher aiohttp-zlib-ng sqlalchemy fnv-hash-fast
numpy 'josepy<2'``, with ``--constraint HA/lib/python3.11/site-packages/homeassistant/package_constraints.txt``.
chromium must be installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
from home_assistant import comes_true, entries, free_port, start_broker, start_detector, start_home_assistant, states
from homeassistant.core import HomeAssistant
from playwright.async_api import Browser, Page, async_playwright

DOCS = Path(__file__).parents[2] / "docs"
SIZES = {"device": (820, 1080), "dashboard": (820, 572)}  # narrow: without the list of pages at the left
LOGOS = "https://brands.home-assistant.io/**"  # which cannot be had without the Internet
ATTEMPTS = 20
SURE = 0.6  # a score that nothing else in the film gets as a person
IN_DRIVE, BEST = "binary_sensor.front_door_person_in_drive", "image.front_door_best_picture"
EMPTY = '<svg xmlns="http://www.w3.org/2000/svg"/>'
QUALITY = 80  # of the JPEG
LONGEST_MS = 60_000
COMPONENTS = ("frontend", "config", "lovelace", "api", "websocket_api", "onboarding", "person", "image", "sun")
PICTURE = {"type": "picture-entity", "entity": BEST, "show_state": False, "name": "Front door"}
HEALTH = {
    "type": "glance",
    "title": "The detector",
    "entities": [
        {"entity": "sensor.front_door_speed", "name": "Speed"},
        {"entity": "sensor.front_door_latency", "name": "Latency"},
        {"entity": "sensor.front_door_objects", "name": "Objects"},
    ],
}
SEEN = {
    "type": "entities",
    "title": "Front door",
    "entities": [
        {"entity": "binary_sensor.front_door_person", "name": "Person"},
        {"entity": "sensor.front_door_person_count", "name": "Persons"},
        {"entity": "binary_sensor.front_door_person_in_drive", "name": "Person in the drive"},
        {"entity": "binary_sensor.front_door_dog", "name": "Dog"},
        {"entity": "switch.front_door_detection", "name": "Detection"},
        {"entity": "number.front_door_confidence", "name": "Confidence"},
    ],
}
CARDS = [{"type": "vertical-stack", "cards": [PICTURE, HEALTH]}, SEEN]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", help="the program edge-detector")
    parser.add_argument("film", help="with a person in it")
    parser.add_argument("--output", type=Path, default=DOCS, help="the folder of the pictures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, port, page_port = Path(name), free_port(), free_port()
        broker = start_broker(folder, port)
        write_dashboard(folder)
        hass = await start_home_assistant(folder, port, settings(page_port))
        process = start_detector(
            arguments.detector, arguments.film, port, folder, name="Front door", classes=("person", "dog"), zone="drive"
        )
        try:
            address = f"http://127.0.0.1:{page_port}"
            await photograph(hass, address, await logged_in(address), arguments.output)
        finally:
            process.terminate()
            process.wait()
            await hass.async_stop(force=True)
            broker.terminate()


def settings(port: int) -> dict[str, Any]:
    """The configuration of a Home Assistant with a page on this machine."""
    return {**{name: {} for name in COMPONENTS}, "http": {"server_host": "127.0.0.1", "server_port": port}}


def write_dashboard(folder: Path) -> None:
    """The first dashboard, as a person would have made it on the page."""
    view = {"title": "Home", "cards": CARDS}
    stored = {"version": 1, "minor_version": 1, "key": "lovelace", "data": {"config": {"views": [view]}}}
    (folder / ".storage").mkdir(exist_ok=True)
    (folder / ".storage" / "lovelace").write_text(json.dumps(stored))


async def logged_in(address: str) -> dict[str, Any]:
    """Answer the questions of the first start; returns what the page keeps of whoever has logged in."""
    client = f"{address}/"
    user = {"client_id": client, "name": "Ada", "username": "ada", "password": "ada", "language": "en"}
    async with aiohttp.ClientSession(address) as session:
        code = (await answer(session, "/api/onboarding/users", json=user))["auth_code"]
        form = {"client_id": client, "grant_type": "authorization_code", "code": code}
        tokens = await answer(session, "/auth/token", data=form)
        session.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        for step in ("core_config", "analytics", "integration"):  # done even if the first one wants what is not here
            await session.post(f"/api/onboarding/{step}", json={"client_id": client, "redirect_uri": client})
    return {**tokens, "hassUrl": address, "clientId": client, "expires": 10**14}


async def answer(session: aiohttp.ClientSession, path: str, **body: Any) -> Any:
    async with session.post(path, **body) as response:
        response.raise_for_status()
        return await response.json()


async def photograph(hass: HomeAssistant, address: str, tokens: dict[str, Any], folder: Path) -> None:
    """Both pictures, each at a moment when a person is in view."""
    assert await comes_true(lambda: IN_DRIVE in states(hass) and BEST in states(hass))
    pages = {"device": f"config/devices/device/{entries(hass)[0].device_id}", "dashboard": "lovelace/0"}
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path in pages.items():
            await a_person_has_come(hass)  # whose picture the device's page shows as long as it is open
            page = await open_page(browser, tokens, f"{address}/{path}", SIZES[name])
            await a_person_has_come(hass)
            file = folder / f"home-assistant-{name}.jpg"
            await page.screenshot(path=file, type="jpeg", quality=QUALITY)
            print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
            await page.close()
        await browser.close()


async def open_page(browser: Browser, tokens: dict[str, Any], address: str, size: tuple[int, int]) -> Page:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_default_timeout(LONGEST_MS)
    await page.route(LOGOS, lambda route: route.fulfill(content_type="image/svg+xml", body=EMPTY))
    await page.add_init_script(f"localStorage.hassTokens = {json.dumps(json.dumps(tokens))}")
    await page.goto(address)
    await page.get_by_text("Front door").first.wait_for()
    return page


async def a_person_has_come(hass: HomeAssistant) -> None:
    """Nobody was there, then a person alone, whose picture the page has drawn."""
    for _ in range(ATTEMPTS):
        assert await comes_true(lambda: states(hass)[IN_DRIVE] == "off")
        before = states(hass)[BEST]
        assert await comes_true(lambda before=before: is_alone(hass) and states(hass)[BEST] != before)
        await asyncio.sleep(3.0)
        if is_alone(hass):
            return
    raise AssertionError("a person was never alone for three seconds")


def is_alone(hass: HomeAssistant) -> bool:
    """Whether one person, and surely a person, is in view and in the zone, and no dog."""
    seen = states(hass)
    found = hass.states.get("sensor.front_door_objects").attributes.get("detections", [])
    is_sure = [each["label"] for each in found if each["score"] >= SURE] == ["person"]
    return is_sure and (seen[IN_DRIVE], seen["binary_sensor.front_door_dog_in_drive"]) == ("on", "off")


if __name__ == "__main__":
    asyncio.run(main())
