"""What a session is working on for its client: pictures, newest first, and turns, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Trigger
from sightline_gateway.protocol import Error, VideoFrame

log = get_logger()

MOST_TURNS = 4
"""A turn interrupts the one before it, so that these are turns which are about to end."""

Report = Callable[[Error], None]


class Frames:
    """Takes pictures in one after another. While one is taken in, only the newest waits.

    One that somebody asked for is not given up for a later one that nobody did.
    """

    def __init__(self, take: Callable[[VideoFrame, bytes], Awaitable[None]], report: Report) -> None:
        """
        Args:
            take: Takes one in.
            report: Told what went wrong.
        """
        self._take, self._report = take, report
        self._waiting: list[tuple[VideoFrame, bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self.taking: Trigger | None = None
        """Of the frame that is being taken in."""

    def put(self, frame: VideoFrame, data: bytes) -> list[VideoFrame]:
        """Add a picture. Returns those that are passed over for it."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(frame, data))
            return []
        asked = frame.trigger_reason is Trigger.USER_REQUEST
        kept: list[tuple[VideoFrame, bytes]] = []
        passed_over: list[tuple[VideoFrame, bytes]] = []
        for each in self._waiting:
            stays = each[0].trigger_reason is Trigger.USER_REQUEST and not asked
            (kept if stays else passed_over).append(each)
        self._waiting = [*kept, (frame, data)]
        return [each[0] for each in passed_over]

    async def aclose(self) -> None:
        """Take in nothing more."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, frame: VideoFrame, data: bytes) -> None:
        try:
            while True:
                self.taking = frame.trigger_reason
                await reported(partial(self._take, frame, data), self._report)
                if not self._waiting:
                    return
                frame, data = self._waiting.pop(0)
        finally:
            self.taking = self._task = None


class Turns:
    """Turns that are being answered."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    @property
    def full(self) -> bool:
        """The client asks faster than its questions can even be interrupted."""
        return len(self._running) >= MOST_TURNS

    def start(self, turn: Callable[[], Awaitable[object]]) -> None:
        """Answer this."""
        task = asyncio.create_task(reported(turn, self._report))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def ended(self) -> None:
        """Wait until all of them are answered."""
        while self._running:
            await asyncio.wait(self._running)

    async def aclose(self) -> None:
        """Answer nothing more."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def reported(work: Callable[[], Awaitable[object]], report: Report) -> None:
    """Do the work; what it raises is told to the client and goes no further."""
    try:
        await work()
    except SightlineError as error:
        log.warning("client_not_served", error=type(error).__name__, reason=str(error))
        report(Error(code=getattr(error, "code", "internal"), message=str(error)))
    except Exception as error:
        log.exception("client_not_served", error=type(error).__name__)
        report(Error(code="internal", message="something went wrong here; the session lives on"))
