"""The page of a run with several cameras."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.cameras import Camera
from edge_detector.image_files import decode_image
from edge_detector.mistakes.store import Store
from edge_detector.running.context import ConfigFile
from edge_detector.running.meter import Meter
from edge_detector.running.places import Count, PlaceCount
from edge_detector.sinks.web.camera_places_file import with_camera_edits
from edge_detector.sinks.web.places_file import Table, Tables, edits
from edge_detector.track.places import Zone
from edge_detector.types import Box, Frame, Result
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import Answer, FakePlaces, Page, open_page

CAMERAS = Camera("0", name="porch"), Camera("1", name="yard")
CORNERS = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.9))
PERSON = ((100.0, 40.0, 200.0, 240.0), 0.9, 0)


class Working:
    name, dropped, silent_s = "porch", 7, None


class Silent:
    name, dropped, silent_s = "yard", 0, 12.4


def seen(camera: str, value: int, *rows: tuple[Box, float, int], sequence: int = 0) -> Result:
    """A frame of one shade of grey."""
    picture = np.full((360, 640, 3), value, np.uint8)
    return replace(make.result(0, *rows), frame=Frame(picture, sequence, sequence, camera=camera))


def test_the_page_shows_all_and_speaks_of_each(make_context: MakeContext) -> None:
    meter = Meter(cameras=(Working(), Silent()), temperature=lambda: None, throttling=lambda: None)
    with open_page(make_context(meter=meter, cameras=CAMERAS)) as page:
        for result in (seen("porch", 50), seen("yard", 200)):
            meter.record(result)
            page.sink.write(result)
        image = cv2.imdecode(np.frombuffer(page.ask("/snapshot.jpg").body, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (720, 1280, 3)
        assert image[250:450, 50:500].mean() == pytest.approx(50, abs=2)
        assert image[250:450, 700:1200].mean() == pytest.approx(200, abs=2)
        assert page.ask("/healthz").text == "ok\nporch unknown\nyard silent for 12 s\n"
        assert page.ask("/api/status").json["cameras"] == {
            "porch": {"fps": None, "dropped": 7, "silent_s": None},
            "yard": {"fps": None, "dropped": 0, "silent_s": 12.4},
        }
        metrics = page.ask("/metrics").text
    assert 'edge_detector_camera_frames_dropped_total{camera="porch"} 7.0' in metrics
    assert 'edge_detector_camera_silent_seconds{camera="yard"} 12.4' in metrics


def test_one_camera_has_no_list_of_cameras(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(make.result())
        assert "cameras" not in page.ask("/api/status").json
        assert page.ask("/healthz").text == "ok\n"
        assert "camera_" not in page.ask("/metrics").text


# --- one of them ---


@contextmanager
def several(make_context: MakeContext, text: str = "web:127.0.0.1:0", **fields: Any) -> Iterator[Page]:
    """A page of two cameras, each with places of its own."""
    camera_places = {camera.name: FakePlaces() for camera in CAMERAS}
    context = replace(make_context(cameras=CAMERAS), **{"camera_places": camera_places, **fields})
    with open_page(context, text) as page:
        yield page


def put(page: Page, address: str, body: object, *, method: str = "PUT") -> Answer:
    return page.ask(address, method=method, body=json.dumps(body), content_type="application/json")


def decoded(answer: Answer) -> NDArray[np.uint8]:
    return cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)


def test_each_camera_has_streams_of_its_own(make_context: MakeContext) -> None:
    with several(make_context) as page:
        page.sink.write(seen("porch", 50))
        page.sink.write(seen("yard", 200, PERSON))
        for address in ("/snapshot.jpg", "/frame.jpg"):
            assert decoded(page.ask(f"{address}?camera=porch")).shape == (360, 640, 3)
            assert decoded(page.ask(f"{address}?camera=porch")).mean() == pytest.approx(50, abs=2)
        with page.viewer("/stream.mjpg?camera=porch") as viewer:
            assert viewer.picture().mean() == pytest.approx(50, abs=2)
        with page.viewer("/api/pictures?camera=yard") as viewer:
            found, picture = viewer.clean_picture()
        assert (found["width"], found["height"], picture.shape) == (640, 360, (360, 640, 3))
        assert [each["box"] for each in found["detections"]] == [list(PERSON[0])]
        with page.viewer("/api/detections?camera=yard") as viewer:
            assert viewer.event() == found
        with page.viewer("/api/detections?camera=porch") as viewer:
            assert viewer.event()["detections"] == []


def test_a_viewer_of_one_camera_gets_nothing_of_another(make_context: MakeContext) -> None:
    with several(make_context) as page:
        page.sink.write(seen("porch", 50))
        with page.viewer("/api/pictures?camera=porch") as viewer:
            viewer.clean_picture()
            page.sink.write(seen("yard", 200))
            page.sink.write(seen("porch", 90, sequence=1))
            found, picture = viewer.clean_picture()
    assert (found["sequence"], picture.mean()) == (1, pytest.approx(90, abs=2))


@pytest.mark.parametrize("address", ["/stream.mjpg", "/frame.jpg", "/api/pictures", "/api/status", "/api/places"])
def test_an_unknown_camera_is_an_error_that_lists_the_known_ones(address: str, make_context: MakeContext) -> None:
    with several(make_context) as page:
        answer = page.ask(f"{address}?camera=prch")
        assert (answer.status, answer.json["error"]) == (
            404,
            "unknown camera 'prch'; did you mean 'porch'? known: porch, yard",
        )
    with open_page(make_context()) as page:
        answer = page.ask(f"{address}?camera=prch")
        assert (answer.status, "without a name" in answer.json["error"]) == (404, True)


def test_the_state_of_one_camera(make_context: MakeContext) -> None:
    with several(make_context) as page:
        for camera in ("porch", "porch", "yard"):
            page.sink.write(seen(camera, 50))
        page.clock.now += 60
        page.sink.write(seen("yard", 60, sequence=1))
        states = {name: page.ask(f"/api/status?camera={name}").json for name in ("porch", "yard")}
        whole = page.ask("/api/status").json
    assert [states[name]["results"] for name in states] == [2, 2]
    assert [states[name]["frame_age_s"] for name in states] == [60, 0]
    assert states["porch"]["trouble"] == "no new frame for 60 s"
    assert states["yard"]["trouble"] is whole["trouble"] is None
    assert whole["results"] == 4


def test_where_each_camera_is_in_the_picture_of_all(make_context: MakeContext) -> None:
    with several(make_context) as page:
        assert page.ask("/api/cameras").json == {
            "cameras": [{"name": "porch", "tile": [0, 0, 0.5, 1]}, {"name": "yard", "tile": [0.5, 0, 1, 1]}]
        }
    with open_page(make_context()) as page:
        assert page.ask("/api/cameras").json == {"cameras": []}
        assert "one camera, without a name" in page.ask("/api/cameras?camera=porch").json["unknown"]


def test_viewers_who_change_cameras_fast_leave_nothing_behind(make_context: MakeContext) -> None:
    with several(make_context) as page:
        for name in ("porch", "yard"):
            page.sink.write(seen(name, 50))
            with page.viewer(f"/api/pictures?camera={name}") as viewer:
                viewer.clean_picture()
        before = threading.active_count()
        with page.viewer("/api/pictures") as steady:
            steady.clean_picture()
            for number in range(40):
                with page.viewer(f"/api/pictures?camera={('porch', 'yard')[number % 2]}"):
                    page.sink.write(seen("porch", 50, sequence=number + 1))
            assert steady.clean_picture()[1].shape == (720, 1280, 3)
        while page.ask("/api/status").json["viewers"]:
            pass
        assert threading.active_count() == before


# --- its zones, lines and masks ---


def test_places_are_those_of_one_camera(make_context: MakeContext) -> None:
    counted = [PlaceCount(Zone("door", CORNERS), {Count("door", "person"): 3})]
    places = {"porch": FakePlaces(counted=counted), "yard": FakePlaces()}
    with several(make_context, camera_places=places) as page:
        answer = put(page, "/api/places?camera=porch", {"zones": [DOOR]})
        assert (answer.status, answer.json["zones"], answer.json["editable"]) == (200, [DOOR], True)
        assert page.ask("/api/places?camera=porch").json["zones"] == places["porch"].now["zones"] == [DOOR]
        assert page.ask("/api/places?camera=yard").json["zones"] == places["yard"].now["zones"] == []
        assert page.ask("/api/places").json["editable"] is False
        refused = put(page, "/api/places", {"zones": []})
        assert (refused.status, refused.json["error"]) == (
            409,
            "this run has several cameras; add ?camera=NAME: porch, yard",
        )
        complaint = put(page, "/api/places?camera=porch", {"zones": [{"name": "x", "polygon": [[0, 0], [1, 1]]}]})
        assert (complaint.status, complaint.json["kind"], complaint.json["index"]) == (400, "zones", 0)
        counts = page.ask("/api/status?camera=porch").json["counts"]
        assert counts == [{"kind": "zone", "name": "door", "entered": {"person": 3}}]
        assert page.ask("/api/status").json["counts"] == page.ask("/api/status?camera=yard").json["counts"] == []
        metrics = page.ask("/metrics").text
    assert 'edge_detector_zone_visits_total{camera="porch",label="person",zone="door"} 3.0' in metrics


def test_places_are_saved_in_the_table_of_their_camera(make_context: MakeContext, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT)
    with several(make_context, config_file=ConfigFile(path)) as page:
        assert put(page, "/api/places?camera=yard", {"zones": [DOOR]}).json["kept"] == f"saved in {path}"
        assert tomllib.loads(path.read_text())["source"][1]["zones"] == [DOOR]
    with several(make_context, config_file=ConfigFile(path, frozenset({"source"}))) as page:
        kept = put(page, "/api/places?camera=yard", {"zones": []}).json["kept"]
    assert kept.startswith("until the next start or reload: the command line says --source")


def test_one_camera_with_a_name_has_places_in_its_table(make_context: MakeContext, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[[source]]\nname = "porch"\nsource = 0\n')
    places = FakePlaces()
    whole = replace(make_context(cameras=CAMERAS[:1]), camera_places={"porch": places}, config_file=ConfigFile(path))
    with open_page(whole.of_camera(CAMERAS[0])) as page:
        assert page.ask("/api/places").json["editable"] is True
        for number, address in enumerate(("/api/places", "/api/places?camera=porch")):
            zone = {**DOOR, "name": f"door {number}"}
            assert put(page, address, {"zones": [zone]}).json["kept"] == f"saved in {path}"
            assert tomllib.loads(path.read_text()) == {"source": [{"name": "porch", "source": 0, "zones": [zone]}]}


TEXT = """\
confidence = 0.4  # low

