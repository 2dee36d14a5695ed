"""The tools with which a model watches for what the user wants to be told."""

from __future__ import annotations

from typing import Any

from livekit.agents import AgentSession, RunContext, ToolError, function_tool
from livekit.agents.llm import Toolset

from sightline.config import load
from sightline_agent.realtime.session import Sees
from sightline_agent.realtime.settings import WatchSettings
from sightline_agent.watch import Watcher


def configured_watch_tools() -> list[WatchTools]:
    """The tools that ``AGENT_WATCH_TOOL`` wants: both, or none."""
    settings = load(WatchSettings)
    return [WatchTools(settings=settings)] if settings.tool else []


class WatchTools(Toolset):
    """``watch`` and ``stop_watching``, as tools of an agent or of a session::

        VisionAgent(instructions="…", tools=[WatchTools()])

    An agent's watches end with the agent, a session's with the session.

    Args:
        sees: What has the eyes; by default whichever VisionAgent runs.
        settings: Read from ``AGENT_WATCH_*`` by default.
    """

    def __init__(self, sees: Sees | None = None, settings: WatchSettings | None = None) -> None:
        super().__init__(id="sightline_watch")
        self._sees = sees
        self._settings = settings
        self._watcher: Watcher | None = None

    @function_tool
    async def watch(self, context: RunContext[Any], condition: str) -> str:
        """Watch the cameras and screens of this call, and tell the user as soon as something is so. Use it
        when the user asks to be told when something happens. You will be told when it has happened: do
        not call this again for the same thing.

        Args:
            condition: What must be seen, as a short statement: "the kettle boils", "the page has loaded".
        """
        try:
            watching = self._of(context.session).watch(condition)
        except ValueError as error:
            raise ToolError(str(error)) from error
        return (
            f"You are watching now, for {watching.timeout / 60:.3g} minutes at most. Say so in a few words."
        )

    @function_tool
    async def stop_watching(self, context: RunContext[Any], condition: str = "") -> str:
        """Stop watching, when the user does not want to be told any more.

        Args:
            condition: The condition as it was given to watch; empty stops all.
        """
        watching = self._of(context.session).watching
        stopped = [each for each in watching if not condition or each.is_for(condition)]
        for each in stopped:
            each.cancel()
        if stopped or not watching:
            return f"You have stopped watching for {len(stopped)} of {len(watching)}."
        raise ToolError(
            f"You do not watch for that, but for: {'; '.join(each.condition for each in watching)}"
        )

    async def aclose(self) -> None:
        """Called by LiveKit as the agent, or the session, ends."""
        if self._watcher is not None:
            await self._watcher.close()
            self._watcher = None
        await super().aclose()

    def _of(self, session: AgentSession[Any]) -> Watcher:
        if self._watcher is None:
            self._watcher = Watcher(session, self._sees, self._settings)
        return self._watcher
