"""The tools themselves, as livekit-agents takes them::

VisionAgent(instructions="…", tools=[*vision_tools()])
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import RunContext, function_tool
from livekit.agents.llm import FunctionTool

from sightline.config import load
from sightline.log import get_logger
from sightline_agent.eyes import Eyes
from sightline_agent.tools.answers import NotPossibleError
from sightline_agent.tools.closer import look_closer
from sightline_agent.tools.remembered import recall_seen
from sightline_agent.tools.settings import TOOLS, ToolName, ToolSettings

log = get_logger()


class Sighted(Protocol):
    """Whatever has eyes: a VisionAgent, or what ``attach_vision`` returns."""

    @property
    def eyes(self) -> Eyes | None: ...


def vision_tools(
    sees: Sighted | Eyes | None = None,
    settings: ToolSettings | None = None,
    only: Iterable[ToolName] = TOOLS,
) -> list[FunctionTool[..., Any]]:
    """Tools with which a model looks closer, and back.

    What they cannot do they tell the model, in words; they do not raise.

    Args:
        sees: Whose eyes they use; by default those of the session's agent, as the tool is called.
        settings: Their bounds; read from ``AGENT_*`` by default.
        only: Which of them.

    Returns:
        ``look(question, who)`` and ``recall(about, since)``.
    """
    chosen = settings or load(ToolSettings)
    every = {"look": _look(sees, chosen), "recall": _recall(sees, chosen)}
    return [every[name] for name in dict.fromkeys(only)]


def configured_tools() -> list[FunctionTool[..., Any]]:
    """Those that ``AGENT_TOOLS`` names."""
    settings = load(ToolSettings)
    return vision_tools(settings=settings, only=settings.tools)


def _look(sees: Sighted | Eyes | None, settings: ToolSettings) -> FunctionTool[..., Any]:
    @function_tool
    async def look(context: RunContext[Any], question: str, who: str = "") -> str:
        """Look closer at what a camera or screen in this call shows right now.

        Use it when what you were shown does not answer the user: to read text, to count, for details,
        or when it may have changed. It takes a few seconds.

        Args:
            question: One question about the picture, complete in itself.
            who: Whose camera or screen: a participant's name, "camera", "screen", or both, such as
                "Alice's screen"; "everybody" asks about all. Empty is the user you talk with.
        """

        async def work() -> str:
            speaker, names = _speaker(context), _names(_room(context))
            return await look_closer(_eyes(sees, context), settings, question, who, speaker, names)

        return await _told("look", work)

    return look


def _recall(sees: Sighted | Eyes | None, settings: ToolSettings) -> FunctionTool[..., Any]:
    @function_tool
    async def recall(context: RunContext[Any], about: str = "", since: str | float = "") -> str:
        """Look up what the cameras and screens in this call showed earlier, up to an hour ago.

        Use it when the user asks about something that was seen before, and is not in view now.

        Args:
            about: Words of what to find, as somebody would describe the scene, and whose it was, such
                as "red mug" or "Alice screen". Empty lists the newest of everything.
            since: How far back: minutes ("10"), a number with a unit ("90 s", "2 h"), or a time of
                day in UTC ("14:30"). Empty is all that is kept.
        """

        async def work() -> str:
            seconds = _call_seconds(_room(context))
            return await recall_seen(_eyes(sees, context), settings, about, since, seconds)

        return await _told("recall", work)

    return recall


async def _told(tool: str, work: Callable[[], Awaitable[str]]) -> str:
    """What comes of it; or, in words for the model, why nothing does."""
    try:
        return await work()
    except NotPossibleError as problem:
        return str(problem)
    except Exception:
        # Whatever it is, the conversation goes on.
        log.exception("tool_failed", tool=tool)
        return f"{tool} failed. Answer without it, and tell the user that you could not look; do not guess."


def _eyes(sees: Sighted | Eyes | None, context: RunContext[Any]) -> Eyes:
    """Raises NotPossibleError: this agent has none."""
    if isinstance(sees, Eyes):
        return sees
    eyes = getattr(sees or context.session.current_agent, "eyes", None)
    if not isinstance(eyes, Eyes):
        raise NotPossibleError(
            "This agent sees nothing: its vision is off, or it is in no room yet. Answer without, and tell "
            "the user that you cannot see; do not guess."
        )
    return eyes


def _room(context: RunContext[Any]) -> rtc.Room | None:
    try:
        return context.session.room_io.room
    except RuntimeError:
        return None


def _speaker(context: RunContext[Any]) -> str:
    """The identity of whoever the agent talks with; empty without a room."""
    try:
        participant = context.session.room_io.linked_participant
    except RuntimeError:
        return ""
    return participant.identity if participant is not None else ""


def _names(room: rtc.Room | None) -> Mapping[str, str]:
    """The display names of the people in the room, by identity: agents and avatars are not among them."""
    if room is None:
        return {}
    standard = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
    people = (each for each in room.remote_participants.values() if each.kind == standard)
    return {each.identity: each.name for each in people}


def _call_seconds(room: rtc.Room | None) -> float | None:
    """How long the call has lasted: a room's name is used again, by other people."""
    if room is None or not room.isconnected():
        return None
    return max(0.0, (datetime.now(UTC) - room.creation_time).total_seconds())
