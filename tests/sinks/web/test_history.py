"""The history through the page's API: visits of a day, their files, and what people change, while a run writes."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.events.database import Database, FileLink, Picture, link_files
from edge_detector.events.place import picture_file
from edge_detector.events.record import ENDED, HERE, Crossing, VisitRecord
from edge_detector.sinks.web.history import PAGE_VISITS
from edge_detector.sinks.web.visit_query import VisitQuery, day_limits
from edge_detector.types import Visit
from tests import make
from tests.events.visits import changed, record, visit
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import DEADLINE_S, Answer, Page, open_page

DAY = date(2026, 11, 29)
MORNING_S = datetime(2026, 11, 29, 8).astimezone().timestamp()
FILM = bytes(range(256)) * 40
JPEG = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()


def came(number: int, **values: Any) -> VisitRecord:
    """A visit that began so many seconds after eight o'clock."""
    return replace(record(number), started_s=MORNING_S + number, seen_s=MORNING_S + number + 10, **values)


@contextmanager
def history(make_context: MakeContext, folder: Path, *records: VisitRecord) -> Iterator[Page]:
    """A page whose run keeps visits, with those ``records``; the database is open, as that of a run is."""
    path = folder / "events.sqlite"
    with ExitStack() as stack:
        database = stack.enter_context(Database(path))
        database.put(records, {each.id: with_picture(path, each.id) for each in records})
        yield stack.enter_context(open_page(make_context(sinks=(f"events:{folder}",))))


def with_picture(path: Path, visit_id: str) -> Picture:
    file = picture_file(path, visit_id)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(JPEG)
    return Picture(file, len(JPEG))


def film(folder: Path, visit_id: str = "3f9a1c2e-1", name: str = "clip.mp4") -> Path:
    """A clip of a visit; what is in it does not count."""
    path = folder / name
    path.write_bytes(FILM)
    link_files(folder / "events.sqlite", [FileLink(visit_id, "clip", path)])
    return path


def ids(answer: Answer) -> list[str]:
    return [each["id"] for each in answer.json["visits"]]


def change(page: Page, visit_id: str, body: object) -> Answer:
    address = f"/api/visits/{visit_id}"
    return page.ask(address, method="PATCH", body=json.dumps(body), content_type="application/json")


# --- what is asked ---


