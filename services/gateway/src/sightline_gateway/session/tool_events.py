"""The tools that the model calls, as messages to the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession, ToolExecutionUpdatedEvent
from livekit.agents.voice.events import ToolCallEnded, ToolCallStarted

from sightline_gateway.protocol import ToolCall, ToolResult

FAILED = "The tool failed."
"""What a client is told of any failure: the reason is for the model, and the log."""


class ToolEvents:
    """Tells of each call as it begins, and of what came of it.

    Args:
        emit: Sends a message to the client.
    """

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit
        self._running: dict[str, str] = {}

    def attach(self, session: AgentSession[Any]) -> None:
        """Follow a session that has not started."""
        session.on("tool_execution_updated", self._tell)

    def _tell(self, event: ToolExecutionUpdatedEvent) -> None:
        match event.update:
            case ToolCallStarted(function_call=call):
                self._running[call.call_id] = call.name
                arguments = _arguments(call.arguments)
                self._emit(ToolCall(tool_name=call.name, tool_call_id=call.call_id, input=arguments))
            case ToolCallEnded(call_id=call_id, message=message, status=status):
                name = self._running.pop(call_id, "")
                result = message if status == "done" else FAILED
                self._emit(ToolResult(name=name, tool_call_id=call_id, result=result))


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
