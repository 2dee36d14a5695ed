"""One conversation in OpenAI's realtime protocol, as ``support.realtime_server`` holds it."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from aiohttp import WSMsgType, web

Item = dict[str, Any]

RATE = 24_000
LOUD = 1_000.0
"""Root mean square of a sound that is speech."""

QUIET_SECONDS = 0.5
"""Of audio, not of time: how much silence ends a turn."""


_CONNECTIONS = itertools.count(1)


@dataclass(frozen=True)
class Call:
    """An answer that is a call of a tool."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Server(Protocol):
    """What a conversation tells, and asks."""

    silent: bool

    def take(self, event: dict[str, Any]) -> None:
        """An event came that is no audio."""

    def hear(self) -> None:
        """A piece of audio came."""

    def respond(self, items: list[Item], instructions: str, asked: bool) -> str | Call:
        """What to answer."""

    async def tell(self) -> None:
        """What came has been dealt with."""


class Connection:
    """One conversation."""

    def __init__(self, server: Server, socket: web.WebSocketResponse) -> None:
        self._server, self._socket = server, socket
        self._number = next(_CONNECTIONS)
        self._numbers = itertools.count(1)
        self.items: list[Item] = []
        self.session: dict[str, Any] = {}
        self.hearing = Hearing()
        self._speech = ""

    async def close(self) -> None:
        await self._socket.close()

    async def run(self) -> None:
        await self.send("session.created", session={"type": "realtime", "id": "sess_1"})
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            kind = event["type"]
            if kind == "input_audio_buffer.append":
                self._server.hear()
                await self._hear(event["audio"])
            else:
                self._server.take(event)
                handler = getattr(self, "_on_" + kind.replace(".", "_"), None)
                if handler is not None:
                    await handler(event)
            await self._server.tell()

    async def send(self, kind: str, **event: Any) -> None:
        await self._socket.send_json({"type": kind, "event_id": self._id("event"), **event})

    async def speech(self, began: bool) -> None:
        """The user begins or stops to speak, as the server hears it; then it answers."""
        if began:
            self._speech = self._id("item")
            await self.send("input_audio_buffer.speech_started", item_id=self._speech, audio_start_ms=0)
            return
        await self.send("input_audio_buffer.speech_stopped", item_id=self._speech, audio_end_ms=0)
        await self._commit(self._speech)
        await self._respond(asked=False, response={})

    async def _on_session_update(self, event: dict[str, Any]) -> None:
        self.session |= event["session"]
        await self.send("session.updated", session=self.session)

    async def _on_conversation_item_create(self, event: dict[str, Any]) -> None:
        item, before = event["item"], event.get("previous_item_id")
        if before == "root":
            place = 0
        else:
            place = next(
                (i + 1 for i, each in enumerate(self.items) if each["id"] == before), len(self.items)
            )
        await self._add(item, place)

    async def _on_conversation_item_delete(self, event: dict[str, Any]) -> None:
        self.items = [item for item in self.items if item["id"] != event["item_id"]]
        await self.send("conversation.item.deleted", item_id=event["item_id"])

    async def _on_input_audio_buffer_commit(self, _: dict[str, Any]) -> None:
        await self._commit(self._id("item"))

    async def _on_response_create(self, event: dict[str, Any]) -> None:
        await self._respond(asked=True, response=event.get("response") or {})

    async def _commit(self, item_id: str) -> None:
        """What was heard becomes a message."""
        await self.send("input_audio_buffer.committed", item_id=item_id)
        item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        await self._add(item, len(self.items))
        await self.send(
            "conversation.item.input_audio_transcription.completed",
            **{"item_id": item_id, "content_index": 0, "transcript": "a loud sound"},
        )

    async def _add(self, item: Item, place: int) -> None:
        self.items.insert(place, item)
        before = self.items[place - 1]["id"] if place else None
        if not self._server.silent:
            await self.send("conversation.item.added", previous_item_id=before, item=item)

    async def _hear(self, audio: str) -> None:
        detection = self.session.get("audio", {}).get("input", {}).get("turn_detection")
        change = self.hearing.hear(base64.b64decode(audio))
        if detection is not None and change is not None:
            await self.speech(change)

    async def _respond(self, asked: bool, response: dict[str, Any]) -> None:
        items = list(self.items)
        answer = self._server.respond(items, response.get("instructions") or "", asked)
        reply = {"id": self._id("resp"), "object": "realtime.response", "metadata": response.get("metadata")}
        await self.send("response.created", response=reply | {"status": "in_progress", "output": []})
        item = self._call(answer) if isinstance(answer, Call) else await self._say(answer)
        if isinstance(answer, Call):
            await self._begin(item)
        await self.send("response.output_item.done", output_index=0, item=item | {"status": "completed"})
        usage = {"total_tokens": 2, "input_tokens": 1, "output_tokens": 1}
        done = reply | {"status": "completed", "output": [item], "usage": usage}
        await self.send("response.done", response=done)

    def _call(self, call: Call) -> Item:
        item = {"id": self._id("item"), "type": "function_call", "call_id": self._id("call")}
        return item | {"name": call.name, "arguments": json.dumps(call.arguments)}

    async def _begin(self, item: Item) -> None:
        await self.send("response.output_item.added", output_index=0, item=item)
        await self._add(item, len(self.items))

    async def _say(self, text: str) -> Item:
        item: Item = {"id": self._id("item"), "type": "message", "role": "assistant", "content": []}
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        await self._begin(item)
        spoken = self.session.get("output_modalities") != ["text"]
        part = {"type": "audio", "transcript": text} if spoken else {"type": "text", "text": text}
        await self.send("response.content_part.added", **place, part=part)
        if spoken:
            silence = base64.b64encode(bytes(RATE // 5)).decode()
            await self.send("response.output_audio_transcript.delta", **place, delta=text)
            await self.send("response.output_audio.delta", **place, delta=silence)
            await self.send("response.output_audio.done", **place)
        else:
            await self.send("response.output_text.delta", **place, delta=text)
            await self.send("response.output_text.done", **place, text=text)
        kind = (
            {"type": "output_audio", "transcript": text} if spoken else {"type": "output_text", "text": text}
        )
        item["content"] = [kind]
        return item

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._number}_{next(self._numbers)}"


class Hearing:
    """Tells speech from silence: by how loud it is."""

    def __init__(self) -> None:
        self._speaking = False
        self._quiet = 0.0

    def hear(self, audio: bytes) -> bool | None:
        """Take 16 bit samples; True as speech begins, False as it ends, None otherwise."""
        samples = np.frombuffer(audio, np.int16).astype(np.float64)
        if len(samples) and np.sqrt(np.mean(samples**2)) > LOUD:
            self._quiet = 0.0
            if not self._speaking:
                self._speaking = True
                return True
        elif self._speaking:
            self._quiet += len(samples) / RATE
            if self._quiet >= QUIET_SECONDS:
                self._speaking = False
                return False
        return None


def texts_of(item: Item) -> list[str]:
    """The texts of an item's content."""
    return [part["text"] for part in item.get("content", ()) if part["type"] == "input_text"]
