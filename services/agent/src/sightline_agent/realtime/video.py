"""The user's video for a realtime model: a sampler for ``AgentSession(video_sampler=…)``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage, ImageContent, RealtimeError, RealtimeSession
from PIL import Image

from sightline.config import load
from sightline.log import get_logger
from sightline_agent.realtime.pace import Pace
from sightline_agent.realtime.session import Speaks, UserSpeaks, change, realtime_model
from sightline_agent.realtime.settings import RealtimeSettings

log = get_logger()


class VideoSampler:
    """Shows a realtime model the room's video: small pictures, more often while the user speaks::

        session = AgentSession(llm=RealtimeModel(), video_sampler=VideoSampler())
        await session.start(agent, room=ctx.room, room_options=RoomOptions(video_input=True))

    LiveKit gives it every picture of the most recent video track of whom the session talks with. Due
    ones are made small off the event loop and then given to the model; of what comes meanwhile nothing
    is kept. Any ``(frame, session) -> bool`` takes its place.

    Args:
        settings: Rates and sizes; read from ``AGENT_REALTIME_*`` by default.
        speaks: Tells whether the user speaks; as the session, or LiveKit's server, hears it by default.
        clock: Seconds, from any beginning.
    """

    def __init__(
        self,
        settings: RealtimeSettings | None = None,
        speaks: Speaks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings or load(RealtimeSettings)
        self._speaks = speaks or UserSpeaks()
        self._pace = Pace(self._settings, clock)
        self._showing: asyncio.Task[None] | None = None

    def __call__(self, frame: rtc.VideoFrame, session: AgentSession[Any]) -> bool:
        """Take a picture, or leave it.

        Returns:
            False, always: LiveKit has nothing to send, it is sent from here.
        """
        model = realtime_model(session)
        if model is None or self._showing is not None or not self._pace.due(self._speaks(session)):
            return False
        self._pace.mark()
        self._showing = asyncio.create_task(self._show(frame, model, session), name="sightline-video")
        self._showing.add_done_callback(self._shown)
        return False

    def _shown(self, _: object) -> None:
        self._showing = None

    async def _show(
        self, frame: rtc.VideoFrame, model: RealtimeSession[Any], session: AgentSession[Any]
    ) -> None:
        try:
            model.push_video(await asyncio.to_thread(fit, frame, self._settings.image_size))
            if gone := too_many(model, self._settings.keep_images):
                await change(session, remove=gone)
        except (RealtimeError, RuntimeError) as error:
            # The session is ending, or the model is slow; the next picture comes soon.
            log.debug("picture_not_shown", reason=str(error))
        except Exception:
            log.exception("picture_not_shown")


def fit(frame: rtc.VideoFrame, size: int) -> rtc.VideoFrame:
    """The frame in a square of ``size`` pixels, whole and in its proportions; never made larger."""
    if max(frame.width, frame.height) <= size:
        return frame
    # RGBA is what LiveKit's own encoder takes a picture from: it need not, and cannot always, convert it.
    whole = frame if frame.type == rtc.VideoBufferType.RGBA else frame.convert(rtc.VideoBufferType.RGBA)
    picture = Image.frombytes("RGBA", (whole.width, whole.height), bytes(whole.data))
    picture.thumbnail((size, size), Image.Resampling.BILINEAR)
    return rtc.VideoFrame(*picture.size, rtc.VideoBufferType.RGBA, picture.tobytes())


def too_many(model: RealtimeSession[Any], keep: int) -> list[str]:
    """The ids of the images that are to go: none until there are ``2 × keep`` of them.

    Taking them out one by one would make the model read the conversation anew each time.
    """
    if not keep or not model.capabilities.mutable_chat_context:
        return []
    images = [item.id for item in model.chat_ctx.items if isinstance(item, ChatMessage) and _is_image(item)]
    return images[:-keep] if len(images) >= 2 * keep else []


def _is_image(message: ChatMessage) -> bool:
    return bool(message.content) and all(isinstance(part, ImageContent) for part in message.content)
