"""The page that comes with the gateway, and the documents that describe the protocol."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from sightline_gateway.protocol.schema import as_json, asyncapi, json_schema

STATIC = Path(__file__).parents[1] / "static"

HEADERS = {
    # The page loads nothing from elsewhere, and talks to nobody else.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob: data:; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@web.middleware
async def careful(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer says what a browser may do with it."""
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    if not answer.prepared:
        answer.headers.update(HEADERS)
    return answer


def routes() -> list[web.AbstractRouteDef]:
    """``/``, ``/static/…``, ``/schema.json``, ``/asyncapi.json``."""
    schema, document = as_json(json_schema()), as_json(asyncapi())

    async def index(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def describe_messages(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=schema, content_type="application/schema+json")

    async def describe_protocol(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=document, content_type="application/json")

    return [
        web.get("/", index),
        web.static("/static", STATIC),
        web.get("/schema.json", describe_messages),
        web.get("/asyncapi.json", describe_protocol),
    ]
