"""nats-py's client, where a service needs another one. Each of its ways was run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import nats.aio.client
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from sightline.metrics import BUS_BYTES
from sightline.subjects import ROOT

RETRY_SECONDS = 1.0

# A frame comes in one piece, not in several of 32 KiB.
nats.aio.client.DEFAULT_BUFFER_SIZE = 1024 * 1024

_COUNTED = frozenset({"frames", "work", "captions", "images", "dead", "turns"})
_STORED_ON = b"Nats-Subject: "


class Client(nats.aio.client.Client):
    """A client that drops what it could not send, and that nothing keeps from reconnecting."""

    def __init__(self) -> None:
        super().__init__()
        self._handed_over: dict[int, Callable[[Msg], None]] = {}

    def hand_over(self, subscription: Subscription, take: Callable[[Msg], None]) -> None:
        """Give each message of a subscription to ``take`` as it is read.

        nats-py wakes a task of the subscription for it, and that wakes whoever waits: each is a turn of
        the event loop. ``take`` must neither raise nor block.
        """
        self._handed_over[subscription._id] = take

    def keep(self, subscription: Subscription) -> None:
        """Take ``hand_over`` back."""
        self._handed_over.pop(subscription._id, None)

    def drop_unsent(self) -> None:
        """Forget what is buffered, and reset the socket with what that holds.

        nats-py waits until the lost socket has taken everything, which is for ever when the other
        host froze or vanished; and it sends its buffer, stale by then, on the next connection.
        """
        self._pending = []
        self._pending_data_size = 0
        self._abort()

    async def ask(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> Msg:
        """Publish and wait for one answer, for ever: whoever calls has a timeout.

        nats-py's ``request`` waits in a ``wait_for`` of its own, one more turn of the event loop.

        Raises:
            nats.errors.NoRespondersError: Nobody listens.
        """
        if not self._resp_sub_prefix:
            await self._init_request_sub()
        assert self._resp_sub_prefix
        token = self._nuid.next().decode()
        answer = self._resp_map[token] = asyncio.get_running_loop().create_future()
        try:
            reply = self._resp_sub_prefix.decode() + token
            with cancellable():
                await self.publish(subject, payload, reply=reply, headers=headers)
            message: Msg = await answer
        finally:
            del self._resp_map[token]
        if (message.headers or {}).get("Status") == "503":
            raise nats.errors.NoRespondersError
        return message

    async def connect_again(self) -> None:
        """Replace a connection that seems dead, or that was refused something."""
        await self.force_reconnect()
        if self.is_reconnecting:
            self.drop_unsent()

    async def _process_op_err(self, e: Exception) -> None:
        if not (self.is_closed or self.is_reconnecting):
            self.drop_unsent()
        await super()._process_op_err(e)

    async def _connect_to_server(self, s: Any) -> None:
        # An attempt that timed out left its socket open.
        self._abort()
        if self._nkeys_seed is not None:
            # The seed is read again for each signature, but not the public key that goes with it.
            await asyncio.to_thread(self._setup_nkeys_connect)
        await super()._connect_to_server(s)

    async def _attempt_reconnect(self) -> None:
        # An error that nats-py does not expect, of a half-written key file for example, would end the
        # attempts in silence.
        while not self.is_closed:
            try:
                await super()._attempt_reconnect()
                break
            except Exception as error:
                await self._error_cb(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        await super()._send_publish(subject, reply, payload, payload_size, headers)
        BUS_BYTES.labels("out", _what(subject)).inc(payload_size)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        about = subject
        if headers and (found := headers.find(_STORED_ON)) >= 0:
            # The answer of a direct get came to an inbox.
            about = headers[found + len(_STORED_ON) :].split(b"\r\n", 1)[0]
        BUS_BYTES.labels("in", _what(about.decode(errors="replace"))).inc(len(data))
        take = self._handed_over.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            take(self._build_message(sid, subject, reply, data, await self._process_headers(headers)))

    async def _init_request_sub(self) -> None:
        # nats-py subscribes to the answers of all requests with the first of them.
        await super()._init_request_sub()
        for subscription in self._subs.values():
            if subscription._cb == self._request_sub_callback:
                self.hand_over(subscription, self._answered)

    def _answered(self, message: Msg) -> None:
        waiting = self._resp_map.get(message.subject.rpartition(".")[2])
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _abort(self) -> None:
        # The socket's own writer: with TLS the other one raises once it is closed, as of Python 3.11.2.
        writer = getattr(self._transport, "_bare_io_writer", None)
        if writer is not None:
            writer.transport.abort()


def _what(subject: str) -> str:
    """What a subject's messages are, as a label: few, whatever the subject."""
    root, _, rest = subject.partition(".")
    kind = rest.partition(".")[0]
    return kind if root == ROOT and kind in _COUNTED else "other"


@contextlib.contextmanager
def cancellable() -> Iterator[None]:
    """Raise a cancellation that came inside the block and was swallowed there.

    nats-py waits with ``asyncio.wait_for``, which on Python 3.11 prefers an answer that arrives in the
    same turn of the event loop, and it swallows cancellations while it flushes: the task goes on, and
    whoever cancelled it waits for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
