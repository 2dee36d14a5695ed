"""What happens in a demo, in order: pictures come, captions come, the agent is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from sightline.bus import Bus
from sightline.cli.demo.asking import carried_a_caption, take_turn
from sightline.cli.demo.parts import Parts
from sightline.cli.demo.story import Story, measure_lag
from sightline.cli.demo.views import View
from sightline.cli.records import Sight
from sightline.cli.tail import follow
from sightline.embedded import EmbeddedError, NatsServer
from sightline.errors import SightlineError

FIRST_FRAME_SECONDS = 60.0
FIRST_CAPTION_SECONDS = 60.0
LOOK_SECONDS = 8.0
"""How long captions are watched before the agent is asked, at most; half of the time, if that is less."""

LAG_SECONDS = 1.0
RETRY_SECONDS = 1.0


class Show:
    """One demo, on a bus that is there and parts that are not yet started.

    Args:
        environment: Of the chat's processes.
        room: The room that is shown.
    """

    def __init__(
        self,
        bus: Bus,
        story: Story,
        view: View,
        room: str,
        environment: Mapping[str, str],
        stopping: asyncio.Event,
    ) -> None:
        self._bus = bus
        self._story = story
        self._view = view
        self._room = room
        self._environment = environment
        self._stopping = stopping
        self._carried = False
        self._questions: asyncio.Queue[str] = asyncio.Queue()

    def ask(self, question: str) -> None:
        """Have the agent asked, as soon as it has answered what it was asked before."""
        self._questions.put_nowait(question)

    async def run(
        self, server: NatsServer, parts: Parts, stages: Sequence[str], question: str, duration: float | None
    ) -> bool:
        """Run all of it.

        Args:
            duration: Seconds from the first frame on; None: until stopped.

        Returns:
            Whether a turn carried a caption.

        Raises:
            SightlineError: A part does not start.
        """
        background = (
            self._view.run(),
            follow(self._bus, self._room, self._see, history="all"),
            measure_lag(self._bus, self._story, stages, LAG_SECONDS),
            keep_running(server, self._view.note),
            parts.run(),
            self._answer(),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in background]
            await self._play(question, duration)
            for task in tasks:
                task.cancel()
        return self._carried

    def _see(self, sight: Sight) -> None:
        if self._story.add(sight):
            self._view.show(sight, self._bus.now())

    async def _play(self, question: str, duration: float | None) -> None:
        if not await self._until(self._story.first_frame.wait(), FIRST_FRAME_SECONDS):
            self._view.note("no frame came" if not self._stopping.is_set() else "stopped")
            return
        end = time.monotonic() + (duration or float("inf"))
        await self._sleep(min((duration or float("inf")) / 2, LOOK_SECONDS))
        await self._until(self._story.first_caption.wait(), FIRST_CAPTION_SECONDS)
        while not self._stopping.is_set():
            await self._until(self._take_turn(question))
            if self._carried or time.monotonic() >= end:
                break
            await self._sleep(RETRY_SECONDS)
        await self._sleep(end - time.monotonic())

    async def _answer(self) -> None:
        """What was typed, one after the other; until cancelled."""
        while True:
            await self._take_turn(await self._questions.get())

    async def _take_turn(self, question: str) -> None:
        try:
            turn = await take_turn(self._room, question, self._environment)
        except SightlineError as error:
            self._view.note(str(error))
            return
        self._story.turn = turn
        self._carried = self._carried or carried_a_caption(turn)
        self._view.turn(turn)

    async def _sleep(self, seconds: float) -> None:
        """Wait, or until stopped."""
        if seconds > 0:
            await self._until(asyncio.Event().wait(), seconds)

    async def _until(self, work: Coroutine[Any, Any, Any], seconds: float | None = None) -> bool:
        """Wait for something, but not longer than ``seconds``, nor once it is to stop.

        Returns:
            Whether it was done.
        """
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stopping.wait())
        limit = None if seconds == float("inf") else seconds
        try:
            await asyncio.wait({task, stop}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            return task.done()
        finally:
            for each in (task, stop):
                each.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)


async def keep_running(server: NatsServer, note: Callable[[str], None]) -> None:
    """Start the NATS server again whenever it ends, on its port and with its files; until cancelled.

    Args:
        note: Told what happens, in a sentence.
    """
    while True:
        await server.wait()
        note("the NATS server ended, starting it again")
        while not server.running:
            try:
                await server.start()
            except EmbeddedError as error:
                note(str(error))
                await asyncio.sleep(RETRY_SECONDS)
