"""What frontends send to a room: files, and typed messages with attachments."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

CHAT = "lk.chat"


@dataclass(frozen=True)
class Told:
    """A text that a participant got."""

    text: str
    sender: str
    attributes: dict[str, str]


class Texts:
    """The texts on one topic that a participant gets."""

    def __init__(self, room: rtc.Room, topic: str = CHAT) -> None:
        self.got: asyncio.Queue[Told] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        room.register_text_stream_handler(topic, self._on_stream)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._take(reader, identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = await reader.read_all()
        self.got.put_nowait(Told(text, identity, reader.info.attributes or {}))


async def send_with_attachments(
    room: rtc.Room, text: str, files: Sequence[tuple[str, bytes]], missing: int = 0
) -> None:
    """A typed message that names its attachments, then these, as ``sendText(…, {attachments})`` of LiveKit's
    JavaScript SDK does.

    Args:
        files: Name and content of each.
        missing: How many more it names and never sends.
    """
    ids = [str(uuid.uuid4()) for _ in range(len(files) + missing)]
    await _send_text(room, text, ids)
    await asyncio.gather(
        *(
            room.local_participant.send_bytes(data, topic=CHAT, name=name, stream_id=stream)
            for (name, data), stream in zip(files, ids, strict=False)
        )
    )


async def _send_text(room: rtc.Room, text: str, attached: list[str]) -> None:
    """The Python SDK's ``send_text`` cannot name attachments; what it is built on can."""
    request: Any = ffi_pb2.FfiRequest()
    request.send_text.local_participant_handle = room.local_participant._ffi_handle.handle
    request.send_text.text = text
    options = request.send_text.options
    options.topic = CHAT
    options.attached_stream_ids.extend(attached)
    options.sender_identity = room.local_participant.identity
    queue = FfiClient.instance.queue.subscribe()
    try:
        response: Any = FfiClient.instance.request(request)
        sent: Any = await queue.wait_for(lambda e: e.send_text.async_id == response.send_text.async_id)
    finally:
        FfiClient.instance.queue.unsubscribe(queue)
    assert not sent.send_text.HasField("error"), sent.send_text.error
