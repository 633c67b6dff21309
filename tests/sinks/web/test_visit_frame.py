"""Marking mistakes on the frame of a past visit, of which the sink snapshots has kept one without boxes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_detector.events.database import FileLink, link_files
from edge_detector.mistakes.store import Store
from tests.events.visits import record, write
from tests.mistakes.pictures import jpeg
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import Answer, Page, open_page

FOUND = {
    "time": "2026-11-29T08:00:01.000+00:00",
    "width": 320,
    "height": 240,
    "detections": [{"label": "dog", "class_id": 1, "score": 0.9, "box": [10.0, 20.0, 110.0, 220.0]}],
}
SAID = {"objects": [{"found": 0, "verdict": "relabelled", "label": "cat"}], "exhaustive": ["cat", "dog"]}


def snapshot(folder: Path, *, clean: bool = True, found: str = json.dumps(FOUND)) -> None:
    """A visit with a snapshot, as the sink writes it."""
    write(folder / "events.sqlite", record(1), record(2))
    stem = folder / "2026-11-29_08-00-01.000Z_dog"
    for suffix, content in ((".jpg", jpeg()), (".json", found.encode()), (".clean.jpg", jpeg())):
        if clean or suffix != ".clean.jpg":
            stem.with_name(stem.name + suffix).write_bytes(content)
    link_files(folder / "events.sqlite", [FileLink("3f9a1c2e-1", "snapshot", stem.with_name(f"{stem.name}.jpg"))])


@contextmanager
def marking(make_context: MakeContext, folder: Path) -> Iterator[Page]:
    context = make_context(sinks=(f"events:{folder}",))
    with open_page(context, f"web:127.0.0.1:0?mistakes={folder / 'mistakes'}") as page:
        yield page


def hold(page: Page, visit: object) -> Answer:
    return page.ask(
        "/api/mistakes/visit", method="POST", body=json.dumps({"visit": visit}), content_type="application/json"
    )


def test_the_frame_of_a_past_visit_is_marked(make_context: MakeContext, tmp_path: Path) -> None:
    snapshot(tmp_path)
    with marking(make_context, tmp_path) as page:
        assert page.ask("/api/visits/3f9a1c2e-1").json["can_mark"] is True
        held = hold(page, "3f9a1c2e-1").json
        assert held["detections"] == [{"label": "dog", "score": 0.9, "box": [10.0, 20.0, 110.0, 220.0]}]
        assert page.ask(f"/api/mistakes/{held['id']}.jpg").body == jpeg()
        address = f"/api/mistakes/{held['id']}"
        assert page.ask(address, method="PUT", body=json.dumps(SAID), content_type="application/json").status == 200
    (kept,) = Store(tmp_path / "mistakes").kept()
    assert [(mark.verdict, mark.label) for mark in kept.marks] == [("relabelled", "cat")]
    assert (kept.source, kept.taken_s) == ("0", 1795939201.0)


@pytest.mark.parametrize("found", ["no JSON", "{}", "[]", '{"time": "soon"}', '{"time": 5}'])
def test_a_damaged_snapshot_cannot_be_marked(make_context: MakeContext, tmp_path: Path, found: str) -> None:
    snapshot(tmp_path, found=found)
    with marking(make_context, tmp_path) as page:
        assert hold(page, "3f9a1c2e-1").status == 404


def test_without_a_clean_frame_nothing_is_marked(make_context: MakeContext, tmp_path: Path) -> None:
    snapshot(tmp_path, clean=False)
    with marking(make_context, tmp_path) as page:
        for visit in ("3f9a1c2e-1", "3f9a1c2e-2"):
            assert page.ask(f"/api/visits/{visit}").json["can_mark"] is False
        for visit in ("3f9a1c2e-1", "3f9a1c2e-2", "nobody"):
            answer = hold(page, visit)
            assert (answer.status, "snapshots:FOLDER?clean=true" in answer.json["error"]) == (404, True)
        assert [hold(page, visit).status for visit in (7, None, ["x"])] == [400] * 3


def test_where_no_mistakes_are_kept_a_visit_cannot_be_marked(make_context: MakeContext, tmp_path: Path) -> None:
    snapshot(tmp_path)
    with open_page(make_context(sinks=(f"events:{tmp_path}",))) as page:
        assert page.ask("/api/visits/3f9a1c2e-1").json["can_mark"] is False
        assert hold(page, "3f9a1c2e-1").status == 409
