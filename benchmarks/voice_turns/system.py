"""The whole system, and the agents of all kinds beside one another in it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from harness import say
from sightline.embedded import NatsServer
from support.caller import Caller
from support.livekit_publisher import Publisher
from support.livekit_server import find_livekit_server, running_livekit
from support.system import CAPTIONER, INGEST, running_system
from support.voice_server import VoiceServer
from voice_turns.endpoints import Answerer, Describer
from voice_turns.moments import age_of
from voice_turns.process import AgentProcess, Endpoints, Turn, agents
from voice_turns.rooms import Cameras
from voice_turns.talk import SENTENCE

MODEL_SECONDS = 0.4
HEARING_SECONDS = (0.2, 0.5)
"""That speech-to-text takes after the last word: a fast one, and one that is not."""

SPEECH_SECONDS = 1.5
HEARD_SECONDS = 15
"""That a spoken turn is waited for, from its last word."""

FPS, MANY_FPS = 20, 10
"""Of the cameras of those who speak aloud; of the many where what they show is not judged by its age."""

SETTLE_SECONDS = 1.5
"""From when the cameras of some rooms are on until the first turn there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One turn, and what the model was shown in it.

    Attributes:
        turn: When it was.
        age: Seconds from when the newest frame that it was shown was before the camera until the request
            to the model began; None where it was shown none.
        spoke_at: When the person began to speak, on the monotonic clock; before their microphone.
    """

    turn: Turn
    age: float | None
    spoke_at: float

    @property
    def added(self) -> float:
        """Seconds from the end of the turn to the request."""
        return self.turn.requested - self.turn.ended

    @property
    def is_of_the_turn(self) -> bool:
        """Whether the frame was taken after the person began to speak."""
        return self.age is not None and self.age <= self.turn.requested - self.spoke_at


class Stage:
    """Rooms of all kinds of agents, who are in one process and have their turns one kind after another."""

    def __init__(
        self, process: AgentProcess, cameras: Cameras, answerer: Answerer, voice: VoiceServer
    ) -> None:
        self._process, self._cameras, self._answerer, self._voice = process, cameras, answerer, voice

    async def driven(self, rooms: Sequence[str], turns: int) -> list[Shown]:
        """So many turns in each of these rooms, as LiveKit's recognition reports them."""
        await self._show(rooms)
        asked = {room: len(self._answerer.shown[room]) for room in rooms}
        noted = await self._process.drive(rooms, turns, SPEECH_SECONDS)
        return self._seen(noted, asked, {})

    async def aloud(
        self, callers: Sequence[Caller], rooms: Sequence[str], turns: int, hearing: float
    ) -> list[Shown]:
        """So many turns in each of these rooms, spoken; what is said is understood after so many seconds."""
        self._voice.latency = hearing
        await self._show(rooms)
        seen = [shown for _ in range(turns) for shown in await self._say(callers, rooms)]
        if not seen:
            raise RuntimeError(f"nobody was heard in {turns} turns: the machine is too busy for a call")
        return seen

    async def _say(self, callers: Sequence[Caller], rooms: Sequence[str]) -> list[Shown]:
        asked = {room: len(self._answerer.shown[room]) for room in rooms}
        self._process.turns.clear()
        spoke_at = dict(zip(rooms, await asyncio.gather(*map(_speak, callers)), strict=True))
        try:
            async with asyncio.timeout(HEARD_SECONDS):
                await self._process.told(len(rooms))
                # The next turn begins when the reply was heard, and the agent listens again.
                await asyncio.gather(*(caller.hears_a_voice() for caller in callers))
        except TimeoutError:
            say("somebody was not heard, or not answered: the machine is too busy for a call")
        await asyncio.sleep(SETTLE_SECONDS)
        return self._seen(list(self._process.turns), asked, spoke_at)

    def _seen(self, noted: list[Turn], asked: dict[str, int], spoke_at: dict[str, float]) -> list[Shown]:
        places = dict(asked)
        found = []
        for turn in noted:
            moment = self._answerer.shown[turn.room][places[turn.room]]
            places[turn.room] += 1
            age = age_of(moment, turn.requested) if moment is not None else None
            found.append(Shown(turn, age, spoke_at.get(turn.room, turn.began)))
        return found

    async def _show(self, rooms: Sequence[str]) -> None:
        self._cameras.live = set(rooms)
        await asyncio.sleep(SETTLE_SECONDS)


async def _speak(caller: Caller) -> float:
    caller.forget()
    began = time.monotonic()
    await caller.say(SENTENCE)
    return began


class Whole:
    """The system: what is opened in it is closed with it."""

    def __init__(self, at: Endpoints, answerer: Answerer, voice: VoiceServer) -> None:
        self._at, self._answerer, self._voice = at, answerer, voice

    @asynccontextmanager
    async def stage(self, rooms: Sequence[str]) -> AsyncIterator[Stage]:
        """Agents in these rooms, whose users say nothing by themselves."""
        async with AsyncExitStack() as stack:
            people = [Publisher(self._at.livekit, room, "alice") for room in rooms]
            cameras = await self._people(stack, people, MANY_FPS)
            process = await stack.enter_async_context(agents(rooms, self._at))
            yield Stage(process, cameras, self._answerer, self._voice)

    @asynccontextmanager
    async def spoken(self, rooms: Sequence[str]) -> AsyncIterator[tuple[Stage, dict[str, Caller]]]:
        """Agents in these rooms, and who speaks with them."""
        async with AsyncExitStack() as stack:
            callers = {room: Caller(self._at.livekit, room, "alice") for room in rooms}
            cameras = await self._people(stack, list(callers.values()), FPS)
            process = await stack.enter_async_context(agents(rooms, self._at))
            yield Stage(process, cameras, self._answerer, self._voice), callers

    async def _people(self, stack: AsyncExitStack, people: Sequence[Publisher], fps: float) -> Cameras:
        cameras = Cameras(fps)
        stack.push_async_callback(cameras.close)
        for person in people:
            await stack.enter_async_context(person)
            await cameras.open(person)
        return cameras


@asynccontextmanager
async def whole_system() -> AsyncIterator[Whole]:
    """NATS, LiveKit, room-ingest, captioner and the models' endpoints, all of them real and running."""
    async with AsyncExitStack() as stack:
        livekit = stack.enter_context(running_livekit(find_livekit_server()))
        nats = await stack.enter_async_context(NatsServer())
        describer = await stack.enter_async_context(Describer(MODEL_SECONDS))
        answerer = await stack.enter_async_context(Answerer())
        voice = await stack.enter_async_context(VoiceServer(hears=(SENTENCE,)))
        # What the services log is told as they end.
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        system = await stack.enter_async_context(running_system(nats.url, livekit))
        await asyncio.gather(system.start(INGEST), system.start(CAPTIONER, MOONDREAM_ENDPOINT=describer.url))
        yield Whole(Endpoints(livekit, nats.url, answerer.url, describer.url, voice.url), answerer, voice)
