"""Which endpoint the agent's models are behind, and which key goes there."""

from __future__ import annotations

import pytest

from sightline.bus import Bus
from sightline.errors import SettingsError
from sightline_agent.models import NoModel, can_speak, close_models, language_model, require_model
from sightline_agent.settings import AgentSettings
from sightline_agent.turn import ask_once
from sightline_agent.worker import build_session
from support.agents import completions
from support.model_servers import OpenAIServer


async def keys_sent(bus: Bus, model: OpenAIServer, settings: AgentSettings) -> set[str]:
    record = await ask_once(bus, "demo", "Hello", settings, wait=0)
    assert record.error == ""
    return {request.headers["authorization"] for request in completions(model)}


async def test_the_shared_endpoint_is_used_with_the_shared_key(
    bus: Bus, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model.url)
    monkeypatch.setenv("OPENAI_API_KEY", "shared")
    assert await keys_sent(bus, model, AgentSettings()) == {"Bearer shared"}


async def test_the_shared_key_never_goes_to_an_endpoint_of_its_own(
    bus: Bus, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "shared")
    assert await keys_sent(bus, model, AgentSettings(llm_base_url=model.url)) == {"Bearer none"}


async def test_an_endpoint_of_its_own_gets_its_own_key(
    bus: Bus, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_LLM_BASE_URL", model.url)
    monkeypatch.setenv("AGENT_LLM_API_KEY", "own")
    assert await keys_sent(bus, model, AgentSettings()) == {"Bearer own"}


def test_without_endpoint_and_key_there_is_no_model() -> None:
    assert isinstance(language_model(AgentSettings()), NoModel)
    assert not can_speak(AgentSettings())
    with pytest.raises(SettingsError, match="expected an endpoint or a key"):
        require_model(AgentSettings())


def test_an_endpoint_of_speech_alone_makes_it_speak() -> None:
    assert can_speak(AgentSettings(speech_base_url="http://127.0.0.1:1/v1"))


async def test_with_an_endpoint_of_speech_the_worker_hears_and_speaks_without_livekits_cloud() -> None:
    endpoint = "http://127.0.0.1:1/v1"
    session = await build_session(AgentSettings(llm_base_url=endpoint, speech_base_url=endpoint))
    assert session.stt is not None
    assert session.tts is not None
    assert session.vad is not None
    assert session.turn_detection == "vad"
    await session.vad.stream().aclose()  # its model is here, on this machine
    await close_models(session)
    clients = [model._client for model in (session.stt, session.llm, session.tts)]
    assert all(client.is_closed() for client in clients)
