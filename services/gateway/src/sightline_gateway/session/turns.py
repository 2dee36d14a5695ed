"""One turn after another: what the user says becomes a reply, which whoever says more interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import AgentSession

from sightline.log import get_logger
from sightline_gateway.session.replies import Replies

log = get_logger()

Prepare = Callable[[], Awaitable[None]]


class Turns:
    """The turns of one session.

    Args:
        session: Without a room; it has started when the first turn comes.
        replies: What takes the session's text.
        prepare: Awaited before each turn: looks at what is in view. An interruption ends it.
    """

    def __init__(self, session: AgentSession[Any], replies: Replies, prepare: Prepare) -> None:
        self._session, self._replies, self._prepare = session, replies, prepare
        self._newest = 0
        self._one_at_a_time = asyncio.Lock()
        self._preparing: asyncio.Future[None] | None = None
        self._closed = False

    async def run(self, words: str, began: Callable[[], None], skipped: Callable[[], None]) -> str:
        """Answer the user's words. Interrupts what is being answered, and waits until that is over.

        Words that were interrupted before they became a turn stay in the conversation, unanswered.

        Args:
            began: Called once it is their turn, and there was a look at what is in view.
            skipped: Called then, where they were interrupted before.

        Returns:
            The reply; as far as it was written, where it was interrupted or the model failed.
        """
        self.interrupt()
        number = self._newest
        async with self._one_at_a_time:
            if number == self._newest:
                await self._look()
            if self._closed:
                return ""
            began()
            if number == self._newest:
                return await self._reply(words)
            await self._remember(words)
            skipped()
            return ""

    def interrupt(self) -> None:
        """Nobody wants the replies in progress any more."""
        self._newest += 1
        if self._preparing is not None:
            self._preparing.cancel()
        if not self._closed:
            self._session.interrupt(force=True)

    def close(self) -> None:
        """End the turn in progress, and take no more."""
        self.interrupt()
        self._closed = True

    async def _look(self) -> None:
        preparing = self._preparing = asyncio.ensure_future(self._prepare())
        try:
            await asyncio.wait([preparing])
        finally:
            preparing.cancel()
            self._preparing = None
        if not preparing.cancelled() and (error := preparing.exception()) is not None:
            # A turn that sees nothing new is better than none.
            log.error("turn_not_prepared", exc_info=error)

    async def _reply(self, words: str) -> str:
        speech = self._session.generate_reply(user_input=words)
        reply = self._replies.of(speech)
        try:
            await speech
        except asyncio.CancelledError:
            speech.interrupt(force=True)
            raise
        return reply.text

    async def _remember(self, words: str) -> None:
        agent = self._session.current_agent
        conversation = agent.chat_ctx.copy()
        conversation.add_message(role="user", content=words)
        await agent.update_chat_ctx(conversation)
