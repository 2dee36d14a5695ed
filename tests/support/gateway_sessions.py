"""Sessions of the gateway, with real stages on the real bus, and what they tell their client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from sightline.bus import Bus
from sightline.changes import Changes
from sightline.messages import Trigger
from sightline.runner import Runner
from sightline.stages import StageRegistry
from sightline.worker import VisionWorker
from sightline_captioner.settings import CaptionerSettings
from sightline_captioner.worker import Captioner
from sightline_encoder.settings import EncoderSettings
from sightline_encoder.worker import Encoder
from sightline_gateway.protocol import CaptureFrame, Image, VideoFrame
from sightline_gateway.session import VideoSession
from sightline_gateway.session.agent import GatewayAgent
from sightline_gateway.session.models import Models
from sightline_gateway.settings import SessionSettings
from support.agents import talking_to
from support.frames import jpeg
from support.model_servers import OpenAIServer
from support.sampling import running
from support.scenes import scene

M = TypeVar("M")


def photo(colour: tuple[int, int, int], text: str = "") -> bytes:
    """A JPEG of a scene of 640 × 360 pixels."""
    return jpeg(scene(colour, text))


class Client:
    """What a session tells its client, in order; and the frames that the client sends it."""

    def __init__(self, session: VideoSession) -> None:
        self.session = session
        self.messages: list[Any] = []
        self._changes = Changes()
        self._sequences: Iterator[int] = count(1)
        session.on_any(self._take)

    def told(self, message_class: type[M]) -> list[M]:
        """The messages of one kind so far."""
        return [each for each in self.messages if isinstance(each, message_class)]

    async def hears(self, message_class: type[M], condition: Callable[[M], bool] = lambda _: True) -> M:
        """The first message of a kind of which this holds; waits for it."""
        async with asyncio.timeout(30):
            while (found := next(filter(condition, self.told(message_class)), None)) is None:
                await self._changes.after(self._changes.version)
        return found

    async def shows(self, data: bytes, trigger: Trigger = Trigger.TIMER, **fields: Any) -> int:
        """Send a frame, as a connection hands it on. Returns its sequence."""
        sequence = next(self._sequences)
        frame = VideoFrame(sequence=sequence, trigger_reason=trigger, image=Image(), **fields)
        await self.session.receive_frame(frame, data)
        return sequence

    def answers(self, picture: Callable[[], bytes]) -> None:
        """From now on, answer each request for a frame with the picture of then."""

        async def answer(request: CaptureFrame) -> None:
            await self.shows(picture(), request.reason)

        self.session.on(CaptureFrame, answer)

    def _take(self, message: Any) -> None:
        self.messages.append(message)
        self._changes.tell()


@asynccontextmanager
async def stages(bus: Bus, *names: str) -> AsyncIterator[None]:
    """The captioner without a model, and the encoder, at work; or those of them that are named."""
    workers: dict[str, VisionWorker] = {
        "captioner": Captioner(CaptionerSettings(backend="offline", max_fps=60)),
        "encoder": Encoder(EncoderSettings(max_fps=60)),
    }
    chosen = names or tuple(workers)
    stopping, registry = asyncio.Event(), StageRegistry(bus)
    async with running(registry.run()):
        tasks = [asyncio.create_task(Runner(workers[name], name, bus).run(stopping, 1.0)) for name in chosen]
        try:
            while not registry.wants.keys() >= set(chosen):
                await registry.changed(registry.version)
            yield
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


@asynccontextmanager
async def session_with(
    bus: Bus, model: OpenAIServer, models: Models | None = None, session_id: str = "", **settings: Any
) -> AsyncIterator[tuple[VideoSession, Client]]:
    """A session that asks for nothing by time, and is patient on a busy machine; and its client.

    Args:
        settings: Of ``SessionSettings``; or, where the name is one of its own, of the agent.
    """
    own = {name: value for name, value in settings.items() if name in SessionSettings.model_fields}
    agents = {"mode": "both"} | {name: value for name, value in settings.items() if name not in own}
    session = VideoSession(
        bus,
        session_id=session_id,
        settings=SessionSettings(**({"timer_interval": 0, "frame_wait": 5} | own)),
        agent=GatewayAgent(talking_to(model, **agents)),
        models=models,
    )
    client = Client(session)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(session)
        yield session, client
