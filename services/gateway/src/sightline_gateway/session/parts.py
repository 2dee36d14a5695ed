"""What a session has while it runs, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from sightline.bus import Bus
from sightline.log import get_logger
from sightline.messages import Track
from sightline_agent import VisionAgent
from sightline_agent.eyes import Eyes
from sightline_agent.sight import Host
from sightline_gateway.protocol import Config
from sightline_gateway.session.context import FrameContext
from sightline_gateway.session.conversation import Conversation
from sightline_gateway.session.models import Models
from sightline_gateway.session.presence import Presence
from sightline_gateway.session.stages import running_stages
from sightline_gateway.session.video import Video
from sightline_gateway.settings import SessionSettings
from sightline_gateway.speech.hearing import Hearing

log = get_logger()

CLOSE_SECONDS = 5.0
"""That closing one part may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session is made of.

    Attributes:
        models: None makes those that ``AGENT_*`` names, and closes them.
        emit: Sends a message to the client.
        on_end: Called with the text of each reply that is over, and whether it was interrupted.
        look: Awaited before each turn.
    """

    bus: Bus
    track: Track
    settings: SessionSettings
    agent: VisionAgent
    models: Models | None
    context: FrameContext
    emit: Callable[[Any], None]
    on_end: Callable[[str, bool], None]
    look: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What was made of it."""

    models: Models
    video: Video
    conversation: Conversation
    hearing: Hearing

    def attend(self, presence: Presence, config: Config) -> None:
        """What the client is asked for by time, and whether it is spoken to."""
        self.video.requests.every(config.timer_interval)
        self.video.requests.activate(presence.has_video)
        self.conversation.speak(presence.hears and config.speech)


async def open_parts(plan: Plan, stack: contextlib.AsyncExitStack) -> Parts:
    """Start everything; the stack closes it."""
    settings, agent = plan.settings, plan.agent
    models = plan.models
    if models is None:
        models = await asyncio.to_thread(Models.configured, agent.vision)
        stack.push_async_callback(_bounded, models.aclose)
    stages = await stack.enter_async_context(running_stages(plan.bus))
    video = Video(plan.track, plan.bus, stages, settings, plan.context, plan.emit)
    stack.push_async_callback(_bounded, video.end)
    await video.serve()
    _run(stack, video.run())
    agent.see_for(Host(plan.track.participant, plan.context.header), plan.bus, plan.track.room)
    conversation = Conversation(agent, models, settings.speech_format, plan.emit, plan.on_end, plan.look)
    stack.push_async_callback(_bounded, conversation.aclose)
    await conversation.start()
    if agent.eyes is not None:
        _run(stack, _describe(plan.context, agent.eyes))
    hearing = Hearing(
        models.stt, max_bytes=settings.max_audio_input_size, max_seconds=settings.max_audio_seconds
    )
    return Parts(models, video, conversation, hearing)


async def _describe(context: FrameContext, eyes: Eyes) -> None:
    """Keep the descriptions of frames up to date, for ever; cancel to stop."""
    while True:
        version = eyes.changes.version
        context.describe(eyes.context)
        await eyes.changes.after(version)


def _run(stack: contextlib.AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run in the background until the stack closes."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(_bounded, stop)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("session_part_failed", exc_info=error)


async def _bounded(close: Callable[[], Awaitable[None]]) -> None:
    """Close one part; whatever comes of it, the others are closed, too."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await close()
    except Exception as error:
        log.warning("session_part_not_closed", reason=repr(error))
