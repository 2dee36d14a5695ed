"""What it costs to watch a camera of 720p at 30 pictures a second in a room of a real LiveKit server.

Compared are room-ingest, one process for all rooms, and a process for each room that is subscribed all the
time and converts the newest frame as often as room-ingest does (``benchmarks/rooms/watcher.py``). In
turns, on the same rooms: processor time of those processes alone, while nobody speaks (a frame in three
seconds) and while all do (one a second), with simulcast and without; then the memory that each further
room takes. Cameras are published by a process of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from harness import Figure, Options, Row, Spread, interleaved, main
from rooms.processes import Cameras, cpu_seconds, megabytes, publishing, watching
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline.messages import Frame, Speaking, TrackEnded
from support.livekit_server import LiveKitServer, find_livekit_server, running_livekit
from support.room_ingest import IngestProcess, Watch, stage, want

OURS, THEIRS = "Sightline", "always subscribed"
FPS, SLOW_FPS = 30, 5
ROOMS = 5
"""With a track each, for the memory of a further one."""

SETTLE_SECONDS = 2.0
IDLE_AIM, SPEAKING_AIM, MEMORY_AIM = 3.0, 2.0, 12.0

WIDTH = 1024
"""Of pictures, at most: what the captioner wants by default."""

NOTES = (
    "CPU of the watching processes alone, for each track; of memory, what only they use. Pictures are at "
    f"most {WIDTH} pixels wide, as the captioner wants them, one in three seconds, or one a second of who "
    "speaks. Compared is a process for each room that is subscribed all the time and converts the newest "
    "frame as often. Without simulcast there is no smaller layer to take while somebody speaks: each picture "
    "is decoded at its full size on either side."
)


class Cost(NamedTuple):
    """Per cent of a core that one track takes, while nobody speaks and while somebody does."""

    idle: float
    speaking: float


class Memory(NamedTuple):
    """Megabytes that a further room takes, in the same two cases."""

    idle: float
    speaking: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What both watch.

    Attributes:
        seconds: That each measurement takes.
    """

    livekit: LiveKitServer
    nats_url: str
    bus: Bus
    cameras: Cameras
    seconds: float

    @property
    def tracks(self) -> int:
        return len(self.cameras.rooms)


async def measure(options: Options) -> list[Row]:
    """Row 4."""
    seconds, repetitions = (2.0, 1) if options.quick else (6.0, 3)
    with running_livekit(find_livekit_server()) as livekit:
        async with NatsServer() as nats, Bus.open(BusSettings(url=nats.url), name="benchmark") as bus:

            def scene(name: str, tracks: int, simulcast: bool, fps: int) -> Scene:
                names = tuple(f"{name} {number}" for number in range(tracks))
                return Scene(livekit, nats.url, bus, Cameras(names, simulcast, fps), seconds)

            plain = None if options.quick else await _costs(scene("plain", 2, False, FPS), repetitions)
            layers = await _costs(scene("layers", 2, True, FPS), repetitions)
            many = scene("many", ROOMS, False, SLOW_FPS)
            memory = None if options.quick else await _memory(many, min(2, repetitions))
    return [_row(plain, layers, memory)]


async def _costs(scene: Scene, repetitions: int) -> dict[str, list[Cost]]:
    async with publishing(scene.livekit, scene.cameras):
        return await interleaved(
            {OURS: lambda: _our_cost(scene), THEIRS: lambda: _their_cost(scene)}, repetitions
        )


async def _memory(scene: Scene, repetitions: int) -> dict[str, list[Memory]]:
    async with publishing(scene.livekit, scene.cameras):
        return await interleaved(
            {OURS: lambda: _our_memory(scene), THEIRS: lambda: _their_memory(scene)}, repetitions
        )


async def _our_cost(scene: Scene) -> Cost:
    rooms = scene.cameras.rooms
    async with _ingesting(scene) as ingest:
        await ingest.add(rooms)
        idle = await _percent(scene, [ingest.pid])
        await ingest.speaking(rooms)
        return Cost(idle, await _percent(scene, [ingest.pid]))


async def _their_cost(scene: Scene) -> Cost:
    async with watching(scene.livekit, scene.cameras.rooms, WIDTH) as watchers:
        idle = await _percent(scene, watchers.pids)
        await watchers.every(1.0)
        return Cost(idle, await _percent(scene, watchers.pids))


async def _our_memory(scene: Scene) -> Memory:
    first, *others = scene.cameras.rooms
    # On a bus of its own: on one that knows all the rooms already it would take them all at once.
    async with (
        NatsServer() as nats,
        Bus.open(BusSettings(url=nats.url), name="benchmark") as bus,
        _ingesting(replace(scene, nats_url=nats.url, bus=bus)) as ingest,
    ):
        await ingest.add([first])
        one = await _megabytes(scene, [ingest.pid])
        await ingest.add(others)
        all_idle = await _megabytes(scene, [ingest.pid])
        await ingest.speaking(scene.cameras.rooms)
        all_speak = await _megabytes(scene, [ingest.pid])
    return Memory((all_idle - one) / len(others), (all_speak - one) / len(others))


