"""Images that people in the room send: files on the topic ``images``, and attachments of what they type."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage
from livekit.agents.voice.room_io import TextInputEvent
from prometheus_client import Counter as Metric

from sightline.config import load
from sightline.log import get_logger
from sightline_agent.eyes import Eyes
from sightline_agent.images.conversation import message_of, with_upload
from sightline_agent.images.describe import describe
from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.upload import Refusal, Upload, receive
from sightline_agent.render import MAX_NAME_CHARS, clean
from sightline_agent.sight import Sight
from sightline_agent.vision_agent import VisionAgent

log = get_logger()

UPLOADS = Metric("sightline_uploads", "Images that people sent, by what came of them.", ["outcome"])

IMAGES = "images"
CHAT = "lk.chat"
"""LiveKit's topic of typed messages: attachments come on it, and refusals go out on it."""

REFUSED = "sightline.refused"
"""Attribute of a refusal: the id of the stream that was refused."""

GRACE = 5.0
"""Seconds that a typed message waits for images that its sender had begun to send before."""

DECODING = 2
"""Pictures that are decoded at once."""

Stream = tuple[str, str]
"""The sender's identity, and the stream's id."""


class ImageInbox:
    """Takes the images that participants send to a session, from ``open`` until the session closes::

        await session.start(agent, room=room)
        ImageInbox(session, room).open()

    Each becomes a message of its sender's in the agent's conversation, before what is said next: a
    file on the topic ``images``, and the attachments of a typed message, whose turn waits for them. What is
    not taken is answered with a text on ``lk.chat`` that says why.

    Args:
        session: Any session.
        room: The session's room.
        settings: Limits, and what the model is shown; ``AGENT_IMAGE_…`` by default.
        sight: What ``attach_vision`` returned; not needed for a ``VisionAgent``.
        typed: Whether it takes typed messages in the place of the session. If not, call ``arrived`` in
            a ``text_input_cb`` of your own.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        room: rtc.Room,
        settings: ImageSettings | None = None,
        *,
        sight: Sight | None = None,
        typed: bool = True,
    ) -> None:
        self._session = session
        self._room = room
        self._settings = settings or load(ImageSettings)
        self._sight = sight
        self._typed = typed
        self._is_open = False
        self._coming: dict[str, set[asyncio.Task[None]]] = {}
        self._taken: Counter[str] = Counter()
        self._awaited: dict[Stream, asyncio.Event] = {}
        self._over: deque[Stream] = deque(maxlen=64)
        self._in_turn = asyncio.Lock()
        self._decoding = asyncio.Semaphore(DECODING)

    def open(self) -> None:
        """Begin to take images; the session has started.

        Raises:
            ValueError: Somebody else already takes byte streams of these topics in this room.
        """
        self._room.register_byte_stream_handler(IMAGES, self._on_stream)
        self._room.register_byte_stream_handler(CHAT, self._on_stream)
        if self._typed:
            self._session.room_io.register_text_input(self._on_text)
        self._session.on("conversation_item_added", self._on_item)
        self._session.on("close", self._on_close)
        self._is_open = True

    async def close(self) -> None:
        """Take no more. Never raises."""
        tasks = self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def arrived(self, event: TextInputEvent) -> None:
        """Wait until the images that go with a typed message are in the conversation, or refused.

        For a time that is bounded: ``AGENT_IMAGE_UPLOAD_SECONDS`` for its attachments.
        """
        sender = event.participant.identity if event.participant is not None else ""
        named = event.info.attachments[: self._settings.image_max_uploads] if event.info is not None else []
        coming = set(self._coming.get(sender, ()))
        await self._attached([key for each in named if (key := (sender, each)) not in self._over])
        if coming:
            await asyncio.wait(coming, timeout=GRACE)

    async def _attached(self, streams: list[Stream]) -> None:
        """Until these streams are over; they may not even have begun."""
        over = [self._awaited.setdefault(each, asyncio.Event()) for each in streams]
        try:
            async with asyncio.timeout(self._settings.image_upload_seconds):
                for each in over:
                    await each.wait()
        except TimeoutError:
            log.info("attachments_missing", missing=sum(not each.is_set() for each in over))
        finally:
            for stream in streams:
                self._awaited.pop(stream, None)

    def _on_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        coming = self._coming.setdefault(sender, set())
        if len(coming) >= 2 * self._settings.image_max_uploads:
            reader.close()  # a flood is not even answered
            return
        task = asyncio.create_task(self._take(reader, sender, self._why_not(sender, len(coming))))
        coming.add(task)
        task.add_done_callback(lambda _: self._done(sender, task))

    def _why_not(self, sender: str, coming: int) -> str:
        """Why no image is taken from somebody now; empty when one is."""
        most = self._settings.image_max_uploads
        if self._settings.image_uploads == "off":
            return "images are not taken in this call"
        if coming + self._taken[sender] >= most:
            return f"only {most} can be taken for one message; say something first"
        return ""

    async def _take(self, reader: rtc.ByteStreamReader, sender: str, why_not: str) -> None:
        """One stream, to its end."""
        stream = (sender, reader.info.stream_id)
        try:
            if why_not:
                reader.close()
                await self._refuse(Refusal(*stream, clean(reader.info.name, MAX_NAME_CHARS), why_not))
                return
            outcome = await receive(reader, sender, self._settings, self._decoding)
            if isinstance(outcome, Refusal):
                await self._refuse(outcome)
                return
            UPLOADS.labels("taken").inc()
            self._taken[sender] += 1
            await self._add(outcome)
        finally:
            self._over.append(stream)
            if stream in self._awaited:
                self._awaited[stream].set()

    async def _add(self, upload: Upload | Refusal) -> None:
        description = None
        if isinstance(upload, Upload) and not self._shows_images():
            description = await describe(self._eyes(), upload)
        message = message_of(upload, description)
        agent = self._session.current_agent
        await agent.update_chat_ctx(with_upload(agent.chat_ctx, message, self._settings.image_max_kept))

    async def _refuse(self, refusal: Refusal) -> None:
        """Tell the sender; and the model, where a typed message speaks of it."""
        UPLOADS.labels("refused").inc()
        log.info("upload_refused", reason=refusal.reason)
        if (refusal.sender, refusal.id) in self._awaited:
            await self._add(refusal)
        try:
            await self._room.local_participant.send_text(
                f"{refusal.name or 'The image'} was not taken: {refusal.reason}",
                topic=CHAT,
                destination_identities=[refusal.sender],
                reply_to_id=refusal.id,
                attributes={REFUSED: refusal.id},
            )
        except Exception as error:
            # They may have left, or we may not be allowed to send.
            log.warning("refusal_not_sent", reason=str(error))

    async def _on_text(self, session: AgentSession[Any], event: TextInputEvent) -> None:
        """A typed turn, as the session itself would take it, after its images."""
        async with self._in_turn, session._claim_user_turn():
            await session.interrupt()
            await self.arrived(event)
            session.generate_reply(user_input=event.text or NOT_GIVEN)

    def _shows_images(self) -> bool:
        if self._settings.image_uploads != "auto":
            return self._settings.image_uploads == "images"
        sight = self._seeing()
        return sight is None or sight.settings.mode not in ("captions", "off")

    def _eyes(self) -> Eyes | None:
        sight = self._seeing()
        return sight.eyes if sight is not None else None

    def _seeing(self) -> Sight | None:
        agent = self._session.current_agent
        return agent.sight if isinstance(agent, VisionAgent) else self._sight

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage) and event.item.role == "user":
            self._taken.clear()

    def _on_close(self, _: object) -> None:
        self._stop()

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [task for coming in self._coming.values() for task in coming]
        if self._is_open:
            self._is_open = False
            for topic in (IMAGES, CHAT):
                self._room.unregister_byte_stream_handler(topic)
            self._session.off("conversation_item_added", self._on_item)
            self._session.off("close", self._on_close)
        for task in tasks:
            task.cancel()
        return tasks

    def _done(self, sender: str, task: asyncio.Task[None]) -> None:
        coming = self._coming.get(sender, set())
        coming.discard(task)
        if not coming:
            self._coming.pop(sender, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("upload_failed", error=type(error).__name__, reason=str(error)[:300])
