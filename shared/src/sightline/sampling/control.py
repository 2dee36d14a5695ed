"""What the bus asks of a room's tracks: "look now", and who speaks.

    control = Control(bus, "demo")
    await control.add("alice", sampler)      # as a track begins: alice is served from the first one on
    control.speak("alice", True)             # LiveKit's word; the bus's word is heard by itself
    await control.remove("alice", sampler)   # as a track ends: nobody answers for alice after the last
    await control.close()

A participant speaks while either LiveKit or the bus says so. The bus's word is forgotten after
``hold`` seconds: the message that takes it back may be lost. A capture request asks all tracks of
the participant at once and answers with the frames that were published. Where no track of a
participant is sampled nobody answers, and the asker knows at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from sightline import subjects
from sightline.bus import Bus
from sightline.errors import CaptureError, SightlineError
from sightline.log import get_logger
from sightline.messages import CaptureReply, CaptureRequest, FrameInfo, Speaking
from sightline.sampling.metrics import CAPTURES

log = get_logger()

RETRY_SECONDS = 1.0


class Sampled(Protocol):
    """A track that can be asked for a frame."""

    def speak(self, speaking: bool) -> None:
        """The participant began or stopped to speak."""

    async def capture(self, deadline: float, if_changed: bool = False) -> FrameInfo:
        """Publish a frame now.

        Args:
            deadline: Seconds after which nobody waits for it.
            if_changed: As of ``CaptureRequest``.

        Raises:
            CaptureError: There was none in time.
        """


class Control:
    """The bus side of one room."""

    def __init__(self, bus: Bus, room: str, hold: float = 30.0) -> None:
        """No I/O.

        Args:
            bus: A bus; it may be disconnected.
            room: The room's name.
            hold: Seconds that the bus's word on who speaks is good for.
        """
        self._bus, self._room, self._hold = bus, room, hold
        self._served: dict[str, _Participant] = {}
        self._livekit_says: set[str] = set()

    async def add(self, participant: str, sampler: Sampled) -> None:
        """Serve one more track of a participant; the sampler learns at once whether they speak.

        Returns once the bus has the subscriptions; where it is away they follow by themselves.
        """
        served = self._served.get(participant)
        if served is None:
            served = self._served[participant] = _Participant(self._bus, self._room, participant, self._hold)
            served.told_by_livekit(participant in self._livekit_says)
        served.samplers.append(sampler)
        sampler.speak(served.speaking)
        await served.serve()

    async def remove(self, participant: str, sampler: Sampled) -> None:
        """The track is over. Unknown ones are no error."""
        served = self._served.get(participant)
        if served is None or sampler not in served.samplers:
            return
        served.samplers.remove(sampler)
        if not served.samplers:
            del self._served[participant]
            await served.close()

    def speak(self, participant: str, speaking: bool) -> None:
        """LiveKit's word on who speaks. Also for participants who have no track yet."""
        (self._livekit_says.add if speaking else self._livekit_says.discard)(participant)
        if participant in self._served:
            self._served[participant].told_by_livekit(speaking)

    async def close(self) -> None:
        """Stop serving everybody. Never raises."""
        everybody = list(self._served.values())
        self._served.clear()
        self._livekit_says.clear()
        await asyncio.gather(*(served.close() for served in everybody))


class _Participant:
    """One participant, as long as a track of theirs is sampled."""

    def __init__(self, bus: Bus, room: str, name: str, hold: float) -> None:
        self.samplers: list[Sampled] = []
        self._bus, self._room, self._name, self._hold = bus, room, name, hold
        self._livekit_says = self._bus_says = False
        self._forget: asyncio.TimerHandle | None = None
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def speaking(self) -> bool:
        return self._livekit_says or self._bus_says

    async def serve(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._subscribe())
        await self._tried.wait()

    async def close(self) -> None:
        if self._forget is not None:
            self._forget.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def told_by_livekit(self, speaking: bool) -> None:
        self._livekit_says = speaking
        self._tell_samplers()

    def told_by_bus(self, speaking: bool) -> None:
        if self._forget is not None:
            self._forget.cancel()
            self._forget = None
        if speaking:
            self._forget = asyncio.get_running_loop().call_later(self._hold, self.told_by_bus, False)
        self._bus_says = speaking
        self._tell_samplers()

    def _tell_samplers(self) -> None:
        for sampler in self.samplers:
            sampler.speak(self.speaking)

    async def _subscribe(self) -> None:
        """Subscribe, and stay so until cancelled. The bus carries subscriptions over reconnects."""
        while True:
            version = self._bus.changes.version
            try:
                async with contextlib.AsyncExitStack() as stops:
                    await self._serve(stops)
                    self._tried.set()
                    await asyncio.Event().wait()
            except SightlineError as error:
                log.debug("control_not_served", reason=str(error))
            self._tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._bus.changes.after(version)

    async def _serve(self, stops: contextlib.AsyncExitStack) -> None:
        capture = subjects.capture(self._room, self._name)
        stops.push_async_callback(await self._bus.serve(capture, CaptureRequest, self._capture))
        speaking = subjects.speaking(self._room, self._name)
        stops.push_async_callback(await self._bus.serve(speaking, Speaking, self._hear))

    async def _hear(self, message: Speaking) -> None:
        self.told_by_bus(message.speaking)

    async def _capture(self, request: CaptureRequest) -> CaptureReply:
        log.debug("capture_requested", reason=request.reason)
        asked = [sampler.capture(request.deadline, request.if_changed) for sampler in self.samplers]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for unexpected in answers:
            if isinstance(unexpected, BaseException) and not isinstance(unexpected, CaptureError):
                raise unexpected
        frames = tuple(answer for answer in answers if isinstance(answer, FrameInfo))
        CAPTURES.labels("frame" if frames else "error").inc()
        if frames:
            return CaptureReply(frames=frames)
        return CaptureReply(error="; ".join(sorted({str(answer) for answer in answers})))
