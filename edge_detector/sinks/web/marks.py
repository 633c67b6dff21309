"""The addresses at which viewers mark mistakes and review pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from edge_detector.errors import ConfigError, SinkError
from edge_detector.events.index import open_index
from edge_detector.mistakes.record import Marked
from edge_detector.mistakes.unsure import REASONS
from edge_detector.sinks.web import pages
from edge_detector.sinks.web.bodies import json_body
from edge_detector.sinks.web.in_thread import InThread
from edge_detector.sinks.web.marking import Marking
from edge_detector.sinks.web.visit_frame import clean_frame
from edge_detector.sinks.web.which_camera import one_camera_of

log = logging.getLogger(__name__)

OFF = "this detector keeps no mistakes; the option ?mistakes=FOLDER of the web sink makes it keep them"
GONE = "this picture is not here any more"
NO_FRAME = "there is no frame of this visit without boxes; --sink 'snapshots:FOLDER?clean=true' keeps one"
TOO_OLD = "this picture is too old to be marked; look at a newer one"


class Marks:
    """Answers requests about marked pictures. Everything that may wait for a disk is done in the encoder's thread."""

    def __init__(
        self,
        marking: Marking | None,
        in_thread: InThread,
        viewer: Callable[[web.Request], pages.Viewer],
        database: Path | None,
    ) -> None:
        """``marking``: None if viewers cannot mark mistakes. ``viewer``: what a page must know of who asks.

        ``database``: that of past visits; None: the run keeps none.
        """
        self._database = database
        self._marking = marking
        self._in_thread = in_thread
        self._viewer = viewer

    def routes(self) -> list[web.RouteDef]:
        """Every address."""
        return [
            web.get("/review", self.review),
            web.get("/api/mistakes", self.all),
            web.post("/api/mistakes/frozen", self.freeze),
            web.post("/api/mistakes/visit", self.hold_visit),
            web.get("/api/mistakes/{id}.jpg", self.picture),
            web.put("/api/mistakes/{id}", self.judge),
            web.delete("/api/mistakes/{id}", self.remove),
        ]

    async def review(self, request: web.Request) -> web.Response:
        """The page on which people look at pictures of which the detector is unsure."""
        return pages.app_page("review.html", self._viewer(request))

    async def all(self, _request: web.Request) -> web.Response:
        """How many pictures there are, and those that wait for review, the newest first."""
        if self._marking is None:
            return web.json_response({"on": False, **usage(None), "offers": []})
        try:
            offers = await self._in_thread(self._marking.offers)
        except SinkError as error:
            return web.json_response({"error": str(error)}, status=500)
        return web.json_response(
            {
                "on": True,
                **usage(self._marking),
                "offers": [_described(each, self._marking) for each in reversed(offers)],
            }
        )

    async def freeze(self, request: web.Request) -> web.Response:
        """Holds the picture with the ``sequence`` of the body, which the viewer looks at, until it is marked.

        Of several cameras, the address says which: ``?camera=porch``.
        """
        body = await json_body(request)
        marking = self._marking
        if marking is None:
            return _refusal(OFF, 409)
        try:
            sequence = json.loads(body)["sequence"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return _refusal('expected an object such as {"sequence": 12}', 400)
        if isinstance(sequence, bool) or not isinstance(sequence, int):
            return _refusal(f"sequence is {sequence!r}; expected that of a picture", 400)
        camera = one_camera_of(request, marking.cameras)
        held = await self._in_thread(partial(marking.freeze, sequence, camera))
        return _refusal(TOO_OLD, 410) if held is None else web.json_response(_described(held, marking))

    async def hold_visit(self, request: web.Request) -> web.Response:
        """Holds the whole frame of a past visit, the ``visit`` of the body, until it is marked."""
        body = await json_body(request)
        marking = self._marking
        if marking is None:
            return _refusal(OFF, 409)
        try:
            visit_id = json.loads(body)["visit"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return _refusal('expected an object such as {"visit": "3f9a1c2e-7"}', 400)
        if not isinstance(visit_id, str):
            return _refusal(f"visit is {visit_id!r}; expected the id of a visit", 400)
        try:
            held = await self._in_thread(partial(self._hold, marking, visit_id))
        except ConfigError as error:
            return _refusal(str(error), 503)
        return _refusal(NO_FRAME, 404) if held is None else web.json_response(_described(held, marking))

    def _hold(self, marking: Marking, visit_id: str) -> Marked | None:
        """Raises `ConfigError` if the database cannot be read."""
        if self._database is None:
            return None
        with open_index(self._database) as index:
            visit = index.visit(visit_id)
        frame = None if visit is None else clean_frame(visit)
        return None if frame is None else marking.hold(*frame)

    async def picture(self, request: web.Request) -> web.Response:
        """The picture itself."""
        marking = self._marking
        jpeg = None if marking is None else await self._in_thread(partial(marking.jpeg, request.match_info["id"]))
        return _refusal(GONE, 404) if jpeg is None else web.Response(body=jpeg, content_type="image/jpeg")

    async def judge(self, request: web.Request) -> web.Response:
        """Keeps what the viewer says of a picture: ``{"objects": [...], "exhaustive": [...]}``, see `judged`."""
        body = await json_body(request)
        marking = self._marking
        if marking is None:
            return _refusal(OFF, 409)
        id_ = request.match_info["id"]
        try:
            given = json.loads(body)
            kept = await self._in_thread(lambda: marking.judge(id_, given))
        except SinkError as error:
            log.warning("web page: %s", error)
            return _refusal(str(error), 507)  # RFC 4918, section 11.5
        except (ValueError, RecursionError) as error:  # not JSON, nested too deep, or a ConfigError
            return _refusal(str(error), 400)
        if kept is None:
            return _refusal(GONE, 404)
        log.info("web page: %s marks picture %s: %s", request.remote, kept.id, _in_words(kept))
        return web.json_response({"id": kept.id, **usage(marking)})

    async def remove(self, request: web.Request) -> web.Response:
        """Forgets a picture: one that was frozen, one that was offered, or one that was kept."""
        marking = self._marking
        if marking is None:
            return _refusal(OFF, 409)
        id_ = request.match_info["id"]
        try:
            was_there = await self._in_thread(partial(marking.remove, id_))
        except SinkError as error:
            return _refusal(str(error), 500)
        return web.json_response(usage(marking)) if was_there else _refusal(GONE, 404)


def usage(marking: Marking | None) -> dict[str, object]:
    """How many pictures there are and how large they are, ready for JSON; None where it is not known."""
    known = None if marking is None else marking.usage
    return {
        "kept": known and known.kept,
        "offered": known and known.offers,
        "bytes": known and known.size_bytes,
    }


def _described(picture: Marked, marking: Marking) -> dict[str, Any]:
    width, height = picture.size
    return {
        "id": picture.id,
        **({"camera": picture.source} if len(marking.cameras) > 1 else {}),
        "taken": datetime.fromtimestamp(picture.taken_s, UTC).isoformat(timespec="seconds"),
        "reason": REASONS.get(picture.reason, picture.reason),
        "width": width,
        "height": height,
        "detections": [
            {"label": label, "score": round(score, 3), "box": [round(edge, 1) for edge in box]}
            for label, score, box in picture.found
        ],
    }


def _in_words(picture: Marked) -> str:
    return ", ".join(f"{mark.verdict} {mark.label}" for mark in picture.marks) or "nothing to correct"


def _refusal(why: str, status: int) -> web.Response:
    return web.json_response({"error": why}, status=status)
