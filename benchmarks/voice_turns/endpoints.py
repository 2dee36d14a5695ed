"""The models of all agents: HTTP servers that speak the real protocols and read moments from pictures."""

from __future__ import annotations

import re
from collections import defaultdict

from sightline import imaging
from support.model_servers import MoondreamServer, OpenAIServer
from support.recorded import Recorded
from voice_turns.moments import moment_in

MOMENT = re.compile(r"moment (\d+)")
ROOM = re.compile(r"room: (\S+)")


class Describer(MoondreamServer):
    """Moondream: a caption is the moment that the picture holds."""

    def __init__(self, latency: float) -> None:
        super().__init__(answer=lambda pixels: f"moment {moment_in(pixels)}", latency=latency)

    def _caption(self, request: Recorded) -> object:  # type: ignore[override]
        self.requests.clear()  # there are many
        return super()._caption(request)


class Answerer(OpenAIServer):
    """The language model: notes the newest moment that each request shows it, by room.

    Attributes:
        shown: Room -> of each request, in their order, the newest moment; None where it was shown none.
    """

    def __init__(self) -> None:
        super().__init__(answer=self._note)
        self.shown: dict[str, list[int | None]] = defaultdict(list)

    def _note(self, request: Recorded) -> str:
        room = ROOM.search(request.text)
        assert room is not None, "the instructions name the room"
        self.shown[room[1]].append(_shown_in(request))
        self.requests.clear()
        return "I see."


def _shown_in(request: Recorded) -> int | None:
    """What the newest message of the user's shows."""
    content = [message for message in request.messages if message["role"] == "user"][-1]["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if request.images and any(part["type"] == "image_url" for part in parts):
        return moment_in(imaging.decode(request.images[-1]))
    texts = "\n".join(part["text"] for part in parts if part["type"] == "text")
    moments = MOMENT.findall(texts)
    return int(moments[-1]) if moments else None
