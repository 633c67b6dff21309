"""Which model runs, which one is on its way, and the request to look for another one."""

from __future__ import annotations

import logging
from dataclasses import asdict

from aiohttp import web

from edge_detector.running.context import Context
from edge_detector.sinks.web.bodies import json_body

log = logging.getLogger(__name__)

NOT_CHANGEABLE = "this run cannot get another model: it was not started by the command edge-detector"


def state(context: Context) -> dict[str, object]:
    """The model that runs and, where it can change, the change to another one, ready for JSON."""
    change = {} if context.models is None else {"model_change": asdict(context.models.change)}
    return {"model": context.detector.name, **change}


class Models:
    """Answers at /api/model."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """Every address."""
        return [web.get("/api/model", self.model), web.post("/api/model", self.reload)]

    async def model(self, _request: web.Request) -> web.Response:
        """Where the run stands between two models."""
        return web.json_response(state(self._context))

    async def reload(self, request: web.Request) -> web.Response:
        """Reads the configuration and the model's files again before the next result, as SIGHUP does.

        202: whether there is another model, and how it does, `model` tells.
        """
        await json_body(request)
        if self._context.models is None:
            return web.json_response({"error": NOT_CHANGEABLE}, status=409)
        self._context.models.request()
        log.info("web page: %s asks for a reload", request.remote)
        return web.json_response(state(self._context), status=202)
