"""One client of a gateway among many: shows its camera at a steady pace, and asks every now and then.

It does without the messages' models, so that hundreds of it leave the processor to the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from support.load_pictures import HEIGHT, WIDTH, Reel

GOLDEN = 0.6180339887
"""Multiples of it are spread evenly, however many there are."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    """What a client does.

    Attributes:
        seconds: How long it shows its camera.
        fps: Frames a second.
        turns: Questions that it asks meanwhile; as many as it likes to wait for, where that takes longer.
        still: Frames until its camera sees something else.
        patience: Seconds that it waits for a reply.
    """

    seconds: float
    fps: float = 1.0
    turns: int = 2
    still: int = 5
    patience: float = 60.0


@dataclass(slots=True)
class Asked:
    """A question, and what came back. Times are seconds since it was asked; None: it never came."""

    question: str
    reply: str | None = None
    first_text: float | None = None
    complete: float | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a visit.

    Attributes:
        frames: That were sent.
        answered: Seconds from each of them to its ``frame_received``.
        errors: That it was told.
        surplus: Replies to nothing that it had asked.
        closed: Code of the close frame, where the gateway ended the visit.
    """

    client: int
    session: str = ""
    frames: int = 0
    answered: list[float] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    closed: int | None = None

    @classmethod
    def of(cls, fields: Json) -> Self:
        """As it travelled."""
        return cls(**{**fields, "asked": [Asked(**each) for each in fields["asked"]]})


class Visitor:
    """One client."""

    def __init__(self, number: int, http: aiohttp.ClientSession, url: str, reel: Reel, visit: Visit) -> None:
        self._http, self._url, self._reel, self._visit = http, url, reel, visit
        self._outcome = Outcome(number)
        self._wanted: list[str] = []
        self._is_wanted = asyncio.Event()
        self._sent_at: dict[int, float] = {}
        self._answered = asyncio.Event()
        self._asking: Asked | None = None
        self._asked_at = 0.0
        self._replied = asyncio.Event()
        self._ready = asyncio.Event()
        self._over = asyncio.Event()

    async def connect(self) -> None:
        """Connect, and wait for the session to begin."""
        self._socket = await self._http.ws_connect(self._url, max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        await self._send({"type": "client_ready", "capabilities": {"video": True}})
        await self._ready.wait()

    async def visit(self) -> Outcome:
        """Show and ask; returns once the last reply came, or did not."""
        began = time.perf_counter()
        showing = asyncio.create_task(self._show(began))
        await self._ask_all(began)
        await showing
        return self._outcome

    async def leave(self) -> None:
        """Say goodbye."""
        await self._socket.close()
        await self._reader

    async def _show(self, began: float) -> None:
        """Frames at a steady pace and where one is asked for, each once the one before was answered."""
        gap = 1 / self._visit.fps
        next_at = began + gap * (self._outcome.client * GOLDEN % 1)
        self._wanted.clear()  # what was asked for while nobody looked
        while not self._over.is_set() and (now := time.perf_counter()) < began + self._visit.seconds:
            if not self._wanted and now < next_at:
                await _either(self._is_wanted, next_at - now)
                continue
            if now >= next_at:
                next_at = max(next_at + gap, now)
            await self._frame(self._wanted.pop(0) if self._wanted else "timer")
            self._is_wanted.clear()

    async def _frame(self, reason: str) -> None:
        sequence = self._outcome.frames = self._outcome.frames + 1
        self._answered.clear()
        data = self._reel.base64(sequence, sequence // self._visit.still)
        image = f'{{"data":"{data}","format":"jpeg","width":{WIDTH},"height":{HEIGHT}}}'
        self._sent_at[sequence] = time.perf_counter()
        await self._socket.send_str(
            f'{{"type":"video_frame","sessionId":"{self._outcome.session}","sequence":{sequence},'
            f'"timestamp":{time.time_ns() // 1_000_000},"triggerReason":"{reason}","image":{image}}}'
        )
        await _either(self._answered, self._visit.patience)

    async def _ask_all(self, began: float) -> None:
        visit, number = self._visit, self._outcome.client
        for turn in range(visit.turns):
            at = began + visit.seconds * (turn + number * GOLDEN % 1) / visit.turns
            await _either(self._over, at - time.perf_counter())
            if not self._over.is_set():
                await self._ask(f"Question {number}-{turn}: what is in view?")

    async def _ask(self, question: str) -> None:
        self._asking = Asked(question)
        self._outcome.asked.append(self._asking)
        self._replied.clear()
        self._asked_at = time.perf_counter()
        await self._send({"type": "transcript", "text": question})
        await _either(self._replied, self._visit.patience)
        self._asking = None

    async def _read(self) -> None:
        async for message in self._socket:
            self._take(json.loads(message.data))
        self._outcome.closed = self._socket.close_code
        for event in (self._over, self._answered, self._replied, self._ready):
            event.set()

    def _take(self, message: Json) -> None:
        now = time.perf_counter()
        match message["type"]:
            case "session_init":
                # The first greets; the second answers client_ready.
                if self._outcome.session == message["sessionId"]:
                    self._ready.set()
                self._outcome.session = message["sessionId"]
            case "capture_frame":
                self._wanted.append(message["reason"])
                self._is_wanted.set()
            case "frame_received":
                self._outcome.answered.append(now - self._sent_at.pop(message["sequence"]))
                self._answered.set()
            case "text_delta" if self._asking is not None and self._asking.first_text is None:
                self._asking.first_text = now - self._asked_at
            case "response_complete":
                self._reply(message["text"], now)
            case "error":
                self._outcome.errors.append(f"{message['code']}: {message['message']}")
                if message.get("sequence") is not None:
                    self._answered.set()
                else:
                    self._replied.set()

    def _reply(self, text: str, now: float) -> None:
        if self._asking is None or self._asking.reply is not None:
            self._outcome.surplus.append(text)
            return
        self._asking.reply, self._asking.complete = text, now - self._asked_at
        self._replied.set()

    async def _send(self, message: Json) -> None:
        await self._socket.send_str(json.dumps(message))


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, and so long at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
