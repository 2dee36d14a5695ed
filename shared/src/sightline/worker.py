"""The contract of a vision worker. One class, one method; no bus code.

The runner (``sightline.runner``) brings it frames and takes what it returns. Subjects, tickets,
retries, deadlines, metrics, tracing, health and dead letters are the runner's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from sightline.messages import Trigger

if TYPE_CHECKING:
    from sightline.messages import Caption, EncodedImage, Frame

    Result = Caption | EncodedImage | Sequence[Caption | EncodedImage] | None


class StageWants(BaseModel):
    """What a stage wants of the sources. Sources sample no more than the stages want together."""

    model_config = ConfigDict(frozen=True)

    max_fps: float = Field(1.0, gt=0, le=60, description="Frames a second of one track, at most.")
    max_width: int = Field(1280, ge=16, le=7680, description="Widest picture of use, in pixels.")
    triggers: frozenset[Trigger] = Field(
        frozenset(Trigger), description="Frames of other triggers make no ticket for this stage."
    )

    @field_serializer("triggers", when_used="json")
    def _in_order(self, triggers: frozenset[Trigger]) -> list[Trigger]:
        # A set has no order: the same wants would be other bytes each time.
        return sorted(triggers)


class VisionWorker(ABC):
    """Base of every vision worker.

    A worker is found by its entry point in the group ``sightline.workers``; the entry point's name
    is the stage's name. The class is built without arguments and reads its own settings. Models are
    loaded in ``start``, never at import or in ``__init__``.

    Attributes:
        wants: What this stage asks of the sources. May be set on the instance in ``__init__``.
        deadline: Seconds that one ``process`` or ``ask`` may take.
        concurrency: Frames at once per replica on the routine lane; the urgent lane has as many slots again.
        decodes: True: the runner has decoded the picture before ``process`` is called, so
            ``frame.pixels`` costs nothing and cannot fail. False: for workers that pass
            ``frame.data`` on or decode it by themselves; only the header is checked.
        identity: What makes two captions of one frame the same work, besides the stage: model and
            prompt. Captions of the same frame, stage and identity are stored once.
    """

    wants: StageWants = StageWants()
    deadline: float = 30.0
    concurrency: int = 1
    decodes: ClassVar[bool] = True
    identity: str = ""

    async def start(self) -> None:
        """Load models, open connections. Called once, before the first frame."""
        return

    @abstractmethod
    async def process(self, frame: Frame) -> Result:
        """Look at one frame.

        Args:
            frame: The newest frame of a track. ``frame.pixels`` is height × width × 3, uint8, RGB;
                ``frame.data`` the encoded bytes.

        Returns:
            A Caption, an EncodedImage, several of them, or None: nothing to say.

        Raises:
            RetryableError: This attempt failed, another may not.
            RateLimitedError: Pause all slots of this replica.
            CredentialError: A key was refused.
            DecodeError: The picture is broken; not retried.
        """

    async def ask(self, frame: Frame, question: str) -> str:
        """Answer a question about one frame (visual question answering). Optional.

        Args:
            frame: As for ``process``.
            question: What is asked, at most 2,000 characters.

        Returns:
            The answer, in plain text.
        """
        raise TypeError(f"{type(self).__name__} does not answer questions")

    @property
    def answers(self) -> bool:
        """Whether this worker overrides ``ask``."""
        return type(self).ask is not VisionWorker.ask

    async def close(self) -> None:
        """Release what ``start`` took. Called once, after the last frame."""
        return