def test_a_run_without_an_events_sink_says_which_one_to_add(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        for address in ("/api/visits", "/api/visit-counts", "/api/visit-heat"):
            answer = page.ask(address).json
            assert (answer["on"], "--sink events:." in answer["why"]) == (False, True)
        assert page.ask("/api/visits/3f9a1c2e-1").status == 404


def test_only_the_visits_of_one_camera(make_context: MakeContext, tmp_path: Path) -> None:
    visits = (came(1, source="porch"), came(2, source="yard", label="dog"), came(3, source="porch"))
    with history(make_context, tmp_path, *visits) as page:
        assert ids(page.ask("/api/visits?camera=porch")) == ["3f9a1c2e-3", "3f9a1c2e-1"]
        assert [each["source"] for each in page.ask("/api/visits").json["visits"]] == ["porch", "yard", "porch"]
        counts = page.ask("/api/visit-counts?camera=yard").json
        assert [(each["class"], each["visits"]) for each in counts["counts"]] == [("dog", 1)]
        assert counts["cameras"] == ["porch", "yard"]  # those of the whole day
        assert page.ask("/api/visit-heat?camera=yard").json["visits"] == 1


def test_the_newest_day_comes_first_with_what_is_known_of_each_visit(make_context: MakeContext, tmp_path: Path) -> None:
    earlier = replace(came(1), started_s=MORNING_S - 86400)
    visits = (earlier, came(2, zones={"door": 3.0}), came(3, label="dog", state=HERE))
    with history(make_context, tmp_path, *visits) as page:
        answer = page.ask("/api/visits").json
    assert (answer["day"], answer["earlier"], answer["later"]) == ("2026-11-29", "2026-11-28", None)
    assert answer["next"] is None
    dog, person = answer["visits"]
    assert (dog["class"], dog["state"], dog["duration_s"]) == ("dog", "here", 10.0)
    assert person == {
        "id": "3f9a1c2e-2",
        "source": "0",
        "class": "person",
        "score": 0.8,
        "started": datetime.fromtimestamp(MORNING_S + 2).astimezone().isoformat(timespec="seconds"),
        "duration_s": 10.0,
        "zones": {"door": 3.0},
        "state": "ended",
        "kept": False,
        "picture": True,
        "clip": False,
    }


def test_a_visit_that_goes_on_but_is_not_found_any_more_says_when_it_was(
    make_context: MakeContext, tmp_path: Path
) -> None:
    now_s = time.time()
    parked, gone, over = (
        replace(came(number), started_s=now_s - 400, seen_s=now_s - 200, state=HERE, stationary=True)
        for number in (1, 2, 3)
    )
    with history(make_context, tmp_path, parked, gone, replace(over, state=ENDED)) as page:
        # The database knows of the first one only what was five minutes ago; the run finds it in each frame.
        page.sink.write(changed("updated", seen_now(1)))
        answers = {each: page.ask(f"/api/visits/3f9a1c2e-{each}").json for each in (1, 2, 3)}
        page.sink.write(changed("ended", replace(seen_now(1), ended=True)))
        after = page.ask("/api/visits/3f9a1c2e-1").json
    assert [answers[each]["state"] for each in (1, 2, 3)] == ["here", "here", "ended"]
    assert ["last_seen" in answers[each] for each in (1, 2, 3)] == [False, True, False]
    assert answers[2]["last_seen"] == datetime.fromtimestamp(gone.seen_s).astimezone().isoformat(timespec="seconds")
    assert "last_seen" in after  # nothing newer is known than what the database says


def seen_now(number: int) -> Visit:
    return replace(visit(number), seen_ns=time.monotonic_ns())


def test_pages_follow_each_other_and_no_visit_is_left_out(make_context: MakeContext, tmp_path: Path) -> None:
    visits = [came(number) for number in range(2 * PAGE_VISITS + 5)]
    with history(make_context, tmp_path, *visits) as page:
        first = page.ask("/api/visits")
        second = page.ask(f"/api/visits?before={first.json['next']}")
        third = page.ask(f"/api/visits?before={second.json['next']}")
    assert [len(ids(answer)) for answer in (first, second, third)] == [PAGE_VISITS, PAGE_VISITS, 5]
    assert ids(first) + ids(second) + ids(third) == [each.id for each in reversed(visits)]
    assert third.json["next"] is None


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("class=dog", [2]),
        ("zone=door", [3]),
        ("score=0.75", [4, 3, 2]),
        ("hour=9", [4]),
        ("hour=8&class=person", [3, 1]),
        ("kept=yes", [1]),
        ("day=2026-11-28", []),
        ("class=&zone=&score=&hour=", [4, 3, 2, 1]),
        ("class=cat", []),
    ],
)
def test_visits_are_filtered(make_context: MakeContext, tmp_path: Path, question: str, numbers: list[int]) -> None:
    visits = [came(1, score=0.5), came(2, label="dog"), came(3, zones={"door": 1.0})]
    visits.append(replace(came(4), started_s=MORNING_S + 3600, seen_s=MORNING_S + 3700))
    with history(make_context, tmp_path, *visits) as page:
        assert change(page, "3f9a1c2e-1", {"kept": True}).status == 200
        assert ids(page.ask(f"/api/visits?{question}")) == [f"3f9a1c2e-{number}" for number in numbers]


@pytest.mark.parametrize(
    "question", ["day=yesterday", "hour=24", "hour=x", "score=1.5", "before=soon", "day=0000-00-00"]
)
def test_a_value_that_cannot_be_used_is_named(make_context: MakeContext, tmp_path: Path, question: str) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        answer = page.ask(f"/api/visits?{question}")
    name, value = question.split("=")
    assert (answer.status, answer.json["error"].startswith(f"{name} is '{value}'; expected ")) == (400, True)