async def _their_memory(scene: Scene) -> Memory:
    async with watching(scene.livekit, scene.cameras.rooms, WIDTH) as watchers:
        each = await _megabytes(scene, watchers.pids) / scene.tracks
    return Memory(each, each)


class Ingesting:
    """A room-ingest at work."""

    def __init__(self, scene: Scene, pid: int, stack: AsyncExitStack) -> None:
        self.pid = pid
        self._bus, self._stack = scene.bus, stack
        self._began = scene.bus.now()

    async def add(self, rooms: Iterable[str]) -> None:
        """Have it watch these, too; returns when each has had a frame."""
        for room in rooms:
            watch = await self._stack.enter_async_context(Watch(self._bus, room))
            await want(self._bus, room)
            await watch.until("new frame", lambda seen: next(filter(self._is_new, seen), None))

    def _is_new(self, message: Frame | TrackEnded) -> bool:
        """The bus also has what another room-ingest published before."""
        return isinstance(message, Frame) and message.captured_at > self._began

    async def speaking(self, rooms: Iterable[str]) -> None:
        """Who is in these rooms speaks, from now on."""
        for room in rooms:
            await self._bus.send(Speaking(room=room, participant="alice", speaking=True))


@asynccontextmanager
async def _ingesting(scene: Scene) -> AsyncIterator[Ingesting]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage(scene.bus, "captioner", max_width=WIDTH))
        ingest = await stack.enter_async_context(
            IngestProcess(
                scene.nats_url, scene.livekit, SIGHTLINE_LOG_LEVEL="info", INGEST_SPEAKING_HOLD="600"
            )
        )
        watches = await stack.enter_async_context(AsyncExitStack())
        yield Ingesting(scene, ingest.process.pid, watches)
        # It gives its rooms back: the next one need not wait for its lease to lapse.
        ingest.process.terminate()
        await ingest.process.wait()


async def _percent(scene: Scene, pids: list[int]) -> float:
    """Of one core, for each track."""
    await asyncio.sleep(SETTLE_SECONDS)
    before = cpu_seconds(pids)
    await asyncio.sleep(scene.seconds)
    return 100 * (cpu_seconds(pids) - before) / scene.seconds / scene.tracks


async def _megabytes(scene: Scene, pids: list[int]) -> float:
    """The mean of several looks, a second apart: it rises and falls with each picture."""
    await asyncio.sleep(SETTLE_SECONDS)
    seen = []
    for _ in range(round(scene.seconds / 2)):
        seen.append(megabytes(pids))
        await asyncio.sleep(1)
    return sum(seen) / len(seen)


def _row(
    plain: dict[str, list[Cost]] | None,
    layers: dict[str, list[Cost]],
    memory: dict[str, list[Memory]] | None,
) -> Row:
    def percent(name: str, costs: dict[str, list[Cost]], of: str, least: float | None) -> Figure:
        spreads = {each: Spread.of(getattr(cost, of) for cost in found) for each, found in costs.items()}
        ours, theirs = spreads[OURS], spreads[THEIRS]
        figure = Figure(name=name, ours=ours, baselines={THEIRS: theirs}, unit="% of a core")
        if least is None:
            return figure.model_copy(update={"detail": True})
        met = figure.ratios[THEIRS].median >= least
        return figure.model_copy(update={"aim": f"1/{least:g} of it or less", "met": met})

    def megabytes(name: str, memory: dict[str, list[Memory]], of: str) -> Figure:
        spreads = {each: Spread.of(getattr(one, of) for one in found) for each, found in memory.items()}
        return Figure(name=name, ours=spreads[OURS], baselines={THEIRS: spreads[THEIRS]}, unit="MB")

    figures = [
        percent("CPU while nobody speaks, simulcast", layers, "idle", IDLE_AIM),
        percent("CPU while somebody speaks, simulcast", layers, "speaking", SPEAKING_AIM),
    ]
    if memory is not None:
        idle = megabytes("memory of a further room", memory, "idle")
        speaking = megabytes("memory of a further room, all speak", memory, "speaking")
        figures += [
            idle.model_copy(update={"aim": "12 MB or less", "met": idle.ours.median <= MEMORY_AIM}),
            speaking.model_copy(update={"detail": True}),
        ]
    if plain is not None:
        figures += [
            percent("CPU while nobody speaks, no simulcast", plain, "idle", IDLE_AIM),
            percent("CPU while somebody speaks, no simulcast", plain, "speaking", None),
        ]
    return Row(
        number=4,
        title="a 720p30 track in a room",
        figures=figures,
        notes=NOTES,
    )


if __name__ == "__main__":
    main("room_ingest", measure, __doc__)
