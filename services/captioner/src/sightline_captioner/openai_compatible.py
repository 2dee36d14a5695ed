"""Any OpenAI-compatible vision model: vLLM, Ollama, OpenAI, OpenRouter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI
from pydantic import BaseModel, Field, ValidationError

from sightline.errors import RetryableError
from sightline.messages import Frame
from sightline_captioner.backend import Backend, Description, data_url
from sightline_captioner.model_http import pooled_client, refusal, within
from sightline_captioner.prompts import SYSTEM, openai_prompt
from sightline_captioner.settings import (
    OPENAI_CLOUD,
    CaptionerOpenAISettings,
    CaptionerSettings,
)
from sightline_captioner.text import clean

if TYPE_CHECKING:
    from sightline_captioner.choose import Endpoint


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    """What is needed of a chat completion; the openai package itself does not check what it gets."""

    choices: list[_Choice] = Field(min_length=1)


class OpenAI(Backend):
    """Asks a chat model with the picture in the message. The runner retries, this does not."""

    def __init__(
        self, settings: CaptionerSettings, openai: CaptionerOpenAISettings, endpoint: Endpoint
    ) -> None:
        self._settings = settings
        self._openai = openai
        self._model = openai.model
        self._endpoint = endpoint

    async def start(self) -> None:
        self._client = await asyncio.to_thread(self._connect)

    async def describe(self, frame: Frame) -> Description:
        return Description(await self.ask(frame, openai_prompt(self._settings)))

    async def ask(self, frame: Frame, question: str) -> str:
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": self._turn(frame, question)},
        ]
        try:
            async with within(self._settings.deadline, self._model):
                completion = await self._create(messages)
        except APIStatusError as error:
            response = error.response
            raise refusal(response.status_code, response.headers, response.content, self._model) from error
        return self._said(completion)

    async def close(self) -> None:
        await self._client.close()

    def _connect(self) -> AsyncOpenAI:
        return AsyncOpenAI(
            base_url=self._endpoint.base_url,
            # It insists on a key, also where the endpoint wants none.
            api_key=self._endpoint.api_key.get_secret_value() or "none",
            max_retries=0,
            http_client=pooled_client(self._settings.concurrency * 2, self._settings.deadline),
        )

    def _turn(self, frame: Frame, question: str) -> list[dict[str, Any]]:
        image = {"url": data_url(frame), "detail": self._openai.detail}
        return [{"type": "text", "text": question}, {"type": "image_url", "image_url": image}]

    async def _create(self, messages: Any) -> bytes:
        # OpenAI's newer models refuse the old name, most other servers know no other.
        is_openai = urlsplit(self._endpoint.base_url).hostname == urlsplit(OPENAI_CLOUD).hostname
        limit = "max_completion_tokens" if is_openai else "max_tokens"
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=self._model, messages=messages, extra_body={limit: self._openai.max_tokens}
            )
        except APIConnectionError as error:
            # The package hides what happened behind its own name for it.
            if isinstance(error.__cause__, httpx2.TransportError):
                raise error.__cause__ from None
            raise RetryableError(f"{self._model} could not be reached: {error}"[:300]) from error
        return raw.http_response.content

    def _said(self, content: bytes) -> str:
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RetryableError(f"{self._model} did not answer as agreed: {first['msg']}"[:300]) from None
        text = clean(completion.choices[0].message.content or "")
        if not text:
            raise RetryableError(f"{self._model} answered with an empty text")
        return text