def test_a_day_has_24_hours_of_which_each_begins_where_the_other_ends() -> None:
    limits = [VisitQuery(hour=hour).filter(DAY) for hour in range(24)]
    assert (limits[0].began_since_s, limits[-1].began_until_s) == day_limits(DAY)
    for one, following in pairwise(limits):
        assert one.began_until_s == following.began_since_s


def test_counts_are_of_each_hour_and_class(make_context: MakeContext, tmp_path: Path) -> None:
    visits = (came(1), came(2), came(3, label="dog"), came(3700, zones={"door": 1.0}))
    with history(make_context, tmp_path, *visits) as page:
        answer = page.ask("/api/visit-counts?hour=9").json  # all hours, so that another one can be chosen
        people = page.ask("/api/visit-counts?class=person&zone=door").json
    rows = [(each["hour"], each["class"], each["visits"]) for each in answer["counts"]]
    assert sorted(rows) == [(8, "dog", 1), (8, "person", 2), (9, "person", 1)]
    assert (answer["classes"], answer["zones"]) == (["dog", "person"], ["door"])
    assert [(each["hour"], each["visits"]) for each in people["counts"]] == [(9, 1)]
    assert people["classes"] == ["dog", "person"]  # so that another one can be chosen


def test_the_heat_map_has_a_grid(make_context: MakeContext, tmp_path: Path) -> None:
    visits = (came(1, path=((0.0, 0.0, 0.0), (9.0, 0.0, 0.99))), came(2, label="dog", path=((0.0, 0.0, 0.0),)))
    with history(make_context, tmp_path, *visits) as page:
        answer = page.ask("/api/visit-heat").json
        people = page.ask("/api/visit-heat?class=person").json
    assert answer["visits"] == 2
    assert [row[0] for row in answer["rows"]] == [2] + [1] * (len(answer["rows"]) - 1)
    assert sum(map(sum, people["rows"])) == len(answer["rows"])


def test_all_is_known_of_one_visit(make_context: MakeContext, tmp_path: Path) -> None:
    visit = came(1, path=((0.0, 0.1, 0.2), (4.0, 0.3, 0.4)), crossings=(Crossing("street", "in", 2.0),))
    with history(make_context, tmp_path, visit) as page:
        film(tmp_path)
        answer = page.ask("/api/visits/3f9a1c2e-1").json
        missing = page.ask("/api/visits/3f9a1c2e-9")
    assert answer["crossings"] == [{"line": "street", "direction": "in", "after_s": 2.0}]
    assert answer["path"] == [[0.0, 0.1, 0.2], [4.0, 0.3, 0.4]]
    assert (answer["width"], answer["height"], answer["clip"]) == (320, 240, True)
    assert answer["files"] == [
        {"kind": "clip", "name": "clip.mp4", "gone": False},
        {"kind": "picture", "name": "3f9a1c2e-1.jpg", "gone": False},
    ]
    assert (missing.status, missing.json["error"]) == (404, "this visit is not here any more")


def test_a_database_that_cannot_be_read_is_said_so(make_context: MakeContext, tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"no database at all" * 100)
    with open_page(make_context(sinks=(f"events:{tmp_path}",))) as page:
        answer = page.ask("/api/visits")
        assert (answer.status, "cannot read this database" in answer.json["error"]) == (503, True)
        assert page.ask("/api/status").status == 200


# --- files ---


