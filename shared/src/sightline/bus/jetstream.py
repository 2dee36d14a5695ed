"""JetStream through its JSON API: exactly what we ask, and every field of what it answers."""

from __future__ import annotations

import json
import time
from typing import Any

from nats.aio.msg import Msg

from sightline.bus.clock import BusClock
from sightline.bus.connection import Connection
from sightline.bus.full import FullStreams
from sightline.errors import BusError, StoreFullError, TooLargeError

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
STORE_FAILED = 10077
MESSAGE_TOO_LARGE = 10054

NO_ROOM = frozenset({10023, 10028, 10047, STORE_FAILED})
"""The server's disk or memory, or what it or an account may use of these, is full."""


class ApiError(BusError):
    """JetStream refused a request.

    Attributes:
        err_code: The server's own number of the reason.
    """

    def __init__(self, subject: str, error: dict[str, Any]) -> None:
        super().__init__(f"JetStream on {subject}: {error.get('description', error)}")
        self.err_code = int(error.get("err_code", 0))


class SlotTakenError(ApiError):
    """A queue of one message per subject has one."""


class NoRoomError(ApiError, StoreFullError):
    """JetStream has no room for a message."""


class JetStream:
    """The requests that Sightline makes of JetStream. All raise BusError in time.

    Attributes:
        full: Knows the streams that had no room.
    """

    def __init__(self, connection: Connection, clock: BusClock) -> None:
        self.connection = connection
        self._clock = clock
        self.full = FullStreams()

    async def api(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request to ``$JS.API``.

        Raises:
            ApiError: Refused.
            BusError: No answer.
            NotPermittedError: The credential has no right to this call.
        """
        subject = f"$JS.API.{call}"
        reply = await self.connection.request(subject, json.dumps(body).encode() if body else b"")
        return _checked(subject, reply)

    async def heartbeat(self, stream: str) -> str:
        """Ask about a stream, and set the clock by the answer. Returns when it was created."""
        asked = time.monotonic()
        info = await self.api(f"STREAM.INFO.{stream}")
        self._clock.read(info["ts"], asked, time.monotonic())
        return str(info["created"])

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Publish and wait until it is stored.

        Raises:
            SlotTakenError: A queue of one message per subject has one.
            StoreFullError: There is no room for it.
            ApiError: Refused for another reason.
            TooLargeError: Larger than the connection or the stream takes.
            BusError: Not known whether it is stored.
        """
        try:
            answer = _checked(subject, await self.connection.request(subject, payload, headers))
            self.full.stored(subject)
            return answer
        except NoRoomError as error:
            self.full.refused(subject, error)
            raise
        except ApiError as error:
            if error.err_code == MESSAGE_TOO_LARGE:
                raise TooLargeError(f"a message of {len(payload):,} bytes on {subject}: {error}") from error
            raise

    async def newest(self, stream: str, subject: str) -> Msg | None:
        """The newest message on a subject, from any replica of the stream; None: there is none."""
        # nats-py's own direct get takes a message without payload for an error.
        message = await self.connection.request(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"")
        headers = message.headers or {}
        status = headers.get("Status")
        if status == "404":
            return None
        if status:
            raise BusError(f"direct get of {subject}: {status} {headers.get('Description', '')}")
        return message


def _checked(subject: str, reply: Msg) -> dict[str, Any]:
    try:
        answer = json.loads(reply.data)
    except ValueError as error:
        raise BusError(f"{subject} answered something else than JSON") from error
    if "error" in answer:
        raise _api_error(subject, answer["error"])
    return dict(answer)


def _api_error(subject: str, error: dict[str, Any]) -> ApiError:
    # The same number stands for a full stream and a full disk.
    if error.get("err_code") == STORE_FAILED and "per subject" in error.get("description", ""):
        return SlotTakenError(subject, error)
    return (NoRoomError if error.get("err_code") in NO_ROOM else ApiError)(subject, error)