# Who comes.
[[source]]  # at the front
name = "porch"
source = 0  # the first one

[[source.zones]]  # the step
name = "step"
polygon = [[0, 0], [1, 0], [1, 1]]  # all of it

# Behind the house.
[[source]]
source = "1"
name = "yard"

# Not so often.
[class_confidence]
person = 0.6  # the last line
"""
DOOR = {"name": "door", "polygon": [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]}
STEP = {"name": "step", "polygon": [[0, 0], [1, 0], [1, 1]]}
GATE = {"name": "gate", "points": [[0.2, 0.5], [0.8, 0.5]]}
NOTHING: Tables = {"zones": [], "lines": [], "masks": []}


def changed(camera: str, before: Tables, text: str = TEXT, **after: list[Table]) -> str:
    return with_camera_edits(text, edits(before, {**before, **after}), camera=camera)


def test_a_first_zone_comes_at_the_end_of_its_camera() -> None:
    expected = f"""name = "yard"

[[source.zones]]
name = "door"
polygon = {DOOR["polygon"]}

# Not so often."""
    assert changed("yard", NOTHING, zones=[DOOR]) == TEXT.replace('name = "yard"\n\n# Not so often.', expected)


def test_a_second_one_comes_behind_the_first_and_comments_stay() -> None:
    text = changed("porch", {**NOTHING, "zones": [STEP]}, zones=[STEP, DOOR], lines=[GATE])
    last = "polygon = [[0, 0], [1, 0], [1, 1]]  # all of it\n"
    door = f'\n[[source.zones]]\nname = "door"\npolygon = {DOOR["polygon"]}\n'
    gate = f'\n[[source.lines]]\nname = "gate"\npoints = {GATE["points"]}\n'
    assert text == TEXT.replace(last, last + door + gate)


