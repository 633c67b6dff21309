"""Make docs/page.jpg: the web page in a browser, beside a detector that looks at the demonstration clip.

    pip install playwright && apt-get install chromium && python scripts/make_page_picture.py

The picture is in the repository already; this is how it was made.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
OPTIONS = ("--source", "demo/demo.mp4", "--loop", "--realtime", "--sink", "web:127.0.0.1:0")
PLACES = """
[[zones]]
name = "table"
polygon = [[0.06, 0.55], [0.95, 0.55], [0.95, 0.97], [0.06, 0.97]]
"""
IN_VIEW = """(wanted) => {
  const names = [...document.querySelectorAll("#seen .name")].map((each) => each.textContent).sort();
  return JSON.stringify(names) === JSON.stringify(wanted) && !document.querySelector("#boxes .held");
}"""
VIEWPORT = {"width": 1280, "height": 1030}
QUALITY = 76  # of the JPEG
DEADLINE_MS = 120_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "page.jpg")
    parser.add_argument("--seconds", type=float, default=100.0, help="how much of the charts is filled; at most 120")
    parser.add_argument("--labels", default="cup,dining table", help="what is in view on the picture, and nothing else")
    arguments = parser.parse_args()
    with detector() as address:
        photograph(address, arguments.output, arguments.seconds, arguments.labels.split(","))
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1000:.0f} kB")


@contextmanager
def detector() -> Iterator[str]:
    """The address of the page of a running detector."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as places:
        places.write(PLACES)
        places.flush()
        yield from _address([sys.executable, "-m", "edge_detector", *OPTIONS, "--config", places.name])


def _address(command: Sequence[str]) -> Iterator[str]:
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            yield next(line.split()[-1] for line in process.stderr if "web page: " in line)
        finally:
            process.terminate()


def photograph(address: str, output: Path, seconds: float, labels: Sequence[str]) -> None:
    """The page after so many seconds, at a moment when these are in view."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=VIEWPORT)
        page.set_default_timeout(DEADLINE_MS)
        page.goto(address)
        page.wait_for_selector("#state[data-state=live]")
        page.wait_for_timeout(1000 * seconds)
        page.wait_for_function(IN_VIEW, arg=sorted(labels))
        page.screenshot(path=output, type="jpeg", quality=QUALITY)
        browser.close()


if __name__ == "__main__":
    main()
