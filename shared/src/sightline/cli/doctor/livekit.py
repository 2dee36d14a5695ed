"""Is LiveKit's API there, and does it take our key?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from sightline.cli.doctor.finding import Finding, fail, ok, warn
from sightline.cli.doctor.http import request
from sightline.config import LiveKitSettings, load
from sightline.errors import RetryableError, SettingsError

TOKEN_SECONDS = 60


async def check() -> list[Finding]:
    """One harmless request to the API: the names of the rooms."""
    try:
        settings = load(LiveKitSettings)
    except SettingsError:
        return []  # the check of settings tells
    if not settings.api_key or not settings.api_secret.get_secret_value():
        mend = "set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to see rooms"
        return [warn("livekit", "no key is set: only files, cameras and streams can be sampled", mend)]
    return [await _ask(settings)]


async def _ask(settings: LiveKitSettings) -> Finding:
    url = settings.url.rstrip("/")
    api = "http" + url.removeprefix("ws") if url.startswith("ws") else url
    headers = {"Authorization": f"Bearer {token(settings)}"}
    try:
        reply = await request("POST", f"{api}/twirp/livekit.RoomService/ListRooms", headers, {})
    except RetryableError as error:
        mend = "is LIVEKIT_URL right, and the server running? At home: `livekit-server --dev`"
        return fail("livekit", f"{url} does not answer: {error}", mend)
    if reply.status in (401, 403):
        mend = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be a pair that this server has"
        return fail("livekit", f"{url} refuses the key (HTTP {reply.status})", mend)
    if reply.status != 200 or not isinstance(reply.data, dict):
        mend = "is LIVEKIT_URL that of a LiveKit server?"
        return fail("livekit", f"{url} answered with HTTP {reply.status}, which no LiveKit does", mend)
    return ok("livekit", f"{url}, {len(reply.data.get('rooms') or [])} room(s), the key is taken")


def token(settings: LiveKitSettings) -> str:
    """An access token that may list rooms, for a minute: a JWT signed with HMAC-SHA256."""
    now = int(time.time())
    claims = {
        "iss": settings.api_key,
        "nbf": now - 5,
        "exp": now + TOKEN_SECONDS,
        "video": {"roomList": True},
    }
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    secret = settings.api_secret.get_secret_value().encode()
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _part(fields: dict[str, Any]) -> str:
    return _base64(json.dumps(fields).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
