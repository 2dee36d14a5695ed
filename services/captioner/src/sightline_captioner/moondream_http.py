"""Moondream over HTTP: its cloud, Moondream Station, or anything that speaks the same REST protocol.

Not the ``moondream`` package's client: that one blocks, opens a connection per call and waits for
ever (docs/decisions/0005-own-moondream-client.md).
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from pydantic import BaseModel, ValidationError

from sightline.errors import RetryableError
from sightline.messages import Frame
from sightline_captioner.backend import Backend, Description, data_url
from sightline_captioner.model_http import message_of, pooled_client, refusal, within
from sightline_captioner.settings import CaptionerSettings, MoondreamSettings
from sightline_captioner.text import clean


class _Answer(BaseModel):
    """``caption`` or ``answer``; Station puts an ``error`` into a 200."""

    caption: str = ""
    answer: str = ""
    error: Any = None


class Moondream(Backend):
    """Asks a Moondream endpoint: ``/caption``, or ``/query`` where there is a prompt or a question."""

    def __init__(self, settings: CaptionerSettings, moondream: MoondreamSettings) -> None:
        """
        Args:
            settings: Length, prompt, concurrency and deadline.
            moondream: With an endpoint.
        """
        self._settings = settings
        self._endpoint = moondream.endpoint
        self._key = moondream.api_key
        self._model = moondream.model
        self._name = moondream.name

    async def start(self) -> None:
        # One more than the routine slots: the urgent lane has its own.
        self._client = await asyncio.to_thread(
            pooled_client, self._settings.concurrency * 2, self._settings.deadline
        )

    async def describe(self, frame: Frame) -> Description:
        if self._settings.prompt:
            return Description(await self.ask(frame, self._settings.prompt))
        answer = await self._post("caption", frame, {"length": self._settings.length})
        return Description(self._said(answer.caption))

    async def ask(self, frame: Frame, question: str) -> str:
        answer = await self._post("query", frame, {"question": question})
        return self._said(answer.answer)

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, path: str, frame: Frame, fields: dict[str, str]) -> _Answer:
        body = {"image_url": data_url(frame), "stream": False, **fields}
        if self._model:
            body["model"] = self._model
        headers = {"X-Moondream-Auth": key} if (key := self._key.get_secret_value()) else {}
        async with within(self._settings.deadline, self._name):
            response = await self._client.post(f"{self._endpoint}/{path}", json=body, headers=headers)
        if response.status_code != httpx2.codes.OK:
            raise refusal(response.status_code, response.headers, response.content, self._name)
        return self._parse(response.content)

    def _parse(self, content: bytes) -> _Answer:
        try:
            answer = _Answer.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RetryableError(f"{self._name} did not answer as agreed: {first['msg']}"[:300]) from None
        if answer.error:
            raise RetryableError(f"{self._name} answered with an error: {message_of(content)}")
        return answer

    def _said(self, text: str) -> str:
        text = clean(text)
        if not text:
            raise RetryableError(f"{self._name} answered with an empty text")
        return text
