"""The contract of a backend: what the captioner asks of whoever describes a frame."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from sightline import imaging
from sightline.errors import DecodeError
from sightline.messages import Frame


class Description(NamedTuple):
    """What a backend says about a frame.

    Attributes:
        text: Plain text, cleaned, never empty.
        data: The same for programs, where the backend has it.
    """

    text: str
    data: dict[str, Any] | None = None


class Backend(ABC):
    """Describes frames and answers questions about them."""

    async def start(self) -> None:
        """Open connections, load models."""
        return

    @abstractmethod
    async def describe(self, frame: Frame) -> Description:
        """Describe a frame.

        Raises:
            DeadlineError: It took longer than the deadline.
            RateLimitedError: The model's owner asks for a pause.
            RetryableError: The model did not answer, or with something that is no description.
            CredentialError: The key was refused, or has no credit left.
            DecodeError: The picture is broken, or the model cannot use it.
            WorkerError: The request was refused for another reason.
        """

    @abstractmethod
    async def ask(self, frame: Frame, question: str) -> str:
        """Answer a question about a frame. Raises what ``describe`` raises."""

    async def close(self) -> None:
        """Release what ``start`` took."""
        return


def data_url(frame: Frame) -> str:
    """The picture as a ``data:`` URL, of the type that its bytes tell.

    Raises:
        DecodeError: It is no JPEG, PNG or WebP.
    """
    content_type = imaging.sniff(frame.data)
    if content_type is None:
        raise DecodeError("expected a JPEG, PNG or WebP picture", frame.data)
    return f"data:{content_type};base64,{base64.b64encode(frame.data).decode()}"