def test_a_changed_zone_changes_its_own_lines_only() -> None:
    text = changed("porch", {**NOTHING, "zones": [STEP]}, zones=[{**STEP, "name": "stairs"}])
    assert text == TEXT.replace('name = "step"', 'name = "stairs"')
    assert changed("porch", {**NOTHING, "zones": [STEP]}, zones=[]) == re.sub(
        r"\[\[source.zones.*all of it\n", "", TEXT, flags=re.DOTALL
    )


def test_a_camera_without_a_name_is_found_by_its_number() -> None:
    text = TEXT.replace('name = "yard"\n', "")
    assert tomllib.loads(changed("camera-2", NOTHING, text, zones=[DOOR]))["source"][1]["zones"] == [DOOR]


def test_the_last_line_may_lack_its_end_and_lines_may_end_as_on_windows() -> None:
    text = TEXT[: TEXT.index("\n\n# Not so often")].replace("\n", "\r\n")
    found = changed("yard", NOTHING, text, zones=[DOOR])
    assert tomllib.loads(found)["source"][1]["zones"] == [DOOR]
    assert found.startswith(text)
    assert "\n" not in found.replace("\r\n", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT, "no table .* with the name 'cellar'"),
        ('source = ["0", "1"]\n', "no table .* with the name 'cellar'"),
        ('source = [{name = "cellar", source = 0}]\n', "not written as tables"),
        ('[[source]]\nname = "cellar"\nsource = 0\nzones = [{name = "a", polygon = [[0,0],[1,0],[1,1]]}]\n', "tables"),
        ("[[source]\n", "Expected"),
    ],
)
def test_a_file_that_cannot_be_changed_line_by_line_stays(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        changed("cellar", NOTHING, text, zones=[DOOR])


def test_the_last_picture_of_a_camera_that_is_lost_gets_a_new_mask(make_context: MakeContext) -> None:
    with several(make_context) as page:
        page.sink.write(seen("porch", 200))
        page.sink.write(seen("yard", 200))
        for address in ("/snapshot.jpg?camera=yard", "/snapshot.jpg"):
            assert decoded(page.ask(address))[300:400, -200:].mean() == pytest.approx(200, abs=2)
        put(
            page,
            "/api/places?camera=yard",
            {"masks": [{"kind": "privacy", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}]},
        )
        for address in ("/snapshot.jpg", "/frame.jpg"):
            assert decoded(page.ask(f"{address}?camera=yard"))[:, -200:].mean() < 2
            assert decoded(page.ask(address))[300:400, -200:].mean() < 2
            assert decoded(page.ask(address))[300:400, 100:300].mean() == pytest.approx(200, abs=2)


# --- mistakes on its pictures ---


def watched(page: Page, camera: str, value: int) -> None:
    """Somebody sees that frame of that camera."""
    page.sink.write(seen(camera, value, PERSON, sequence=7))
    with page.viewer(f"/api/pictures?camera={camera}") as viewer:
        viewer.clean_picture()


def test_the_marked_picture_is_that_of_the_camera(make_context: MakeContext, tmp_path: Path) -> None:
    with several(make_context, f"web:127.0.0.1:0?mistakes={tmp_path}&unsure=0") as page:
        watched(page, "porch", 50)
        watched(page, "yard", 200)
        assert put(page, "/api/mistakes/frozen", {"sequence": 7}, method="POST").status == 409
        frozen = put(page, "/api/mistakes/frozen?camera=porch", {"sequence": 7}, method="POST").json
        assert frozen["camera"] == "porch"
        assert decoded(page.ask(f"/api/mistakes/{frozen['id']}.jpg")).mean() == pytest.approx(50, abs=2)
        said = {"objects": [{"found": 0, "verdict": "wrong"}], "exhaustive": []}
        assert put(page, f"/api/mistakes/{frozen['id']}", said).status == 200
    (kept,) = Store(tmp_path).kept()
    assert kept.source == "porch"


def test_the_picture_of_all_cannot_be_marked(make_context: MakeContext, tmp_path: Path) -> None:
    with several(make_context, f"web:127.0.0.1:0?mistakes={tmp_path}&unsure=0") as page:
        page.sink.write(seen("porch", 50))
        with page.viewer("/api/pictures") as viewer:
            viewer.clean_picture()
        answer = put(page, "/api/mistakes/frozen?camera=porch", {"sequence": 0}, method="POST")
    assert answer.status == 410


def test_a_kept_picture_has_the_privacy_masks_of_its_camera(make_context: MakeContext, tmp_path: Path) -> None:
    mask = {"kind": "privacy", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    with several(make_context, f"web:127.0.0.1:0?mistakes={tmp_path}&unsure=0") as page:
        put(page, "/api/places?camera=yard", {"masks": [mask]})
        for camera in ("porch", "yard"):
            watched(page, camera, 200)
            address = f"/api/mistakes/frozen?camera={camera}"
            id_ = put(page, address, {"sequence": 7}, method="POST").json["id"]
            put(page, f"/api/mistakes/{id_}", {"objects": [{"found": 0, "verdict": "right"}], "exhaustive": []})
    store = Store(tmp_path)
    left = {each.source: decode_image(store.jpeg(each.id) or b"").image[:, :300].mean() for each in store.kept()}
    assert left == {"porch": pytest.approx(200, abs=2), "yard": pytest.approx(0, abs=2)}
