"""Takes LiveKit's webhooks, so that a room is seen as soon as somebody is in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from livekit import api

from sightline.config import LiveKitSettings
from sightline.errors import SettingsError, SightlineError
from sightline.log import get_logger
from sightline_ingest.room_settings import split_bind

log = get_logger()

PATH = "/livekit/webhook"
MAX_BYTES = 256 * 1024
_EVENTS = frozenset({"participant_joined", "track_published"})


class Webhooks:
    """An HTTP endpoint for LiveKit alone: each call is signed with the API secret, body included."""

    def __init__(self, livekit: LiveKitSettings, announce: Callable[[str], Awaitable[None]]) -> None:
        """
        Args:
            announce: Takes the name of a room with somebody in it.
        """
        secret = livekit.api_secret.get_secret_value()
        self._receiver = api.WebhookReceiver(api.TokenVerifier(livekit.api_key, secret))
        self._announce = announce
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self, bind: str) -> AsyncIterator[None]:
        """Take webhooks for as long as the block runs.

        Args:
            bind: ``host:port``; port 0 picks a free one.

        Raises:
            SettingsError: It cannot listen there.
        """
        app = web.Application(client_max_size=MAX_BYTES)
        app.add_routes([web.post(PATH, self._receive)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, port = split_bind(bind)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            raise SettingsError(f"INGEST_WEBHOOK_BIND: cannot listen on {bind}: {error.strerror}") from error
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.text()
        try:
            event = self._receiver.receive(body, request.headers.get("Authorization", ""))
        except Exception as error:  # livekit-api raises just that where the hash is wrong
            log.warning("webhook_refused", error=type(error).__name__, reason=str(error)[:200])
            return web.Response(
                status=401, text="not an event signed with this LiveKit server's API secret\n"
            )
        if event.event in _EVENTS and event.room.name:
            try:
                await self._announce(event.room.name)
            except SightlineError as error:
                # LiveKit sends it again.
                return web.Response(status=503, text=f"{error}\n")
        return web.Response(text="taken\n")
