"""The addresses of the page and its programming interface, and the answer at each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs

from aiohttp import web

from edge_detector.events.place import database_of
from edge_detector.image_files import encode_jpeg
from edge_detector.mistakes.store import SIZE_BYTES
from edge_detector.mistakes.unsure import A_DAY
from edge_detector.options import Bytes, argument, option
from edge_detector.registry import unknown
from edge_detector.running.context import Context
from edge_detector.sinks.web import metrics, pages, places, settings, settings_file
from edge_detector.sinks.web.bodies import json_body, read_body
from edge_detector.sinks.web.feed import Feed, Shared
from edge_detector.sinks.web.history import History
from edge_detector.sinks.web.last_seen import LastSeen
from edge_detector.sinks.web.marking import Marking
from edge_detector.sinks.web.marks import Marks
from edge_detector.sinks.web.messages import LatestDetections, picture_part
from edge_detector.sinks.web.models import Models
from edge_detector.sinks.web.pictures import Pace, Pictures, annotated_jpeg, motion_jpeg_part
from edge_detector.sinks.web.place_masks import masks_of
from edge_detector.sinks.web.places_file import Tables
from edge_detector.sinks.web.samples import SPANS
from edge_detector.sinks.web.security import (
    Access,
    Policy,
    access_of,
    add_security_headers,
    count_wrong_token,
    forget_session,
    guard,
    look_only,
    may_change,
    session_of,
    start_session,
    too_many_requests,
)
from edge_detector.sinks.web.status import Status
from edge_detector.sinks.web.streams import Streams
from edge_detector.sinks.web.totals import Totals
from edge_detector.sinks.web.views import Feeds, View, Views
from edge_detector.sinks.web.which_camera import camera_of, one_camera_of, unknown_camera
from edge_detector.types import Result

log = logging.getLogger(__name__)

ANY_VERSION = "*"  # in If-Match

T = TypeVar("T")

LARGEST_BODY = 64 * 1024  # bytes, of a request
PICTURES_PER_S = 300  # to all viewers together: many viewers get fewer pictures each, so that detection stays fast
EVENTS_PER_S = 10
SNAPSHOTS_PER_S = 4
SNAPSHOT_QUALITY = 92
ANSWER_S = 10.0  # the longest time to encode a snapshot


@dataclass(frozen=True, slots=True)
class WebOptions:
    """``web:HOST:PORT?fps=15&token_file=FILE&certificate=FILE&key=FILE``."""

    address: str = argument("HOST, PORT or HOST:PORT to serve; none: 127.0.0.1:8080", default="")
    token_file: Path | None = option(
        None, "a file with the secret that viewers from other machines show; none: only this machine has access"
    )
    viewer_token_file: Path | None = option(
        None, "a file with a second secret: who shows that one may look at everything, and change nothing"
    )
    fps: float = option(15.0, "pictures per second for a viewer, at most")
    quality: int = option(80, "of the JPEG pictures, 1 to 100")
    viewers: int = option(64, "how many may watch at once")
    host: tuple[str, ...] = option((), "host names in the page's address that are allowed besides this machine's own")
    certificate: Path | None = option(None, "a PEM file, to serve the page with TLS; none: without TLS")
    key: Path | None = option(None, "of the certificate, a PEM file; none: it is in the certificate's file")
    proxy: tuple[str, ...] = option((), "IP addresses of reverse proxies, which tell whom they ask for; none: no proxy")
    mistakes: Path | None = option(
        None, "a folder for pictures on which viewers correct the detector; none: the page offers no marking"
    )
    mistakes_size: Bytes = option(Bytes(SIZE_BYTES), "of that folder at most; the oldest pictures make room")
    unsure: int = option(A_DAY, "pictures a day, at most, that are kept there for review; 0: none")


class Site:
    """Answers requests."""

    def __init__(
        self,
        context: Context,
        feeds: Feeds,
        totals: Totals,
        last_seen: LastSeen,
        options: WebOptions,
        policy: Policy,
        marking: Marking | None,
    ) -> None:
        """``marking``: None if viewers cannot mark mistakes."""
        self._context = context
        self._feeds = feeds
        self._policy = policy
        self._options = options
        self._marking = marking
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web encoder")
        self._views = Views(feeds, self._view)
        self._streams = Streams(self._views, limit=options.viewers)
        self._status = Status(context, feeds, self._streams, marking)
        self._metrics = metrics.PrometheusMetrics(context, feeds.all, self._streams, totals, marking)
        database = database_of(context.config.sinks)
        self.marks = Marks(marking, self._in_encoder, self._viewer, database)
        # A thread of its own: what is asked of many visits must not make the live picture wait.
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="web history")
        self.models = Models(context)
        self.visits = History(database, self._in_reader, last_seen, can_mark=marking is not None)

    def application(self) -> web.Application:
        """The page and its programming interface, for the running event loop to serve."""
        app = web.Application(middlewares=[guard(self._policy)], client_max_size=LARGEST_BODY)
        app.on_response_prepare.append(add_security_headers)
        app.add_routes([*self.routes(), *self.marks.routes(), *self.models.routes(), *self.visits.routes()])
        app.on_shutdown.append(self.end_streams)
        app.cleanup_ctx.append(self.run)
        return app

    def routes(self) -> list[web.RouteDef]:
        """Every address."""
        return [
            web.get("/", self.page),
            web.get("/history", self.history_page),
            web.get("/login", self.redirect_to_page),
            web.post("/login", self.login),
            web.post("/logout", self.log_out),
            *(web.get(f"/{name}", self.file) for name in pages.FILES),
            web.get("/stream.mjpg", self.stream, allow_head=False),
            web.get("/snapshot.jpg", self.snapshot),
            web.get("/frame.jpg", self.frame),
            web.get("/api/pictures", self.clean_pictures, allow_head=False),
            web.get("/api/detections", self.detections, allow_head=False),
            web.get("/api/status", self.status),
            web.get("/api/cameras", self.cameras),
            web.get("/api/history", self.history),
            web.get("/api/settings", self.settings),
            web.patch("/api/settings", self.change_settings),
            web.get("/api/places", self.places),
            web.put("/api/places", self.change_places),
            web.get("/metrics", self.metrics),
            web.get("/healthz", self.healthz),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """The page. On the first visit, with ``/?token=...``: the login cookie and a page that leads on to it."""
        if self._policy.token is None or "token" not in request.query:
            return pages.app_page("index.html", self._viewer(request))
        # Not a redirect: after a link from another site, browsers do not send a SameSite=Strict cookie with it.
        response = pages.html_page("welcome.html")
        if session_of(self._policy, request) is None:  # the guard has compared the token, or found a session
            start_session(self._policy, request, response, access_of(self._policy, request, None) or Access.LOOK)
        return response

    async def history_page(self, request: web.Request) -> web.Response:
        """The page with the visits of each day."""
        return pages.app_page("history.html", self._viewer(request))

    async def redirect_to_page(self, _request: web.Request) -> web.Response:
        """Sends the browser to the page."""
        return redirect("/")

    async def login(self, request: web.Request) -> web.Response:
        """Receives the token from the login form."""
        form = await _form(request)
        if self._policy.token is None:
            return await self.redirect_to_page(request)
        access = self._policy.access(form.get("token", "").strip())
        if access is None:
            allowed = count_wrong_token(self._policy, request)
            if not allowed:
                return too_many_requests()
            return pages.login_page(wanted=form.get("wanted", ""), complaint="That is not the token.")
        response = redirect(pages.own_page(form.get("wanted", "")))
        start_session(self._policy, request, response, access)
        return response

    async def log_out(self, request: web.Request) -> web.Response:
        """Ends the session of this browser, or every session if the form says ``everywhere``, and what they watch."""
        session = session_of(self._policy, request)
        if "everywhere" in await _form(request):
            if not may_change(self._policy, request):
                return look_only()
            self._policy.sessions.end_all()
            self._streams.end_all()
        elif session is not None:
            self._policy.sessions.end(session)
            self._streams.end_of(session)
        response = await self.redirect_to_page(request)
        forget_session(self._policy, response)
        return response

    async def file(self, request: web.Request) -> web.Response:
        """One of the page's own files."""
        return pages.page_file(request.path.removeprefix("/"))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The live picture as motion JPEG, with boxes, for any program that plays that."""
        return await self._streams.pictures(request, session_of(self._policy, request), self._watched(request))

    async def clean_pictures(self, request: web.Request) -> web.StreamResponse:
        """The live picture without boxes, each with its detections, for the page, which draws them."""
        return await self._streams.clean_pictures(request, session_of(self._policy, request), self._watched(request))

    async def snapshot(self, request: web.Request) -> web.Response:
        """The newest picture."""
        view = self._watched(request)
        if view.feed.newest is None:
            raise web.HTTPServiceUnavailable(text="no picture yet\n")
        async with asyncio.timeout(ANSWER_S):
            _, data = await view.snapshots.after(view.feed.number - 1)
        return web.Response(body=data, content_type="image/jpeg")

    async def frame(self, request: web.Request) -> web.Response:
        """The newest picture without boxes, for what the history draws over it."""
        newest = self._watched(request).feed.newest
        if newest is None:
            raise web.HTTPServiceUnavailable(text="no picture yet\n")
        encode = partial(encode_jpeg, quality=self._options.quality)
        data = await self._in_encoder(lambda: encode(newest.result.frame.image))
        return web.Response(body=data, content_type="image/jpeg")

    async def detections(self, request: web.Request) -> web.StreamResponse:
        """The detections as server-sent events, one for each change."""
        return await self._streams.events(request, session_of(self._policy, request), self._watched(request))

    async def status(self, request: web.Request) -> web.Response:
        """The state of the run."""
        return web.json_response(self._status.now(self._camera(request)))

    async def cameras(self, request: web.Request) -> web.Response:
        """Each of several cameras: its name, and its ``tile``, where it is in the picture of all.

        ``?camera=NAME``: ``unknown`` says if there is none of that name, for a page that shows all instead.
        """
        tiles, why = self._feeds.tiles.items(), unknown_camera(request, self._context.cameras)
        known = {"cameras": [{"name": name, "tile": tile} for name, tile in tiles]}
        return web.json_response({**known, "unknown": why} if why else known)

    async def history(self, request: web.Request) -> web.Response:
        """The samples that the charts show: of the last two ``minutes``, ``hours`` or ``days``, as ``span`` says."""
        span = request.query.get("span", "minutes")
        if span not in SPANS:
            return web.json_response({"error": f"span: {unknown('span', span, SPANS)}"}, status=400)
        return web.json_response(self._status.history(span))

    async def settings(self, _request: web.Request) -> web.Response:
        """The settings, how long a change of them will last, and the labels to choose from."""
        file = self._context.config_file
        each = {name: settings_file.kept(file, (name,)) for name in settings.LASTING}
        kept = {"kept": settings_file.kept(file, ("confidence", "classes")), "kept_each": each}
        return web.json_response({**settings.current_with_labels(self._context.detector), **kept})

    async def change_settings(self, request: web.Request) -> web.Response:
        """Changes the running detector and its configuration file.

        The change is ``{"confidence": 0.4, "classes": ["person"]}``, one or more of `settings.NAMES`.
        """
        body = await json_body(request)
        try:
            patch = json.loads(body, parse_int=float)
            changes = settings.apply_patch(patch, self._context.detector)
        except (ValueError, RecursionError) as error:  # not JSON, nested too deep, or a ConfigError
            return web.json_response({"error": str(error)}, status=400)
        kept = await self._save(changes)
        log.info("web page: %s sets %s, %s", request.remote, settings.changes_in_words(changes), kept)
        return web.json_response({**settings.current(self._context.detector), "kept": kept})

    async def places(self, request: web.Request) -> web.Response:
        """The zones, lines and masks, and how long a change of them will last."""
        return _with_version(places.current(self._context, self._camera(request)))

    async def change_places(self, request: web.Request) -> web.Response:
        """Replaces zones, lines and masks in the run and in its configuration file.

        The body is ``{"zones": [...], "lines": [...], "masks": [...]}``; a kind that is left out stays as it is. An
        answer with an ``error`` also has the ``kind``, ``index`` and ``field`` of the value to blame, if it is one.
        With If-Match, the ETag of `places`, the answer is 412 if they have changed since.
        """
        body = await json_body(request)
        camera = one_camera_of(request, self._context.cameras) or self._context.camera
        running = self._context.places_of(camera)
        if running is None:
            return web.json_response({"error": places.NOT_EDITABLE}, status=409)
        given: Tables = {}
        try:
            given = places.read_json(body)
            use = partial(places.apply, given, running, self._context.config_file, camera, versions=_versions(request))
            kept = await self._in_encoder(use)
        except places.OutdatedError as error:
            return web.json_response({"error": str(error)}, status=412)
        except (ValueError, RecursionError) as error:  # not JSON, nested too deep, or a ConfigError
            complaint = await self._in_encoder(partial(places.complaint, given, running))
            return web.json_response({"error": str(error), **complaint}, status=400)
        if "masks" in given:
            await self._in_encoder(lambda: self._feeds.hide(camera, masks_of(running).privacy))
        drawn = ": ".join(filter(None, (camera, places.in_words(running.tables()))))
        log.info("web page: %s sets %s, %s", request.remote, drawn, kept)
        return _with_version({**places.current(self._context, camera), "kept": kept})

    async def metrics(self, _request: web.Request) -> web.Response:
        """The run's numbers for Prometheus."""
        return web.Response(body=self._metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def healthz(self, _request: web.Request) -> web.Response:
        """200 while new frames are detected, else 503 and the reason; of several cameras, a line for each."""
        trouble = self._status.trouble
        cameras = "".join(f"{name} {state}\n" for name, state in self._context.meter.vitals.cameras.items())
        return web.Response(text=f"{trouble or 'ok'}\n{cameras}", status=503 if trouble else 200)

    async def end_streams(self, _app: web.Application) -> None:
        """Before the server closes."""
        self._streams.end_all()

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """Takes samples for the charts while the server runs. At its end, cancels what is being made."""
        sampling = asyncio.create_task(self._status.take_samples())
        try:
            yield
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
            for view in self._views:
                await view.close()
            self._encoder.shutdown()
            self._reader.shutdown()

    async def _save(self, changes: Mapping[str, object]) -> str:
        """How long they last."""
        changes = {name: value for name, value in changes.items() if name in settings.LASTING}
        if not changes:
            return settings.UNTIL_RESTART
        return await self._in_encoder(partial(settings_file.save, self._context.config_file, changes))

    async def _in_encoder(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, in the one thread beside the event loop: a disk may be slow."""
        return await asyncio.get_running_loop().run_in_executor(self._encoder, work)

    async def _in_reader(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, in the one thread that reads and changes the history."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)

    def _viewer(self, request: web.Request) -> pages.Viewer:
        """What a page must know of who asks."""
        return pages.Viewer(log_out=self._policy.token is not None, may_change=may_change(self._policy, request))

    @property
    def _interval_s(self) -> float:
        """The seconds between two pictures: the more viewers, the longer."""
        return max(1 / self._options.fps, len(self._streams.viewers) / PICTURES_PER_S)

    def _camera(self, request: web.Request) -> str:
        """Raises 404 for a camera that there is not."""
        return camera_of(request, self._context.cameras)

    def _watched(self, request: web.Request) -> View:
        """Raises 404 for a camera that there is not."""
        return self._views.of(self._camera(request))

    def _view(self, feed: Feed) -> View:
        """What can be watched of ``feed``. Only pictures of one camera can be marked."""
        remember = None if self._marking is None or self._feeds.is_mosaic(feed) else self._marking.remember
        pictures, clean_pictures = (
            self._share(feed, partial(encode, quality=self._options.quality), lambda: self._interval_s)
            for encode in (motion_jpeg_part, partial(picture_part, remember=remember))
        )
        snapshots = self._share(feed, partial(annotated_jpeg, quality=SNAPSHOT_QUALITY), lambda: 1 / SNAPSHOTS_PER_S)
        detections = Shared(LatestDetections(feed, pace=Pace(lambda: 1 / EVENTS_PER_S)).next)
        return View(feed, pictures, clean_pictures, snapshots, detections)

    def _share(self, feed: Feed, encode: Callable[[Result], bytes], interval_s: Callable[[], float]) -> Shared[bytes]:
        return Shared(Pictures(feed, self._encoder, encode=encode, pace=Pace(interval_s)).next)


def redirect(address: str) -> web.Response:
    """Sends the browser to another page of this program."""
    return web.Response(status=303, headers={"Location": address})


def _with_version(tables: Mapping[str, object]) -> web.Response:
    """``tables`` with an ETag, which a program sends back as If-Match (RFC 9110, section 13.1.1)."""
    return web.json_response(tables, headers={"ETag": f'"{places.version(tables)}"'})


def _versions(request: web.Request) -> frozenset[str] | None:
    """What the header If-Match expects; None: nothing. Weak ones count: a proxy that compresses makes them weak."""
    versions = None if request.if_match is None else frozenset(each.value for each in request.if_match)
    return None if versions is None or ANY_VERSION in versions else versions


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form that a browser sends; of a name that comes twice, the first."""
    fields = parse_qs((await read_body(request)).decode("ascii", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
