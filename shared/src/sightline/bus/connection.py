"""One connection to NATS that comes back by itself, and says why when it cannot.

nats-py closes for good, or hangs, where a service must not: see the comments, each of them was run.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from sightline.bus.client import Client, cancellable
from sightline.bus.credentials import credentials, servers, shown
from sightline.config import BusSettings
from sightline.errors import BusClosedError, BusError, NotPermittedError, SettingsError, TooLargeError
from sightline.log import get_logger

log = get_logger()

PING_SECONDS = 2
CLOSE_SECONDS = 3.0
MAX_SUBJECT = 3_000
"""Bytes. The server closes connections over 4 KB of control line, which has the reply subject, too."""

MAX_UNSENT = 16 * 1024 * 1024
"""Bytes that wait for a server that takes nothing; more are refused, so that memory stays flat."""

_DENIED = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]+)\"", re.IGNORECASE)
_REFUSED = re.compile(r"authorization|authentication|credentials", re.IGNORECASE)
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
        self.servers = shown(settings.url)
        self.problem = f"not connected to {self.servers} yet"
        self.closed = asyncio.Event()
        self.reconnects = 0
        self._name = name
        self._changed = changed
        self._denied: dict[str, str] = {}
        self._lost_at = time.monotonic()
        self._refused_at: float | None = None
        self._closing = False
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
        """Connect, for ever. Returns once connected.

        Raises:
            SettingsError: A URL or a credential cannot be used at all.
        """
        known = await asyncio.to_thread(credentials, self.settings)
        try:
            await self._connect(known)
        except SettingsError:
            raise
        except Exception as error:
            # What is wrong with the server or the network is tried again in there.
            reason = f"{type(error).__name__}: {error}"
            raise SettingsError(f"NATS_URL {self.servers!r} or its credentials: {reason}") from error
        self._refused_at = None
        self.problem = ""
        self._changed()

    @property
    def refused_for(self) -> float:
        """Seconds since the server began to refuse the credential of a connection that was lost."""
        return time.monotonic() - self._refused_at if self._refused_at is not None else 0.0

    async def give_up(self) -> None:
        """Close for good, where trying again with the same credential cannot help."""
        await self._client.close()

    async def connect_again(self) -> None:
        """Another connection, with the same subscriptions."""
        await self._client.connect_again()

    async def _connect(self, known: dict[str, Any]) -> None:
        await self._client.connect(
            servers=servers(self.settings),
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
            **known,
        )

    async def close(self) -> None:
        """Flush and close. Bounded; never raises: draining with the server gone would."""
        self._closing = True
        try:
            if self.connected:
                await self._client.flush(timeout=1)
        except Exception as error:
            log.debug("bus_flush_failed", error=repr(error))
            self._client.drop_unsent()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()
        except Exception as error:
            log.debug("bus_close_failed", error=repr(error))
        finally:
            self._client.drop_unsent()
            self.problem = self.problem or "the bus is closed"
            self.closed.set()
            self._changed()

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
                with cancellable():
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
                with cancellable():
                    return await self._client.ask(subject, payload, headers)
        except nats.errors.NoRespondersError as error:
            raise NobodyListensError(f"nobody listens on {subject}") from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            if subject.lower() in self._denied:
                # nats-py tells it in lower case.
                self._denied[subject.lower()] = _refusal("publish to", subject)
                raise NotPermittedError(self._denied[subject.lower()]) from error
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
        if (length := len(subject.encode())) > MAX_SUBJECT:
            raise TooLargeError(f"a subject of {length:,} bytes; at most {MAX_SUBJECT:,}")

    def _check(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        if self.closed.is_set():
            raise BusClosedError(self.problem or "the bus is closed")
        if not self.connected:
            raise BusError(self.problem or f"not connected to {self.servers}")
        self.check_size(subject, payload, headers)
        if self._client.pending_data_size + len(payload) > MAX_UNSENT:
            raise BusError(f"{self.servers} takes no messages: {MAX_UNSENT:,} bytes wait for it")

    # nats-py dies, or reconnects for ever, when a callback raises: these only note and tell.

    async def _on_error(self, error: Exception) -> None:
        denied = _DENIED.search(str(error))
        if denied:
            self._note_denied(denied[1].lower(), denied[2])
        elif not self.connected:
            if _REFUSED.search(str(error)) and self._refused_at is None:
                self._refused_at = time.monotonic()
            self.problem = f"cannot reach NATS at {self.servers}: {str(error) or type(error).__name__}"
            log.debug("bus_error", error=repr(error))
            self._changed()
        else:
            log.warning("bus_error", error=repr(error))

    def _note_denied(self, kind: str, subject: str) -> None:
        if subject in self._denied:
            return
        verb = "publish to" if kind == "publish" else "subscribe to"
        log.error("bus_not_permitted", action=verb, subject=subject)
        self._denied[subject] = _refusal(verb, subject)
        self._changed()

    async def _on_disconnected(self) -> None:
        self._lost_at = time.monotonic()
        # Before the subscriptions are made again, which may be refused again.
        self._denied.clear()
        if not self._closing:
            self.problem = f"lost the connection to {self.servers}"
            log.warning("bus_disconnected")
        self._changed()

    async def _on_reconnected(self) -> None:
        self.reconnects += 1
        self._refused_at = None
        self.problem = ""
        log.info("bus_reconnected", after=round(time.monotonic() - self._lost_at, 1))
        self._changed()

    async def _on_closed(self) -> None:
        error = None if self._closing else self._client.last_error
        self.problem = f"NATS closed the connection for good: {error}" if error else "the bus is closed"
        self.closed.set()
        self._changed()


def _refusal(verb: str, subject: str) -> str:
    return f"the NATS credential may not {verb} {subject}: grant it"


class NobodyListensError(BusError):
    """The subject has no responder: the stream, consumer or service is gone."""


async def end(subscription: Subscription) -> None:
    """Unsubscribe, whatever state the connection is in."""
    with contextlib.suppress(nats.errors.Error, OSError):
        await subscription.unsubscribe()
