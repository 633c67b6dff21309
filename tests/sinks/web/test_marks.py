"""Marking mistakes through the page's API: the very picture that was seen, what is said of it, and the review."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.mistakes.store import Store
from edge_detector.options import Spec
from edge_detector.sinks.web import WebSink
from edge_detector.sinks.web.marking import MOST_HELD, Marking, Recent, Shown
from edge_detector.types import Result
from tests import make
from tests.mistakes.pictures import offer
from tests.sinks.conftest import MakeContext, SmallDisk
from tests.sinks.web.pages import TOKEN, Answer, FakePlaces, Page, open_page

DOG = ((10.0, 20.0, 110.0, 220.0), 0.9, 1)
UNSURE = ((10.0, 20.0, 110.0, 220.0), 0.55, 1)
LEFT_HALF = {"kind": "privacy", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
SAID = {"objects": [{"found": 0, "verdict": "relabelled", "label": "cat"}], "exhaustive": ["cat", "dog"]}


def shade(sequence: int) -> Result:
    """Frame ``sequence``, which has that shade of grey, with a dog."""
    frame = make.frame(sequence)
    image = np.full(frame.image.shape, 40 * sequence, np.uint8)
    return replace(make.result(sequence, DOG), frame=replace(frame, picture=image))


@contextmanager
def marking(make_context: MakeContext, folder: Path, *, live: bool = False, **config: object) -> Iterator[Page]:
    """A page that keeps mistakes in ``folder``."""
    context = replace(make_context(live=live, **config), places=FakePlaces())
    with open_page(context, f"web:127.0.0.1:0?mistakes={folder}") as page:
        yield page


def watched(page: Page, *sequences: int) -> None:
    """Somebody sees these frames."""
    with page.viewer("/api/pictures") as viewer:
        for sequence in sequences:
            page.sink.write(shade(sequence))
            while viewer.clean_picture()[0]["sequence"] != sequence:
                pass  # the one before, which a new viewer gets at once


def freeze(page: Page, sequence: object) -> Answer:
    return ask(page, "/api/mistakes/frozen", {"sequence": sequence}, method="POST")


def ask(page: Page, path: str, body: object, *, method: str = "PUT", **headers: str) -> Answer:
    return page.ask(path, method=method, body=json.dumps(body), content_type="application/json", **headers)


def test_the_picture_that_is_marked_is_the_very_one_that_was_seen(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path / "mistakes") as page:
        watched(page, 1, 2, 3, 4)
        frozen = freeze(page, 2).json
        assert [each["label"] for each in frozen["detections"]] == ["dog"]
        watched(page, 5)
        kept = ask(page, f"/api/mistakes/{frozen['id']}", SAID)
        assert kept.status == 200
        assert kept.json == {"id": kept.json["id"], "kept": 1, "offered": 0, "bytes": kept.json["bytes"]}
        picture = page.ask(f"/api/mistakes/{kept.json['id']}.jpg")
    (stored,) = Store(tmp_path / "mistakes").kept()
    assert (stored.model, stored.source, stored.size) == ("fake", "0", (320, 240))
    assert stored.objects == [("cat", DOG[0])]
    image = cv2.imdecode(np.frombuffer(picture.body, np.uint8), cv2.IMREAD_COLOR)
    assert abs(float(image.mean()) - 80) < 2


def test_a_picture_is_kept_once(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path) as page:
        watched(page, 1)
        id_ = freeze(page, 1).json["id"]
        assert [ask(page, f"/api/mistakes/{id_}", SAID).status for _ in range(2)] == [200, 404]


def test_of_two_frames_with_one_number_the_newer_is_meant() -> None:
    recent = Recent()
    for jpeg in (b"first round", b"second round"):
        recent.add(Shown(7, offer(), jpeg))
    shown = recent.of(7)
    assert shown is not None
    assert shown.jpeg == b"second round"


def test_few_pictures_are_remembered_and_few_are_held(make_context: MakeContext, tmp_path: Path) -> None:
    recent = Recent(limit_bytes=100)
    for number in range(20):
        recent.add(Shown(number, offer(), bytes(30)))
    assert [recent.of(number) is not None for number in (15, 16, 17, 18, 19)] == [False, False, True, True, True]
    marking = Marking(make_context(), tmp_path, size_bytes=10**9, a_day=0)
    ids = [marking.hold(offer(), b"").id for _ in range(MOST_HELD + 1)]
    assert [marking.jpeg(id_) for id_ in (ids[0], ids[1], ids[-1])] == [None, b"", b""]


def test_a_picture_that_nobody_was_sent_is_too_old(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path) as page:
        watched(page, 1)
        answer = freeze(page, 7)
    assert (answer.status, answer.json["error"]) == (410, "this picture is too old to be marked; look at a newer one")


def test_a_frozen_picture_that_is_let_go_leaves_nothing(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path) as page:
        watched(page, 1)
        id_ = freeze(page, 1).json["id"]
        assert page.ask(f"/api/mistakes/{id_}", method="DELETE").status == 200
        assert ask(page, f"/api/mistakes/{id_}", SAID).status == 404
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sequence", ["1", 1.5, True, None])
def test_only_a_sequence_number_is_one(make_context: MakeContext, tmp_path: Path, sequence: object) -> None:
    with marking(make_context, tmp_path) as page:
        assert freeze(page, sequence).status == 400


def test_what_cannot_be_used_is_said_and_can_be_said_again(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path) as page:
        watched(page, 1)
        id_ = freeze(page, 1).json["id"]
        wrong = ask(page, f"/api/mistakes/{id_}", {"objects": [{"found": 5, "verdict": "right"}]})
        assert (wrong.status, wrong.json["error"]) == (400, "marks: object 1: found is 5; expected 0 to 0, or a box")
        assert page.ask(f"/api/mistakes/{id_}", method="PUT", body="{", content_type="application/json").status == 400
        assert ask(page, f"/api/mistakes/{id_}", SAID).status == 200


def test_a_privacy_mask_that_is_drawn_meanwhile_is_burnt_in(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path) as page:
        watched(page, 5)
        id_ = freeze(page, 5).json["id"]
        assert page.context.places is not None
        page.context.places.replace({"zones": [], "lines": [], "masks": [LEFT_HALF]})
        kept = ask(page, f"/api/mistakes/{id_}", SAID).json
        picture = page.ask(f"/api/mistakes/{kept['id']}.jpg").body
    assert_left_half_is_black(picture)


def assert_left_half_is_black(jpeg: bytes) -> None:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image[:, :150].max() < 20
    assert image[:, 170:].min() > 180


def test_a_detector_without_a_folder_offers_no_marking(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(shade(1))
        assert page.ask("/api/mistakes").json == {
            "on": False,
            "kept": None,
            "offered": None,
            "bytes": None,
            "offers": [],
        }
        assert "mistakes" not in page.ask("/api/status").json
        assert freeze(page, 1).status == 409
        assert ask(page, "/api/mistakes/000001-abcdef", SAID).status == 409
        assert page.ask("/api/mistakes/000001-abcdef.jpg").status == 404
        assert "mistakes" not in page.ask("/metrics").text


def offered(page: Page) -> None:
    """An unsure picture is offered for review."""
    result = make.result(1, UNSURE)
    page.sink.write(replace(result, frame=replace(result.frame, timestamp_ns=time.monotonic_ns())))


def test_an_unsure_picture_is_offered_and_judged(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path / "mistakes", live=True, track=True) as page:
        offered(page)
    with marking(make_context, tmp_path / "mistakes", live=True, track=True) as page:
        (waiting,) = page.ask("/api/mistakes").json["offers"]
        assert waiting["reason"] == "a score just above the threshold"
        assert waiting["detections"] == [{"label": "dog", "score": 0.55, "box": [10.0, 20.0, 110.0, 220.0]}]
        assert page.ask(f"/api/mistakes/{waiting['id']}.jpg").headers["Content-Type"] == "image/jpeg"
        assert page.metric("mistakes_offered") == 1
        assert ask(page, f"/api/mistakes/{waiting['id']}", SAID).json["kept"] == 1
        assert page.ask("/api/mistakes").json["offers"] == []
        assert page.ask("/api/status").json["mistakes"]["offered"] == 0
        assert (page.metric("mistakes_kept"), page.metric("mistakes_offered")) == (1, 0)
        assert page.metric("mistakes_bytes") > 500


def test_a_privacy_mask_is_burnt_into_an_offer(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path, live=True, track=True) as page:
        assert page.context.places is not None
        page.context.places.replace({"zones": [], "lines": [], "masks": [LEFT_HALF]})
        page.sink.write(replace(shade(5), detections=make.result(5, UNSURE).detections))
    store = Store(tmp_path)
    data = store.jpeg(store.offers()[0].id)
    assert data is not None
    assert_left_half_is_black(data)


def test_an_offer_that_is_skipped_is_gone(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path, live=True, track=True) as page:
        offered(page)
    with marking(make_context, tmp_path, live=True, track=True) as page:
        (waiting,) = page.ask("/api/mistakes").json["offers"]
        assert page.ask(f"/api/mistakes/{waiting['id']}", method="DELETE").json["offered"] == 0
        assert page.ask(f"/api/mistakes/{waiting['id']}", method="DELETE").status == 404
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_remembers_what_was_offered_today(make_context: MakeContext, tmp_path: Path) -> None:
    for _ in range(2):
        with marking(make_context, tmp_path, live=True, track=True) as page:
            offered(page)
    assert len(Store(tmp_path).offers()) == 1


def test_a_film_and_a_run_without_tracks_offer_nothing(make_context: MakeContext, tmp_path: Path) -> None:
    for live, track in ((False, True), (True, False)):
        with marking(make_context, tmp_path, live=live, track=track) as page:
            offered(page)
    assert Store(tmp_path).offers() == []


def test_a_folder_that_cannot_be_used_is_said_and_the_camera_goes_on(
    make_context: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "mistakes"
    with caplog.at_level(logging.WARNING), marking(make_context, folder, live=True, track=True) as page:
        offered(page)
        watched(page, 2)
        id_ = freeze(page, 2).json["id"]
        answer = ask(page, f"/api/mistakes/{id_}", SAID)
        assert answer.status == 507
        assert answer.json["error"] == f"{folder}: cannot keep this picture: Not a directory"
        watched(page, 3)
        assert page.ask("/healthz").status == 200
        assert page.ask("/api/mistakes").status == 500
    assert any(line.endswith("nothing that is marked on the page can be kept") for line in caplog.messages)
    assert any(line.endswith("pictures to review are lost until that is mended") for line in caplog.messages)


def test_a_full_disk_keeps_what_is_marked_until_there_is_room(
    make_context: MakeContext, tmp_path: Path, small_disk: SmallDisk
) -> None:
    with marking(make_context, tmp_path) as page:
        watched(page, 1)
        id_ = freeze(page, 1).json["id"]
        small_disk.fill()
        assert ask(page, f"/api/mistakes/{id_}", SAID).status == 507
        small_disk.clear()
        assert ask(page, f"/api/mistakes/{id_}", SAID).status == 200


def test_a_damaged_record_is_left_out(
    make_context: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "000001-abcdef.offer.json").write_text("{")
    with marking(make_context, tmp_path) as page:
        assert page.ask("/api/mistakes").json["offers"] == []
    assert "000001-abcdef.offer.json: damaged, and left out" in caplog.text


def test_who_has_no_token_marks_nothing(make_context: MakeContext, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    text = f"web:127.0.0.1:0?token_file={tmp_path / 'token'}&mistakes={tmp_path / 'mistakes'}"
    with open_page(make_context(), text) as page:
        for path, method in (
            ("/api/mistakes", "GET"),
            ("/api/mistakes/frozen", "POST"),
            ("/api/mistakes/000001-abcdef", "PUT"),
            ("/api/mistakes/000001-abcdef", "DELETE"),
            ("/api/mistakes/000001-abcdef.jpg", "GET"),
        ):
            assert page.ask(path, method=method).status == 401
            allowed = {"authorization": f"Bearer {TOKEN}", "origin": "http://evil.example"}
            assert page.ask(path, method=method, **allowed).status == 403
        assert "Token" in page.ask("/review").text


def test_a_form_of_another_site_marks_nothing(make_context: MakeContext, tmp_path: Path) -> None:
    with marking(make_context, tmp_path) as page:
        for path, method in (("/api/mistakes/frozen", "POST"), ("/api/mistakes/held-1", "PUT")):
            assert page.ask(path, method=method, body="{}", content_type="text/plain").status == 415


@pytest.mark.parametrize("options", ["mistakes_size=1MB", "unsure=-1", "unsure=2000"])
def test_limits_that_make_no_sense_are_refused(make_context: MakeContext, options: str) -> None:
    with pytest.raises(ConfigError, match=options.partition("=")[0]):
        WebSink(Spec.parse(f"web:?mistakes=x&{options}"), make_context())


def test_without_the_option_nothing_is_written(
    make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_page(make_context(live=True, track=True)) as page:
        offered(page)
    assert list(tmp_path.iterdir()) == []