def test_the_picture_of_a_visit_is_sent(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        answer = page.ask("/api/visits/3f9a1c2e-1/picture")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_part_of_a_film_is_sent(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        film(tmp_path)
        address = "/api/visits/3f9a1c2e-1/clip"
        whole = page.ask(address)
        part, end = (page.ask(address, range=f"bytes={asked}") for asked in ("100-199", "-10"))
        beyond = page.ask(address, range=f"bytes={len(FILM)}-")
        head = page.ask(address, method="HEAD")
    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, FILM, "video/mp4")
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert (part.status, part.body) == (206, FILM[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(FILM)}"
    assert (end.status, end.body) == (206, FILM[-10:])
    assert beyond.status == 416
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(FILM)), b"")


def test_only_films_and_pictures_of_visits_are_sent(make_context: MakeContext, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with history(make_context, tmp_path, came(1)) as page:
        link_files(tmp_path / "events.sqlite", [FileLink("3f9a1c2e-1", "snapshot", secret)])
        asked = ("snapshot", "secret.txt", "..%2f..%2fsecret.txt", "clip", "events.sqlite")
        answers = [page.ask(f"/api/visits/3f9a1c2e-1/{kind}") for kind in asked]
        assert [answer.status for answer in answers] == [404] * len(asked)
        assert page.ask("/api/visits/3f9a1c2e-1").json["files"][0]["kind"] == "picture"


def test_a_file_that_is_gone_is_not_found(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        film(tmp_path).unlink()
        answer = page.ask("/api/visits/3f9a1c2e-1/clip")
        assert (answer.status, answer.json["error"]) == (404, "this file is not here any more")
        assert page.ask("/api/visits/3f9a1c2e-1").json["files"][0] == {"kind": "clip", "name": "clip.mp4", "gone": True}


def test_the_newest_picture_is_there_without_boxes(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert page.ask("/frame.jpg").status == 503
        page.sink.write(make.result(1, ((10.0, 20.0, 110.0, 220.0), 0.9, 1)))
        picture = cv2.imdecode(np.frombuffer(page.ask("/frame.jpg").body, np.uint8), cv2.IMREAD_COLOR)
    assert (picture.shape, int(picture.max())) == ((240, 320, 3), 0)


# --- changes ---


def test_a_visit_is_deleted_with_its_files(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1), came(2)) as page:
        clip = film(tmp_path)
        assert page.ask("/api/visits/3f9a1c2e-1", method="DELETE").status == 200
        assert ids(page.ask("/api/visits")) == ["3f9a1c2e-2"]
        assert not clip.exists()
        again = page.ask("/api/visits/3f9a1c2e-1", method="DELETE")
        assert (again.status, again.json["error"]) == (404, "this visit is not here any more")


def test_a_visit_that_goes_on_is_not_deleted(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1, state=HERE)) as page:
        answer = page.ask("/api/visits/3f9a1c2e-1", method="DELETE")
        assert (answer.status, answer.json["error"]) == (409, "this visit goes on; delete it when it has ended")
        assert ids(page.ask("/api/visits")) == ["3f9a1c2e-1"]


def test_a_visit_is_kept_and_let_go(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        for kept in (True, False):
            assert change(page, "3f9a1c2e-1", {"kept": kept}).status == 200
            assert page.ask("/api/visits").json["visits"][0]["kept"] is kept
        assert change(page, "nobody", {"kept": True}).status == 404


@pytest.mark.parametrize("body", [{}, {"kept": "yes"}, [], 1, None])
def test_only_true_and_false_are_taken(make_context: MakeContext, tmp_path: Path, body: object) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        assert change(page, "3f9a1c2e-1", body).status == 400
        form = page.ask("/api/visits/3f9a1c2e-1", method="PATCH", body='{"kept": true}', content_type="text/plain")
        assert form.status == 415
        assert page.ask("/api/visits").json["visits"][0]["kept"] is False


def test_another_site_deletes_nothing(make_context: MakeContext, tmp_path: Path) -> None:
    with history(make_context, tmp_path, came(1)) as page:
        answer = page.ask("/api/visits/3f9a1c2e-1", method="DELETE", origin="http://evil.example")
        assert answer.status == 403
        assert ids(page.ask("/api/visits")) == ["3f9a1c2e-1"]


def test_a_database_that_another_one_holds_for_long_is_said_so(
    make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_detector.events.changes.TIMEOUT_S", 0.05)
    with history(make_context, tmp_path, came(1)) as page, ExitStack() as stack:
        other = sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)
        stack.callback(other.close)
        other.execute("BEGIN IMMEDIATE")
        answer = page.ask("/api/visits/3f9a1c2e-1", method="DELETE")
        assert (answer.status, answer.json["error"]) == (503, "cannot be changed: database is locked")


def test_a_file_is_closed_though_the_viewer_leaves_while_it_is_opened(
    make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, left = threading.Event(), threading.Event()
    files: list[IO[Any]] = []
    open_now = Path.open

    def open_slowly(path: Path, *options: Any) -> IO[Any]:
        if path.suffix != ".jpg":
            return open_now(path, *options)
        asked.set()
        left.wait(DEADLINE_S)
        files.append(open_now(path, *options))
        return files[-1]

    with history(make_context, tmp_path, came(1)) as page:
        monkeypatch.setattr(Path, "open", open_slowly)
        with page.connect() as viewer:
            viewer.sendall(b"GET /api/visits/3f9a1c2e-1/picture HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert asked.wait(DEADLINE_S)
        for _ in range(3):
            page.ask("/healthz")  # by then the server knows that the viewer is gone
        left.set()
    (file,) = files
    assert file.closed


def test_closing_beside_a_viewer_who_has_stopped_to_read_a_clip_says_nothing(
    make_context: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as viewers, history(make_context, tmp_path, came(1)) as page:
        with film(tmp_path).open("ab") as clip:
            clip.truncate(10**7)  # more than fits on its way
        viewer = viewers.enter_context(page.connect(receive_bytes=4096))
        viewer.sendall(b"GET /api/visits/3f9a1c2e-1/clip HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert viewer.recv(12) == b"HTTP/1.1 200"
    assert caplog.messages == []


def test_of_ten_thousand_visits_of_a_day_a_page_is_shown(make_context: MakeContext, tmp_path: Path) -> None:
    path = tuple((float(second), second / 100, 0.5) for second in range(100))
    visits = [replace(record(number), started_s=MORNING_S + number / 10, path=path) for number in range(10_000)]
    with Database(tmp_path / "events.sqlite") as database:
        database.put(visits, {})
    with open_page(make_context(sinks=(f"events:{tmp_path}",))) as page:
        assert len(ids(page.ask("/api/visits"))) == PAGE_VISITS
        assert sum(each["visits"] for each in page.ask("/api/visit-counts").json["counts"]) == 10_000
        assert page.ask("/api/visit-heat").json["visits"] == 2000


# --- who may look, and who may change ---


VIEWER = "only-for-those-who-look-on"
CHANGES = (
    ("PATCH", "/api/settings", {"confidence": 0.9}),
    ("PUT", "/api/places", {"zones": []}),
    ("POST", "/api/mistakes/frozen", {"sequence": 1}),
    ("PUT", "/api/mistakes/000001-abcdef", {"objects": []}),
    ("DELETE", "/api/mistakes/000001-abcdef", None),
    ("PATCH", "/api/visits/3f9a1c2e-1", {"kept": True}),
    ("DELETE", "/api/visits/3f9a1c2e-1", None),
)
LOOKS = ("/", "/history", "/review", "/api/status", "/api/settings", "/api/history", "/api/places", "/metrics")


@contextmanager
def two_tokens(make_context: MakeContext, folder: Path) -> Iterator[Page]:
    files = {name: folder / name for name in ("owner", "viewer")}
    for (_, file), secret in zip(files.items(), ("correct-horse-battery-staple", VIEWER), strict=True):
        file.write_text(secret)
        file.chmod(0o600)
    with Database(folder / "events.sqlite") as database:
        database.put([came(1)], {})
        options = f"web:0?token_file={files['owner']}&viewer_token_file={files['viewer']}"
        with open_page(make_context(sinks=(f"events:{folder}",)), options) as page:
            yield page


def session(page: Page, token: str) -> str:
    """The cookie of a browser that has logged in with ``token``."""
    answer = page.ask("/login", method="POST", body=f"token={token}", content_type="application/x-www-form-urlencoded")
    assert answer.status == 303
    return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize("way", ["cookie", "authorization"])
def test_a_viewer_looks_at_everything_and_changes_nothing(make_context: MakeContext, tmp_path: Path, way: str) -> None:
    with two_tokens(make_context, tmp_path) as page:
        shown = {way: session(page, VIEWER) if way == "cookie" else f"Bearer {VIEWER}"}
        assert {address: page.ask(address, **shown).status for address in LOOKS} == dict.fromkeys(LOOKS, 200)
        for method, address, body in CHANGES:
            text = None if body is None else json.dumps(body)
            answer = page.ask(address, method=method, body=text, content_type="application/json", **shown)
            assert answer.status == 403, address
            assert answer.json["error"].startswith("this token may look at everything, and change nothing")
        assert page.context.detector.thresholds.confidence == 0.5
        assert page.ask("/api/visits", **shown).json["visits"][0]["kept"] is False


def test_the_page_hides_from_viewers_what_changes_something(make_context: MakeContext, tmp_path: Path) -> None:
    with two_tokens(make_context, tmp_path) as page:
        for token, access in ((VIEWER, "look"), ("correct-horse-battery-staple", "change")):
            for address in ("/", "/history", "/review"):
                assert f'data-access="{access}"' in page.ask(address, authorization=f"Bearer {token}").text


def test_the_owner_changes_everything(make_context: MakeContext, tmp_path: Path) -> None:
    with two_tokens(make_context, tmp_path) as page:
        shown = {"cookie": session(page, "correct-horse-battery-staple")}
        body = json.dumps({"confidence": 0.9})
        answer = page.ask("/api/settings", method="PATCH", body=body, content_type="application/json", **shown)
        assert answer.status == 200
        assert page.ask("/api/visits/3f9a1c2e-1", method="DELETE", **shown).status == 200


def test_a_viewer_logs_out_but_not_everybody(make_context: MakeContext, tmp_path: Path) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    with two_tokens(make_context, tmp_path) as page:
        owner, viewer = session(page, "correct-horse-battery-staple"), session(page, VIEWER)
        assert page.ask("/logout", method="POST", body="everywhere=yes", cookie=viewer, **form).status == 403
        assert page.ask("/api/status", cookie=owner).status == 200
        assert page.ask("/logout", method="POST", body="", cookie=viewer, **form).status == 303
        assert page.ask("/api/status", cookie=viewer).status == 401


def test_the_address_with_a_viewers_token_starts_a_viewers_session(make_context: MakeContext, tmp_path: Path) -> None:
    with two_tokens(make_context, tmp_path) as page:
        cookie = page.ask(f"/?token={VIEWER}").headers["Set-Cookie"].partition(";")[0]
        assert page.ask("/api/status", cookie=cookie).status == 200
        assert page.ask("/api/visits/3f9a1c2e-1", method="DELETE", cookie=cookie).status == 403


def test_wrong_tokens_are_refused_with_two_tokens_as_with_one(make_context: MakeContext, tmp_path: Path) -> None:
    with two_tokens(make_context, tmp_path) as page:
        answers = [page.ask("/api/status", authorization="Bearer guess").status for _ in range(6)]
        assert answers == [401] * 5 + [429]


def test_a_viewers_token_alone_or_the_same_one_twice_is_an_error(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(VIEWER)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="viewer_token_file is given without token_file"):
        open_page(make_context(), f"web:0?viewer_token_file={file}").__enter__()
    with pytest.raises(ConfigError, match="viewers have the token that may change everything"):
        open_page(make_context(), f"web:0?token_file={file}&viewer_token_file={file}").__enter__()
