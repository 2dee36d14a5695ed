"""Images that people in the room send: files on the topic ``images``, and attachments of what they type."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage
from livekit.agents.voice.room_io import TextInputEvent

from sightline.config import load
from sightline.log import get_logger
from sightline_agent.images.conversation import images_in, message_of, with_fewer_images
from sightline_agent.images.describe import describe
from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.upload import Refusal, Upload, receive
from sightline_agent.render import MAX_NAME_CHARS, clean
from sightline_agent.vision_agent import VisionAgent

log = get_logger()

IMAGES = "images"
CHAT = "lk.chat"
"""LiveKit's topic of typed messages: attachments come on it, and refusals go out on it."""

REFUSED = "sightline.refused"
"""Attribute of a refusal: the id of the stream that was refused."""

GRACE = 5.0
"""Seconds that a typed message waits for images that its sender began to send before."""

Outcome = Upload | Refusal


class ImageInbox:
    """Takes the images that participants send to a session, from ``open`` until the session closes::

        await session.start(agent, room=room)
        ImageInbox(session, room).open()

    A file on the topic ``images`` becomes a message of its sender's in the agent's conversation, before
    what is said next. Attachments of a typed message become part of it; the message waits for them.
    What is not taken is answered with a text on ``lk.chat`` that says why.

    Args:
        session: Any session.
        room: The session's room.
        settings: Limits, and what the model is shown; ``AGENT_IMAGE_…`` by default.
        typed: Whether it answers typed messages in the place of the session. If not, attachments are had
            with ``message`` in a ``text_input_cb`` of your own.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        room: rtc.Room,
        settings: ImageSettings | None = None,
        *,
        typed: bool = True,
    ) -> None:
        self._session = session
        self._room = room
        self._settings = settings or load(ImageSettings)
        self._typed = typed
        self._tasks: set[asyncio.Task[None]] = set()
        self._coming: dict[str, set[asyncio.Task[None]]] = {}
        self._taken: Counter[str] = Counter()
        self._awaited: dict[tuple[str, str], asyncio.Future[Outcome]] = {}
        self._done: deque[tuple[str, str]] = deque(maxlen=64)
        self._in_turn = asyncio.Lock()
        self._is_open = False

    def open(self) -> None:
        """Begin to take images.

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
        self._stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def message(self, event: TextInputEvent) -> ChatMessage:
        """What somebody typed, with its attachments, once they are here: for ``generate_reply``."""
        sender = event.participant.identity if event.participant is not None else ""
        named = event.info.attachments if event.info is not None else []
        coming = self._coming.get(sender, set()).copy()
        outcomes = await self._attached(sender, named[: self._settings.image_max_uploads])
        if coming:
            # What is attached to nothing is in the conversation then, before this message.
            await asyncio.wait(coming, timeout=GRACE)
        message = await self._message(event.text, outcomes)
        await self._make_place(images_in(message))
        return message

    def _on_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        coming = self._coming.setdefault(sender, set())
        most = self._settings.image_max_uploads
        if len(coming) >= 2 * most:
            reader.close()  # a flood is not even answered
            return
        why = ""
        if self._settings.image_uploads == "off":
            why = "images are not taken in this call"
        elif len(coming) + self._taken[sender] >= most:
            why = f"{most} images are taken for one message; say something about them first"
        task = self._spawn(self._take(reader, sender, why))
        coming.add(task)
        task.add_done_callback(lambda _: self._gone(sender, task))

    async def _take(self, reader: rtc.ByteStreamReader, sender: str, why: str) -> None:
        """One stream, to its end: part of a message that waits for it, or a message of its own."""
        key = (sender, reader.info.stream_id)
        if why:
            reader.close()
            outcome: Outcome = Refusal(*key, clean(reader.info.name, MAX_NAME_CHARS), why)
        else:
            outcome = await receive(reader, sender, self._settings)
        if isinstance(outcome, Refusal):
            await self._refuse(outcome)
        else:
            self._taken[sender] += 1
        self._done.append(key)
        awaited = self._awaited.pop(key, None)
        if awaited is not None and not awaited.done():
            awaited.set_result(outcome)
        elif isinstance(outcome, Upload):
            await self._add(outcome)

    async def _attached(self, sender: str, ids: list[str]) -> list[Outcome]:
        """What the streams of these ids turn out to be; they may have begun, or not yet, or be over."""
        loop = asyncio.get_running_loop()
        wanted = [(sender, each) for each in ids if (sender, each) not in self._done]
        futures = {key: self._awaited.setdefault(key, loop.create_future()) for key in wanted}
        if futures:
            await asyncio.wait(futures.values(), timeout=self._settings.image_upload_seconds)
        for key in wanted:
            self._awaited.pop(key, None)
        missing = "it did not arrive"
        return [
            future.result() if future.done() else Refusal(*key, "", missing)
            for key, future in futures.items()
        ]

    async def _add(self, upload: Upload) -> None:
        message = await self._message("", [upload])
        await self._make_place(images_in(message), message)

    async def _message(self, text: str, outcomes: list[Outcome]) -> ChatMessage:
        if self._shows_images:
            return message_of(text, outcomes, None)
        uploads = [each for each in outcomes if isinstance(each, Upload)]
        words = await asyncio.gather(*(describe(self._session, each) for each in uploads))
        descriptions = {each.id: said for each, said in zip(uploads, words, strict=True)}
        return message_of(text, outcomes, descriptions)

    async def _make_place(self, images: int, message: ChatMessage | None = None) -> None:
        """Let old images go from the conversation, and add a message to it."""
        if not images and message is None:
            return
        agent = self._session.current_agent
        kept = max(0, self._settings.image_max_kept - images)
        context = with_fewer_images(agent.chat_ctx, kept)
        if message is not None:
            context.insert(message)
        await agent.update_chat_ctx(context)

    @property
    def _shows_images(self) -> bool:
        if self._settings.image_uploads != "auto":
            return self._settings.image_uploads == "images"
        agent = self._session.current_agent
        return not isinstance(agent, VisionAgent) or agent.vision.mode not in ("captions", "off")

    async def _refuse(self, refusal: Refusal) -> None:
        log.info("upload_refused", reason=refusal.reason)
        what = refusal.name or "The image"
        try:
            await self._room.local_participant.send_text(
                f"{what} was not taken: {refusal.reason}",
                topic=CHAT,
                destination_identities=[refusal.sender],
                reply_to_id=refusal.id,
                attributes={REFUSED: refusal.id},
            )
        except Exception as error:
            # They may have left, or we may not be allowed to send.
            log.warning("refusal_not_sent", reason=str(error))

    async def _on_text(self, session: AgentSession[Any], event: TextInputEvent) -> None:
        """A typed turn, as the session itself would take it, with its images."""
        async with self._in_turn, session._claim_user_turn():
            await session.interrupt()
            session.generate_reply(user_input=await self.message(event))

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage) and event.item.role == "user":
            self._taken.clear()

    def _on_close(self, _: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        for topic in (IMAGES, CHAT):
            self._room.unregister_byte_stream_handler(topic)
        self._session.off("conversation_item_added", self._on_item)
        self._session.off("close", self._on_close)
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _gone(self, sender: str, task: asyncio.Task[None]) -> None:
        coming = self._coming.get(sender, set())
        coming.discard(task)
        if not coming:
            self._coming.pop(sender, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("upload_failed", error=type(error).__name__, reason=str(error)[:300])
