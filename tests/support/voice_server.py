"""An OpenAI endpoint that hears and speaks, too: transcriptions and speech as the real one has them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from aiohttp import web

from support.http_server import Events, Routes
from support.model_servers import OpenAIServer
from support.recorded import Recorded
from support.speech import from_wav, recognised, spoken, to_mp3, to_wav

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SPEECH = "/v1/audio/speech"

FORMATS = {"mp3": ("audio/mpeg", to_mp3), "wav": ("audio/wav", to_wav), "pcm": ("audio/pcm", bytes)}
_PIECE = 4_096


class VoiceServer(OpenAIServer):
    """Chat completions, ``/v1/audio/transcriptions`` and ``/v1/audio/speech``.

    Args:
        hears: The sentences that it can tell apart. A transcript is the one that sounds most like
            what was sent; empty where none does.
        answer: What the model says, or a function of the request. It is spoken by espeak-ng.

    Attributes:
        transcripts: What was understood of each recording, in the order of the requests.
    """

    def __init__(self, hears: Sequence[str] = (), answer: str | Callable[[Recorded], str] = "I see.") -> None:
        super().__init__(answer)
        self.hears = tuple(hears)
        self.transcripts: list[str] = []

    @property
    def turns(self) -> list[Recorded]:
        """The requests for an answer, without those that only warm a connection."""
        return self.asked("/v1/chat/completions")

    def asked(self, path: str) -> list[Recorded]:
        return [request for request in self.requests if request.path == path]

    async def asked_for_turns(self, count: int) -> list[Recorded]:
        """Wait until there have been so many requests for an answer."""
        while len(self.turns) < count:
            await self.requested(len(self.requests) + 1)
        return self.turns

    def _routes(self) -> Routes:
        return {
            **super()._routes(),
            ("POST", TRANSCRIPTIONS): self._transcribe,
            ("POST", SPEECH): self._speak,
        }

    def _transcribe(self, request: Recorded) -> web.StreamResponse:
        text = recognised(from_wav(request["file"]), self.hears)
        self.transcripts.append(text)
        return web.json_response({"text": text, "usage": {"type": "duration", "seconds": 1}})

    def _speak(self, request: Recorded) -> web.StreamResponse:
        content_type, encoded = FORMATS[request["response_format"]]
        data = encoded(spoken(request["input"]))
        if request.body.get("stream_format") != "sse":
            return web.Response(body=data, content_type=content_type)
        pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
        deltas = [
            {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} for piece in pieces
        ]
        usage = {"input_tokens": 5, "output_tokens": 50, "total_tokens": 55}
        return Events([*deltas, {"type": "speech.audio.done", "usage": usage}])
