"""Make docs/home-assistant-device.jpg and docs/home-assistant-dashboard.jpg: a real Home Assistant, in a browser.

    HA/bin/python tests/machines/home_assistant_pictures.py PATH/TO/edge-detector demo/demo.mp4

HA is the virtual environment of home_assistant.py, and in it ``home-assistant-frontend==20240307.0 playwright`` and what
the integrations below ask for: ``aiohttp-cors aiohttp-fast-url-dispatcher aiohttp-zlib-ng hass-nabucasa``, each with
``--constraint HA/lib/python3.11/site-packages/homeassistant/package_constraints.txt``. chromium must be installed.
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
WIDTH, HEIGHT = 1200, 900
QUALITY = 78  # of the JPEG
LONGEST_MS = 60_000
COMPONENTS = ("frontend", "config", "lovelace", "api", "websocket_api", "onboarding", "person", "image", "sun")
CARDS = [
    {"type": "picture-entity", "entity": "image.front_door_best_picture", "show_state": False, "name": "Front door"},
    {
        "type": "entities",
        "title": "Front door",
        "entities": [
            "binary_sensor.front_door_person",
            "binary_sensor.front_door_person_in_drive",
            "binary_sensor.front_door_cat",
            "sensor.front_door_objects",
            "switch.front_door_detection",
            "number.front_door_confidence",
        ],
    },
    {
        "type": "glance",
        "title": "The detector",
        "entities": [
            {"entity": "sensor.front_door_speed", "name": "Speed"},
            {"entity": "sensor.front_door_latency", "name": "Latency"},
            {"entity": "sensor.front_door_person_count", "name": "Persons"},
        ],
    },
]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", help="the program edge-detector")
    parser.add_argument("film", help="with a person and a cat in it")
    parser.add_argument("--output", type=Path, default=DOCS, help="the folder of the pictures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, port, page_port = Path(name), free_port(), free_port()
        broker = start_broker(folder, port)
        write_dashboard(folder)
        hass = await start_home_assistant(folder, port, settings(page_port))
        process = start_detector(arguments.detector, arguments.film, port, folder, name="Front door", zone="drive")
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
        await answer(session, "/api/onboarding/core_config", json={})
        await answer(session, "/api/onboarding/analytics", json={})
        await answer(session, "/api/onboarding/integration", json={"client_id": client, "redirect_uri": client})
    return {**tokens, "hassUrl": address, "clientId": client, "expires": 10**14}


async def answer(session: aiohttp.ClientSession, path: str, **body: Any) -> Any:
    async with session.post(path, **body) as response:
        response.raise_for_status()
        return await response.json()


async def photograph(hass: HomeAssistant, address: str, tokens: dict[str, Any], folder: Path) -> None:
    """Both pictures, at a moment when a person is in view."""
    assert await comes_true(lambda: states(hass).get("image.front_door_best_picture", "unknown") != "unknown")
    device = entries(hass)[0].device_id
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        pages = {"device": f"config/devices/device/{device}", "dashboard": "lovelace/0"}
        for name, path in pages.items():
            await take(hass, browser, tokens, f"{address}/{path}", folder / f"home-assistant-{name}.jpg")
        await browser.close()


async def take(hass: HomeAssistant, browser: Browser, tokens: dict[str, Any], address: str, path: Path) -> None:
    page = await open_page(browser, tokens, address)
    assert await comes_true(lambda: states(hass).get("binary_sensor.front_door_person_in_drive") == "on")
    await page.wait_for_timeout(2000)  # the page draws what has changed
    await page.screenshot(path=path, type="jpeg", quality=QUALITY)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    await page.close()


async def open_page(browser: Browser, tokens: dict[str, Any], address: str) -> Page:
    page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.set_default_timeout(LONGEST_MS)
    await page.add_init_script(f"localStorage.hassTokens = {json.dumps(json.dumps(tokens))}")
    await page.goto(address)
    await page.get_by_text("Front door").first.wait_for()
    await page.wait_for_timeout(5000)  # pictures and icons come one by one
    return page


if __name__ == "__main__":
    asyncio.run(main())
