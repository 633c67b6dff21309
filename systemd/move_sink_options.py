"""Rewrites a configuration file of an earlier version: three options of sinks become part of the line ``sinks``.

python3 move_sink_options.py FILE.toml

It needs only Python. What it cannot move it leaves; the program then says what to write.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

MOVED = {
    "telemetry_csv": ("telemetry", "csv"),
    "telemetry_interval": ("telemetry", "interval"),
    "web_token_file": ("web", "token_file"),
}
DEFAULTS = {"telemetry_interval": 10}


def move(text: str) -> str:
    """The configuration ``text`` in its new form; its comments stay."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text
    sinks = list(values.get("sinks", []))
    for name in sorted(MOVED.keys() & values.keys()):
        if values[name] == DEFAULTS.get(name):
            text = without(text, name)
        elif sinks and one_line(text, "sinks"):
            sinks = with_option(sinks, *MOVED[name], values[name])
            text = without(text, name)
    line = f"sinks = {json.dumps(sinks, ensure_ascii=False)}"
    return re.sub(r"(?m)^sinks *=.*$", lambda _: line, text) if sinks != values.get("sinks", []) else text


def with_option(sinks: list[str], sink: str, key: str, value: object) -> list[str]:
    """``sinks`` with ``key=value`` at each named ``sink``; if there is none, it is added."""
    if sink not in map(name_of, sinks):
        sinks = [*sinks, sink]
    option = f"{key}={quote(str(value), safe='/:')}"
    return [f"{each}{'&' if '?' in each else '?'}{option}" if name_of(each) == sink else each for each in sinks]


def name_of(sink: str) -> str:
    return re.split("[:?]", sink)[0]


def one_line(text: str, name: str) -> bool:
    return re.search(rf"(?m)^{name} *= *\[.*\] *$", text) is not None


def without(text: str, name: str) -> str:
    """``text`` without the line ``name = ...``, the comment right above it and the empty line below."""
    return re.sub(rf"(?m)(?:^#[^\n]*\n)?^{name} *=.*\n?\n?", "", text)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(move(file.read_text(encoding="utf-8")), encoding="utf-8")
