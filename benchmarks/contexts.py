"""Row 11: what an agent process with 1,000 rooms knows of them: how long a turn looks for it, and its memory.

    python benchmarks/contexts.py [--quick]

A NATS server and two agent processes, with the eyes of ``VisionAgent`` in 1,000 rooms and in one. Each
room has two tracks, whose frames and captions come over the bus. Compared in turns:

- a lookup as a turn makes it (``sightline_agent.look``: what is in view, chosen, rendered for the model, with
  its record), in rooms at random, among 1,000 and with one only;
- the same without a context: the newest caption of both tracks, asked of the bus when the turn is there.

Memory is what the agent process alone has (USS), before and after each eighth of the rooms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from _contexts_agent import AgentProcess, agent
from harness import Figure, Options, Row, Spread, interleaved, main, percentile, say
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline.errors import BusError
from sightline.messages import Caption, Frame, Message, Track, Trigger

ROOMS, QUICK_ROOMS = 1000, 120
BATCHES = 8
TRACKS = (
    {"participant": "alice", "id": "TR_camera", "source": "camera"},
    {"participant": "alice", "id": "TR_screen", "source": "screen"},
)
STAGE = "captioner"
CAPTIONS = 4
"""Of each track, one after another; an agent keeps so many."""

AT_ONCE = 32
"""Messages that are on their way to the bus."""

TRIES = 5
"""Of a message, on a machine that is too busy to answer in time: nothing is measured yet."""

TEXT = (
    "A person at a desk points at the {id} of {room}: a whiteboard with three columns, the second says “{}”."
)
"""No two rooms show the same."""

AIM = 0.2
"""Milliseconds."""

KIB, MS = 1024, 1000
Found = dict[str, list[dict[str, list[float]]]]
"""Who -> repetition -> ``clock`` or ``cpu`` -> seconds of each turn."""

ONE, ASKED = "one room in the process", "asked of the bus at the turn"


async def measure(options: Options) -> list[Row]:
    """Row 11."""
    rooms = [f"room-{number}" for number in range(QUICK_ROOMS if options.quick else ROOMS)]
    repetitions, turns = (3, 300) if options.quick else (9, 2000)
    async with (
        NatsServer() as server,
        Bus.open(BusSettings(url=server.url), name="cameras") as bus,
        agent(server.url) as many,
        agent(server.url) as one,
    ):
        memory = await fill(bus, many, rooms)
        await one.does("open", rooms=rooms[:1])
        await one.does("see", captions=len(TRACKS))
        look = {"turns": turns, "speaker": "alice"}
        found = await interleaved(
            {
                "Sightline": partial(many.does, "look", **look),
                ONE: partial(one.does, "look", **look),
                ASKED: partial(many.does, "ask", turns=turns // 10, tracks=TRACKS, stage=STAGE),
            },
            repetitions,
            warm_up=True,
        )
        idle = [await many.does("idle", seconds=1.0) for _ in range(repetitions)]
    return [row(len(rooms), found, memory, idle)]


async def fill(bus: Bus, process: AgentProcess, rooms: list[str]) -> list[float]:
    """Open the rooms in batches, and let their tracks show something.

    Returns:
        KiB of each room, one figure of each batch.
    """
    found = []
    size = len(rooms) // BATCHES
    before = await process.does("memory")
    for batch in range(BATCHES):
        opened = rooms[batch * size : (batch + 1) * size]
        await process.does("open", rooms=opened)
        for number in range(1, CAPTIONS + 1):
            await publish(bus, (Track(room=room, **track) for room in opened for track in TRACKS), number)
        await process.does("see", captions=len(TRACKS))
        after = await process.does("memory")
        say(f"{(batch + 1) * size} rooms: {after / KIB**2:.0f} MiB")
        found.append((after - before) / KIB / size)
        before = after
    return found


async def publish(bus: Bus, tracks: Iterable[Track], number: int) -> None:
    """A frame of each track, and its caption."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(track: Track) -> None:
        frame = Frame(
            track=track,
            sequence=number,
            captured_at=bus.now(),
            trigger=Trigger.TIMER,
            width=1280,
            height=720,
            data=b"\xff" * 1024,  # an agent is sent headers only
        )
        async with gate:
            await _published(bus, frame)
            text = TEXT.format(number, room=track.room, id=track.id)
            await _published(bus, Caption(text=text, model="benchmark", stage=STAGE, frame=frame.info))

    async with asyncio.TaskGroup() as group:
        for track in tracks:
            group.create_task(one(track))


async def _published(bus: Bus, message: Message) -> None:
    for left in reversed(range(TRIES)):
        try:
            await bus.publish(message)
            return
        except BusError:
            if not left:
                raise


def row(rooms: int, found: Found, memory: list[float], idle: list[float]) -> Row:
    """Row 11, of the seconds of all lookups, KiB a room, and cores of an idle process."""
    figures = [
        _of_lookup("a turn's lookup, p50", found, (ONE, ASKED), 50, "clock", AIM),
        _of_lookup("a turn's lookup, p99 of its CPU time", found, (ONE,), 99, "cpu", None),
        Figure(name="memory of a room", ours=Spread.of(memory), unit="KiB"),
        Figure(
            name=f"cores kept busy by {rooms:,} rooms with nothing new", ours=Spread.of(idle), detail=True
        ),
    ]
    notes = (
        "A lookup ends with the text for the model and the turn's record; two tracks a room, with the last "
        f"{CAPTIONS} captions of each. Memory is USS, feeds and all, opened in {BATCHES} batches. The rooms "
        "share one connection, as those of the gateway do, and agents that are given a `bus`. Found and "
        "mended with it: streams took 1,000 readers, so that the 1,001st room was not seen; captions were "
        "cleaned character by character at each turn, a third of the lookup."
    )
    return Row(number=11, title=f"agent, {rooms:,} rooms", figures=figures, notes=notes)


def _of_lookup(
    name: str, found: Found, others: tuple[str, ...], percent: float, kind: str, aim: float | None
) -> Figure:
    def spread(who: str) -> Spread:
        return Spread.of(percentile(each[kind], percent) * MS for each in found[who])

    ours = spread("Sightline")
    return Figure(
        name=name,
        ours=ours,
        baselines={other: spread(other) for other in others},
        unit="ms",
        aim=f"≤ {aim:g} ms" if aim else "",
        met=ours.median <= aim if aim else None,
    )


if __name__ == "__main__":
    main("contexts", measure, __doc__)
