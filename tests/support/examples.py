"""What the examples run on: room-ingest and a captioner as processes, and a Moondream on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sightline import topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.messages import Caption
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer
from support.nats_server import Server
from support.stage import Stored, stored
from support.system import CAPTIONER, INGEST, System, running_system

CHAT = "lk.chat"


class Stage:
    """A system that sees, and the captions that it makes of what is shown."""

    def __init__(self, system: System, captions: Stored) -> None:
        self.system = system
        self._captions = captions

    async def described(self, participant: str, words: str) -> Caption:
        """Wait until there is a caption that says this of what somebody shows."""
        seen = 0
        while True:
            for caption in (await self._captions.has(seen + 1))[seen:]:
                assert isinstance(caption, Caption)
                assert caption.frame is not None
                if caption.frame.track.participant == participant and words in caption.text:
                    return caption
            seen = len(self._captions.messages)


@asynccontextmanager
async def a_stage(nats: Server, livekit: LiveKitServer) -> AsyncIterator[Stage]:
    """Everything that sees, running: what it shows is named after its colour."""
    async with (
        MoondreamServer(answer=wall, reply=judged) as moondream,
        Bus.open(BusSettings(url=nats.url), name="audience") as bus,
        stored(bus, topology.CAPTIONS, Caption) as captions,
        running_system(nats.url, livekit) as system,
    ):
        await system.start(INGEST)
        await system.start(CAPTIONER, MOONDREAM_ENDPOINT=moondream.url)
        yield Stage(system, captions)


def wall(pixels: Any) -> str:
    """The caption of a scene: its strongest colour."""
    return f"a {_colour(pixels)} wall"


def judged(pixels: Any, question: str) -> str:
    """The answer to a question with a colour in it."""
    return "Yes." if _colour(pixels) in question else "No."


def _colour(pixels: Any) -> str:
    means = pixels.reshape(-1, 3).mean(axis=0)
    return ["red", "green", "blue"][int(means.argmax())]
