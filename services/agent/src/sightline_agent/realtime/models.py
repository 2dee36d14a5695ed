"""The worker's realtime model and its session, from the settings."""

from __future__ import annotations

from livekit.agents import AgentSession, llm
from livekit.agents.types import NOT_GIVEN
from livekit.plugins.openai.realtime import RealtimeModel

from sightline_agent.lasting import LastingSession
from sightline_agent.models import ANY_KEY, connect_options, realtime_endpoint
from sightline_agent.realtime.settings import RealtimeSettings
from sightline_agent.realtime.video import VideoSampler
from sightline_agent.settings import AgentSettings


def realtime_model(settings: RealtimeSettings) -> RealtimeModel:
    """Any endpoint that speaks OpenAI's realtime protocol."""
    base_url, key = realtime_endpoint(settings)
    return RealtimeModel(
        model=settings.model,
        voice=settings.voice,
        base_url=base_url or NOT_GIVEN,
        api_key=key or ANY_KEY,
    )


def realtime_session(
    model: llm.RealtimeModel, settings: AgentSettings, realtime: RealtimeSettings
) -> AgentSession[None]:
    """A conversation with a realtime model, which hears by itself when a turn ends."""
    return LastingSession(
        llm=model,
        vad=None,
        video_sampler=VideoSampler(realtime),
        turn_handling={"turn_detection": "realtime_llm"},
        conn_options=connect_options(settings),
    )


def as_realtime(settings: AgentSettings) -> AgentSettings:
    """The same agent with a realtime model: it is shown things by other ways than with a turn."""
    return settings if settings.mode == "off" else settings.model_copy(update={"mode": "realtime"})
