"""A session that may last for hours: what it keeps is what was said, not how it came about.

LiveKit's own keeps each of its events to its end, for a report; a turn has a dozen, which hold the
turn's tasks, contexts and measures: six times what the words take.
"""

from __future__ import annotations

from livekit.agents import AgentSession
from livekit.agents.voice.events import AgentEvent, EventTypes

EVENTS = 60
"""That are kept, the newest ones: of five spoken turns, or ten that were typed."""


class LastingSession(AgentSession[None]):
    """An ``AgentSession`` that forgets its oldest events.

    A report of the session (``JobContext.make_session_report``) has the newest ones; its transcript
    is made from the conversation, and is whole.
    """

    def emit(self, event: EventTypes, arg: AgentEvent) -> None:
        """Tell the listeners, and keep the event for a while."""
        super().emit(event, arg)
        del self._recorded_events[:-EVENTS]
