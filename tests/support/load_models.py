"""The models of a load test: one that describes pictures, one that answers; they tell whose each thing is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.agents import users_words
from support.load_pictures import camera_of
from support.model_servers import OpenAIServer
from support.recorded import Recorded

_QUESTION = re.compile(r"Question (\d+)-\d+: [^\n]*\?")
_CAPTION = re.compile(r"camera (\d+), scene \d+")


@dataclass(frozen=True, slots=True)
class Answered:
    """One question, as it reached the language model.

    Attributes:
        client: Who asked it.
        images: Whose cameras' images came with it.
        captions: Whose cameras' captions.
    """

    question: str
    client: int
    images: tuple[int, ...]
    captions: tuple[int, ...]

    @property
    def mixed_up(self) -> bool:
        """It was shown what another client's camera saw."""
        return any(camera != self.client for camera in (*self.images, *self.captions))


def reply_to(question: str) -> str:
    """What the language model answers: it cannot be taken for the reply to another question."""
    return f"So this is my reply to <{question}>, in a few words."


class Describer(OpenAIServer):
    """Says of each picture which camera took it. Forgets requests at once: they are hundreds a second."""

    def __init__(self, latency: float = 0.0) -> None:
        super().__init__(self._describe, latency=latency)
        self.described = 0

    def _describe(self, request: Recorded) -> str:
        self.described += 1
        self.requests.clear()
        return "camera {}, scene {}".format(*camera_of(request.image))


class Answerer(OpenAIServer):
    """Answers each question with what it was, and remembers what it was shown with it."""

    def __init__(self, latency: float = 0.0) -> None:
        super().__init__(self._answer, latency=latency)
        self.answered: list[Answered] = []

    def _answer(self, request: Recorded) -> str:
        self.requests.clear()
        # Earlier turns are in the request, too; their captions may be.
        words = users_words(request)[-1]
        question = _QUESTION.search(words)
        assert question is not None, f"no question in {words!r}"
        captions = tuple(int(camera) for camera in _CAPTION.findall(words))
        images = tuple(camera_of(image)[0] for image in request.images)
        self.answered.append(Answered(question.group(), int(question.group(1)), images, captions))
        return reply_to(question.group())
