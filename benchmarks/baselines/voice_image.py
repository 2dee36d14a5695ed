"""The image in the turn, as LiveKit's documentation has it.

From "Sample video frames" of docs.livekit.io/agents/multimodality/vision/video, and the same in
``vision/grok-vision/agent.py`` of livekit-examples/python-agents-examples: as the user's turn is over
the newest frame is appended to their message. LiveKit encodes it as the request is made.
"""

from __future__ import annotations

from livekit.agents.llm import ChatContext, ChatMessage, ImageContent

from baselines.voice_frames import LatestFrame


class ImageInTurn(LatestFrame):
    """The recipe."""

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        frame = self.take_frame()
        if frame is not None:
            new_message.content.append(ImageContent(image=frame))
