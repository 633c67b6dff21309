"""The body of a request, received in a limited time."""

from __future__ import annotations

import asyncio

from aiohttp import web

RECEIVE_S = 10.0


async def json_body(request: web.Request) -> bytes:
    """Raises 415 for another type: a form on another site cannot send this one."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="expected application/json\n")
    return await read_body(request)


async def read_body(request: web.Request) -> bytes:
    """Raises `TimeoutError` if it does not come."""
    async with asyncio.timeout(RECEIVE_S):
        return await request.read()
