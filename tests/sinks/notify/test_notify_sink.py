"""From the beginning of a visit to the message on a telephone."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.cameras import Camera
from edge_detector.errors import SinkError
from edge_detector.options import Spec
from edge_detector.sinks import open_sink
from edge_detector.sinks.notify.webhook import WebhookSink
from edge_detector.track.places import Zone
from edge_detector.types import Result
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.notify.servers import FakeHttpServer, http_server

VISIT = [
    make.moment(0.0, make.visit_change("started", score=0.6)),
    make.moment(1.0, make.visit_change("updated", seen_s=1.0, score=0.9)),
    make.moment(2.5, make.visit_change("updated", seen_s=2.5, best_ns=10**9, score=0.9)),
    make.moment(3.0, make.visit_change("ended", seen_s=2.5, best_ns=10**9, score=0.9)),
]


def run(server: FakeHttpServer, folder: Path, context, results: list[Result], options: str = "") -> None:
    spec = Spec.parse(f"webhook:{server.url}/hook?picture=inline&queue={folder}{options}")
    with WebhookSink(spec, context, retry_s=(0.01, 0.02)) as sink:
        for each in results:
            sink.write(each)


def events(server: FakeHttpServer) -> list[dict]:
    return [json.loads(asked.body) for asked in server.asked]


def test_a_visit_is_one_message_with_its_best_picture(tmp_path: Path, make_context: MakeContext) -> None:
    with http_server() as server:
        run(server, tmp_path, make_context(track=True, live=True), VISIT, "&title=Front door")
    (event,) = events(server)
    assert event["title"] == "Front door"
    assert event["text"] == "person, 90%"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(event["picture"]), np.uint8), 1)
    assert picture.shape == (240, 320, 3)


def test_each_camera_tells_in_its_own_name_and_rules_may_name_zones_of_any(
    tmp_path: Path, make_context: MakeContext
) -> None:
    door = Zone("door", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    cameras = Camera("0", name="porch"), Camera("1", name="yard", zones=(door,))
    whole = make_context(track=True, live=True, cameras=cameras)
    with http_server() as server:
        run(server, tmp_path, whole.of_camera(cameras[0]), VISIT)
        run(server, tmp_path, whole.of_camera(cameras[0]), VISIT, "&zones=door")  # it has none: nothing is told
    (event,) = events(server)
    assert (event["text"], event["source"]) == ("porch: person, 90%", "porch")
    assert all(path.name.endswith("-porch") for path in tmp_path.iterdir())


def test_a_visit_that_is_over_soon_does_not_wait(tmp_path: Path, make_context: MakeContext) -> None:
    results = [make.moment(0.0, make.visit_change("started")), make.moment(0.5, make.visit_change("ended"))]
    with http_server() as server:
        run(server, tmp_path, make_context(track=True), results, "&wait=1h")
        assert len(events(server)) == 1


def test_the_end_of_the_run_tells_of_who_is_still_there(tmp_path: Path, make_context: MakeContext) -> None:
    with http_server() as server:
        run(server, tmp_path, make_context(track=True), VISIT[:1], "&wait=1h")
    assert len(events(server)) == 1


def test_a_server_that_comes_back_gets_every_message_once(tmp_path: Path, make_context: MakeContext) -> None:
    visits = [
        make.moment(at_s, make.visit_change(kind, at_s + 1, started_s=at_s, seen_s=at_s))
        for at_s in range(5)
        for kind in ("started", "ended")
    ]
    context = make_context(track=True, live=True)
    with http_server(500, 503, 200) as server:
        run(server, tmp_path, context, visits, "&cooldown=0")
        while len(server.asked) < 2 + 5:
            run(server, tmp_path, context, [])
    taken = [event["id"] for event in events(server)[2:]]
    assert taken == [f"3f9a1c2e-{number}" for number in range(1, 6)]


def test_a_server_that_is_away_delays_nothing_and_the_next_run_sends(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    context = make_context(track=True, live=True)
    with http_server() as server:
        away = FakeHttpServer("http://127.0.0.1:9", [])
        run(away, tmp_path, context, VISIT)
        assert "wait in" in caplog.text
        (waiting,) = tmp_path.iterdir()
        (here,) = [WebhookSink(Spec.parse(f"webhook:{server.url}/hook?queue={tmp_path}"), context)]
        waiting.rename(here._outbox.folder)
        with here:
            pass
    assert len(server.asked) == 1


def test_the_first_run_of_an_unwritable_folder_says_so(tmp_path: Path, make_context: MakeContext) -> None:
    (tmp_path / "file").write_text("")
    context = make_context(track=True)
    with pytest.raises(SinkError, match="choose another folder with queue=FOLDER"):
        open_sink(f"webhook:http://127.0.0.1:9/?queue={tmp_path / 'file'}", context).__enter__()


def test_a_run_without_tracks_says_that_it_tells_nothing(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    with http_server() as server:
        run(server, tmp_path, make_context(track=False), VISIT[:0])
    assert "leave out --no-track" in caplog.text
