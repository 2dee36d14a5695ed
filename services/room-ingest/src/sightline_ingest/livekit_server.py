"""The LiveKit server, as far as it is asked and not joined: which rooms there are, and tokens.

What it answers, or that it does not, is the part ``livekit`` of this service's health.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Self

import aiohttp
from livekit import api

from sightline.config import LiveKitSettings
from sightline.errors import SettingsError, SightlineError
from sightline.health import Health
from sightline.log import get_logger

log = get_logger()

REQUEST_SECONDS = 5.0
PROBE_SECONDS = 5.0
TOKEN_TTL = timedelta(minutes=10)
"""A token opens the door; once inside LiveKit renews it. Clocks may differ by minutes."""


class LiveKitError(SightlineError):
    """LiveKit is away, refuses this service, or did not let it join. Worth another try later."""

    retryable = True


class LiveKitServer:
    """One LiveKit server. Use it as an async context manager."""

    def __init__(self, settings: LiveKitSettings, health: Health, identity: str) -> None:
        """
        Args:
            health: Told what is wrong with LiveKit.
            identity: Who joins rooms.

        Raises:
            SettingsError: There is no API key.
        """
        self.url = settings.url
        self._key, self._secret = settings.api_key, settings.api_secret.get_secret_value()
        if not self._key or not self._secret:
            raise SettingsError(
                "LIVEKIT_API_KEY and LIVEKIT_API_SECRET: expected the key of the LiveKit server at "
                f"{self.url}, got nothing; `livekit-server --dev` takes devkey and secret"
            )
        self._health = health
        self._identity = identity

    async def __aenter__(self) -> Self:
        self._health.set("livekit", f"not heard of {self.url} yet")
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        self._api = api.LiveKitAPI(self.url, self._key, self._secret, timeout=timeout)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._api.aclose()

    async def rooms(self, *names: str) -> dict[str, int]:
        """Rooms that exist, and how many are in each, agents not counted; LiveKit counts with some delay.

        Args:
            names: Only these; none: all.

        Raises:
            LiveKitError: No answer, or refused.
        """
        try:
            listed = await self._api.room.list_rooms(api.ListRoomsRequest(names=names))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self.failed(
                f"cannot reach LiveKit at {self.url}: {error or type(error).__name__}"
            ) from error
        except api.ServerError as error:
            raise self.failed(_refusal(self.url, error)) from error
        self._health.set("livekit", None)
        return {room.name: room.num_participants for room in listed.rooms}

    def join_token(self, room: str) -> str:
        """A token to watch a room unseen: subscribe only, hidden, of kind agent.

        The identity is the same in every replica, so that LiveKit sends the one away that was frozen
        when another took its place, whatever the frozen one believes.
        """
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            hidden=True,
            can_subscribe=True,
            can_publish=False,
            can_publish_data=False,
            can_update_own_metadata=False,
        )
        token = api.AccessToken(self._key, self._secret).with_identity(self._identity)
        return (
            token.with_name("Sightline").with_kind("agent").with_grants(grants).with_ttl(TOKEN_TTL).to_jwt()
        )

    def failed(self, problem: str) -> LiveKitError:
        """Note in the health that LiveKit does not do what it should; returns what to raise."""
        self._health.set("livekit", problem)
        return LiveKitError(problem)

    async def watch(self) -> None:
        """Keep the health true, for ever, also while nobody asks anything."""
        reachable = True
        while True:
            try:
                # A name that no room has: the answer is short however many rooms there are.
                await self.rooms("sightline probe")
                if not reachable:
                    log.info("livekit_reachable", url=self.url)
                reachable = True
            except LiveKitError as error:
                if reachable:
                    log.warning("livekit_unreachable", reason=str(error))
                reachable = False
            await asyncio.sleep(PROBE_SECONDS)


def _refusal(url: str, error: api.ServerError) -> str:
    if error.status in (401, 403):
        return f"LiveKit at {url} refuses LIVEKIT_API_KEY and LIVEKIT_API_SECRET: use a key of that server"
    return f"LiveKit at {url} answered {error.status}: {error.message[:200]}"
