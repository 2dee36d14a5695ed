"""docker-compose.yml with a credential for each service, and TLS."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from support.agents import completions, users_words
from support.compose import (
    Composed,
    composed,
    credentials,
    host_for_containers,
    kill_and_start_the_bus,
    require_compose,
)
from support.model_servers import MoondreamServer, OpenAIServer
from support.participant import Participant, participant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_with_one_credential_each_a_turn_knows_what_a_camera_shows_and_nobody_else_gets_in(
    tmp_path: Path,
) -> None:
    require_compose()
    moondream, model = MoondreamServer(answer="A red wall."), OpenAIServer(answer="Indeed.")
    moondream.host = model.host = host_for_containers()
    async with moondream, model, credentials(tmp_path) as generated:
        settings = {
            "MOONDREAM_ENDPOINT": moondream.url.replace(moondream.host, "host.docker.internal"),
            "AGENT_LLM_BASE_URL": model.url.replace(model.host, "host.docker.internal"),
            "AGENT_LLM_MODEL": "test-model",
        }
        async with (
            composed(tmp_path, settings, credentials=generated) as system,
            participant(system, "the office", "alice") as alice,
        ):
            await nobody_gets_in_without_a_key(system)
            await asyncio.to_thread(each_has_its_own_key_and_no_other, system)
            await a_turn_knows(alice, model, "A red wall.")
            await asyncio.to_thread(kill_and_start_the_bus, system)
            await system.healthy()
            stages = await system.call("run", "--rm", "admin", "ps")
    assert "captioner" in stages
    assert "encoder" in stages


async def nobody_gets_in_without_a_key(system: Composed) -> None:
    (nats,) = system.containers("nats")
    reader, writer = await asyncio.open_connection(system.address(nats), 4222)
    greeting = json.loads((await reader.readline()).removeprefix(b"INFO "))
    assert greeting["auth_required"]
    assert greeting["tls_required"]
    writer.close()
    await writer.wait_closed()


def each_has_its_own_key_and_no_other(system: Composed) -> None:
    for service in ("room-ingest", "captioner", "encoder", "agent", "gateway"):
        (container,) = system.containers(service)
        code, listed = container.exec_run(["find", "/run/nats", "-type", "f"])
        assert code == 0, listed
        assert set(listed.decode().split()) == {"/run/nats/tls/ca.crt", f"/run/nats/seeds/{service}.nk"}


async def a_turn_knows(alice: Participant, model: OpenAIServer, caption: str) -> None:
    """Asks until the view is there."""
    await alice.does("camera red")
    await alice.does("agent")
    async with asyncio.timeout(60):
        while True:
            before = len(completions(model))
            await alice.does("say Which wall?")
            while len(completions(model)) == before:
                await model.requested(len(model.requests) + 1)
            if caption in users_words(completions(model)[-1])[-1]:
                return
