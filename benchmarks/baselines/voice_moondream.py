"""The Moondream voice agent, as LiveKit's documentation has it, and its async form.

From ``docs/examples/moondream_vision/moondream_vision.py`` of livekit-examples/python-agents-examples,
"Moondream Vision Agent": as the user's turn is over the newest frame is described by the ``moondream``
package's client, and the description appended to the user's message. That client blocks the event loop
until the model has answered; the async form is the same with the client in a thread.
"""

from __future__ import annotations

import asyncio
from typing import Any

import moondream
from livekit import rtc
from livekit.agents.llm import ChatContext, ChatMessage
from PIL import Image

from baselines.voice_frames import LatestFrame


class MoondreamRecipe(LatestFrame):
    """The recipe.

    Args:
        endpoint: Of Moondream, with ``/v1``.
        further: As of ``LatestFrame``.
    """

    def __init__(self, endpoint: str, **further: Any) -> None:
        super().__init__(**further)
        self._model = moondream.vl(endpoint=endpoint)

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        frame = self.take_frame()
        if frame is not None:
            caption = await self._describe(frame)
            new_message.content.append(f"[Image description: {caption}]")

    async def _describe(self, frame: rtc.VideoFrame) -> str:
        return self._caption(frame)

    def _caption(self, frame: rtc.VideoFrame) -> str:
        rgb = frame.convert(rtc.VideoBufferType.RGB24)
        image = Image.frombytes("RGB", (rgb.width, rgb.height), rgb.data.tobytes())
        return str(self._model.caption(image)["caption"])


class AsyncMoondreamRecipe(MoondreamRecipe):
    """The recipe with all that blocks in a thread."""

    async def _describe(self, frame: rtc.VideoFrame) -> str:
        return await asyncio.to_thread(self._caption, frame)
