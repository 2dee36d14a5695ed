"""One connection to NATS that comes back by itself, and says why when it cannot.

nats-py closes for good, or hangs, where a service must not: see the comments, each of them was run.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from sightline.config import BusSettings
from sightline.errors import BusClosedError, BusError, NotPermittedError, TooLargeError
from sightline.log import get_logger

log = get_logger()

PING_SECONDS = 2
CLOSE_SECONDS = 3.0
MAX_SUBJECT = 3_000
"""Bytes. The server closes connections over 4 KB of control line, which has the reply subject, too."""

_DENIED = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]+)\"", re.IGNORECASE)
_HEADER_OVERHEAD = len(b"NATS/1.0\r\n\r\n")


def wire_size(headers: dict[str, str], payload: bytes) -> int:
    """Bytes of a message as the server counts them against ``max_payload``."""
    lines = sum(len(name) + len(value.encode()) + 4 for name, value in headers.items())
    return len(payload) + (_HEADER_OVERHEAD + lines if headers else 0)


class Connection:
    """A NATS client with bounded calls and callbacks that cannot raise."""

    def __init__(self, settings: BusSettings, name: str, changed: Callable[[], None]) -> None:
        """
        Args:
            settings: Where the servers are.
            name: Shown in the server's connection list.
            changed: Called after each change of state; must not raise nor block.
        """
        self.settings = settings
        self.problem = f"not connected to {settings.url} yet"
        self.closed = asyncio.Event()
        self.reconnects = 0
        self._name = name
        self._changed = changed
        self._denied: dict[str, str] = {}
        self._client = Client()

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    @property
    def client(self) -> Client:
        """For what nats-py does well by itself: subscriptions, pulls, services."""
        return self._client

    @property
    def denied(self) -> str:
        """What this credential was refused since it connected; empty when nothing."""
        return "; ".join(self._denied.values())

    async def connect(self) -> None:
        """Connect, for ever. Returns once connected."""
        await self._client.connect(
            servers=[url.strip() for url in self.settings.url.split(",")],
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            connect_timeout=2,
            # Spread, so that a hundred replicas do not return in the same millisecond.
            reconnect_time_wait=random.uniform(0.2, 0.6),  # type: ignore[arg-type]
            max_reconnect_attempts=-1,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            flush_timeout=self.settings.request_timeout,
            inbox_prefix=self.settings.inbox_prefix,
            **self._credentials(),
        )
        self.problem = ""
        self._changed()

    async def close(self) -> None:
        """Flush and close. Bounded; never raises: draining with the server gone would."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self.connected:
                    await self._client.flush(timeout=1)
                await self._client.close()
        except Exception as error:
            log.debug("bus_close_failed", error=repr(error))
        finally:
            self.closed.set()

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str], reply: str = "") -> None:
        """Core publish. While disconnected it raises: nats-py would buffer, and send it stale.

        Raises:
            BusError: Not connected, or the server does not take it in time.
            TooLargeError: See ``check_size``.
        """
        self._check(subject, payload, headers)
        try:
            # With 2 MB pending nats-py waits for the socket, whatever its own timeout says.
            async with asyncio.timeout(self.settings.request_timeout):
                await self._client.publish(subject, payload, reply=reply, headers=headers or None)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusError(f"NATS did not take a message on {subject}: {error!r}") from error

    async def request(
        self,
        subject: str,
        payload: bytes,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> Msg:
        """Publish and wait for one answer.

        Raises:
            BusError: Nobody answered in time, or nobody listens.
            NotPermittedError: The credential has no right to the subject.
            TooLargeError: See ``check_size``.
        """
        self._check(subject, payload, headers or {})
        seconds = timeout or self.settings.request_timeout
        try:
            async with asyncio.timeout(seconds):
                with _cancellable():
                    return await self._client.request(subject, payload, timeout=seconds + 1, headers=headers)
        except nats.errors.NoRespondersError as error:
            raise NobodyListensError(f"nobody listens on {subject}") from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            if subject in self._denied:
                raise NotPermittedError(self._denied[subject]) from error
            raise BusError(f"no answer on {subject} within {seconds:g} s: {error!r}") from error

    async def subscribe(self, subject: str, queue: str = "", **options: Any) -> Subscription:
        """Raises BusError: not connected."""
        self._check(subject, b"", {})
        try:
            return await self._client.subscribe(subject, queue=queue, **options)
        except (nats.errors.Error, OSError) as error:
            raise BusError(f"cannot subscribe to {subject}: {error!r}") from error

    def check_size(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """Refuse here what the server would punish by closing the connection for good.

        Raises:
            TooLargeError: Payload and headers are over ``max_payload``, or the subject is too long.
        """
        size, limit = wire_size(headers, payload), self._client.max_payload
        if size > limit:
            raise TooLargeError(
                f"a message of {size:,} bytes with its headers; NATS takes {limit:,} (max_payload): "
                "send a smaller picture or raise the server's limit"
            )
        if len(subject) > MAX_SUBJECT:
            raise TooLargeError(f"a subject of {len(subject):,} characters; at most {MAX_SUBJECT:,}")

    def _check(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        if self.closed.is_set():
            raise BusClosedError(self.problem or "the bus is closed")
        if not self.connected:
            raise BusError(self.problem or f"not connected to {self.settings.url}")
        self.check_size(subject, payload, headers)

    def _credentials(self) -> dict[str, Any]:
        given = self.settings
        found: dict[str, Any] = {}
        if given.user:
            found |= {"user": given.user, "password": given.password.get_secret_value()}
        if given.nkey_seed_file:
            found["nkeys_seed"] = given.nkey_seed_file
        if given.creds_file:
            found["user_credentials"] = given.creds_file
        if given.tls_ca:
            found["tls"] = ssl.create_default_context(cafile=given.tls_ca)
        return found

    # nats-py dies, or reconnects for ever, when a callback raises: these only note and tell.

    async def _on_error(self, error: Exception) -> None:
        denied = _DENIED.search(str(error))
        if denied:
            kind, subject = denied[1].lower(), denied[2]
            verb = "publish to" if kind == "publish" else "subscribe to"
            if subject not in self._denied:
                log.error("bus_not_permitted", action=verb, subject=subject)
            self._denied[subject] = f"the NATS credential may not {verb} {subject}: grant it"
        elif not self.connected:
            self.problem = f"cannot reach NATS at {self.settings.url}: {error or type(error).__name__}"
            log.debug("bus_error", error=repr(error))
        else:
            log.warning("bus_error", error=repr(error))
        self._changed()

    async def _on_disconnected(self) -> None:
        self.problem = f"lost the connection to {self.settings.url}"
        self._lost_at = time.monotonic()
        log.warning("bus_disconnected")
        self._changed()

    async def _on_reconnected(self) -> None:
        self.reconnects += 1
        self.problem = ""
        self._denied.clear()
        log.info("bus_reconnected", after=round(time.monotonic() - self._lost_at, 1))
        self._changed()

    async def _on_closed(self) -> None:
        error = self._client.last_error
        self.problem = f"NATS closed the connection for good: {error}" if error else "the bus is closed"
        self.closed.set()
        self._changed()


@contextlib.contextmanager
def _cancellable() -> Iterator[None]:
    """Raise a cancellation that came inside the block and was swallowed there.

    nats-py waits with ``asyncio.wait_for``, which on Python 3.11 prefers an answer that arrives in the
    same turn of the event loop: the task goes on, and whoever cancelled it waits for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


class NobodyListensError(BusError):
    """The subject has no responder: the stream, consumer or service is gone."""


async def end(subscription: Subscription) -> None:
    """Unsubscribe, whatever state the connection is in."""
    with contextlib.suppress(nats.errors.Error, OSError):
        await subscription.unsubscribe()
