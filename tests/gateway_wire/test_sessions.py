"""Which session a client gets: its own again, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sightline.bus import Bus
from sightline_gateway.serving.server import GatewayServer
from support.agents import completions, users_words
from support.gateway_clients import (
    SECONDS,
    SECRET,
    Client,
    bearer,
    connected,
    gateway,
    reset,
    undisturbed,
)
from support.model_servers import OpenAIServer


async def begun(client: Client, session_id: str = "") -> dict[str, Any]:
    """The client's session, after one turn."""
    await client.next("session_init")
    await client.send("client_ready", **({"sessionId": session_id} if session_id else {}))
    session = await client.next("session_init")
    await client.asks("Remember the kettle.")
    return session


async def waiting(server: GatewayServer, session_id: str) -> None:
    """Drop nothing, but wait until the session has no client."""
    (seat,) = [seat for seat in server.registry if seat.session_id == session_id]
    gone = asyncio.Event()
    off = seat.session.on("disconnected", lambda _: gone.set())
    async with asyncio.timeout(SECONDS):
        if seat.client is not None:
            await gone.wait()
    off()


async def resumes(client: Client, session: dict[str, Any], **changes: str) -> None:
    """Ask for a session again."""
    await client.next("session_init")
    keys = {"sessionId": session["sessionId"], "resumeKey": session["resumeKey"]}
    await client.send("client_ready", **{**keys, **changes})


@pytest.mark.parametrize("name", ["", "my own"])
async def test_a_client_whose_connection_dropped_goes_on_where_it_was(
    name: str, bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server, undisturbed(server):
        async with connected(server) as client:
            session = await begun(client, name)
            reset(client)
        await waiting(server, session["sessionId"])
        async with connected(server) as client:
            await resumes(client, session)
            assert await client.next("session_init") == session | {"resumed": True}
            await client.asks("What was it?")
            words = users_words(completions(model)[-1])
            assert [any(said in word for word in words) for said in ("kettle", "What was it?")] == [True] * 2


async def test_a_session_that_nobody_took_up_is_over(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model, resume_seconds=0.1) as server:
        async with connected(server) as client:
            session = await begun(client)
            (seat,) = server.registry
            reset(client)
        async with asyncio.timeout(SECONDS):
            await seat.ended.wait()
        async with connected(server) as client:
            await resumes(client, session)
            assert (await client.next("session_init"))["resumed"] is False
            await client.asks("What was it?")
            assert not any("kettle" in word for word in users_words(completions(model)[-1]))


async def test_a_client_takes_over_from_its_own_older_connection(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as old:
        session = await begun(old)
        async with connected(server) as new:
            await resumes(new, session)
            assert (await new.next("session_init"))["resumed"] is True
            assert await old.closed() == 1008
            assert await new.asks() == "I see."


@pytest.mark.parametrize("changes", [{"resumeKey": "guessed"}, {"resumeKey": ""}])
async def test_nobody_else_takes_a_session(changes: dict[str, str], bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as owner:
        session = await begun(owner, "mine")
        async with connected(server) as thief:
            await resumes(thief, session, **changes)
            assert await thief.closed() == 1008
            assert thief.of("error")[0]["code"] == "session_unknown"
            assert len(thief.of("session_init")) == 1
        assert await owner.asks() == "I see."


async def test_a_session_that_waits_for_its_client_is_nobody_elses_either(
    bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server:
        async with connected(server) as owner:
            session = await begun(owner, "mine")
            reset(owner)
        await waiting(server, "mine")
        async with connected(server) as thief:
            await resumes(thief, session, resumeKey="guessed")
            assert await thief.closed() == 1008
        async with connected(server) as owner:
            await resumes(owner, session)
            assert (await owner.next("session_init"))["resumed"] is True


async def test_a_name_is_free_again_once_its_session_is_over(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server:
        for _ in range(2):
            async with connected(server) as client:
                await begun(client, "mine")
                (seat,) = server.registry
            async with asyncio.timeout(SECONDS):
                await seat.ended.wait()


async def test_a_token_names_the_session_and_the_participant(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET) as server,
        connected(server, *bearer("vs_1", "alice")) as client,
    ):
        assert client.socket.protocol == "sightline"
        assert (await client.next("session_init"))["sessionId"] == "vs_1"
        await client.frame()
        await client.next("frame_received")
        await client.asks()
        (seat,) = server.registry
        assert (seat.session_id, seat.participant) == ("vs_1", "alice")


async def test_a_token_is_taken_in_the_first_message(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model, jwt_secret=SECRET) as server, connected(server) as client:
        await client.send("authenticate", token=bearer("vs_1")[1].removeprefix("bearer."))
        assert (await client.next("session_init"))["sessionId"] == "vs_1"
        assert await client.asks() == "I see."


async def test_a_token_is_proof_enough_to_take_a_session_up_again(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model, jwt_secret=SECRET) as server, connected(server, *bearer("vs_1")) as old:
        await begun(old)
        async with connected(server, *bearer("vs_1")) as new:
            await new.next("session_init")
            await new.send("client_ready")
            assert (await new.next("session_init"))["resumed"] is True
            assert await old.closed() == 1008


async def test_a_token_of_another_participant_does_not_take_a_session(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET) as server,
        undisturbed(server, *bearer("vs_1", "alice")),
        connected(server, *bearer("vs_1", "mallory")) as thief,
    ):
        await thief.send("client_ready")
        assert await thief.closed() == 1008
        assert thief.of("error")[0]["code"] == "session_unknown"


async def test_a_token_for_one_session_is_none_for_another(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET) as server,
        undisturbed(server, *bearer("vs_1")) as owner,
        connected(server, *bearer("vs_2")) as thief,
    ):
        init = owner.of("session_init")[0]
        await resumes(thief, init)
        assert await thief.closed() == 1008
        assert thief.of("error")[0]["code"] == "session_unknown"


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (bearer("vs_1", age=120), "expired"),
        (bearer("vs_1", jwt_audience="another-service"), "Audience"),
        (bearer("vs_1", jwt_secret="another secret that is quite as long as ours"), "Signature"),
        (("sightline", "bearer.eyJhbGciOiJub25lIn0.e30."), "alg"),
        (("sightline", "bearer."), "not taken"),
        (("sightline", "bearer.a", "bearer.b"), "several"),
    ],
    ids=["expired", "audience", "secret", "none", "empty", "several"],
)
async def test_a_token_that_is_not_taken_closes_the_connection(
    shown: tuple[str, ...], reason: str, bus: Bus, model: OpenAIServer
) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET) as server,
        undisturbed(server, *bearer("vs_other")),
        connected(server, *shown) as client,
    ):
        assert await client.closed() == 1008
        (error,) = client.messages
        assert (error["type"], error["code"]) == ("error", "unauthorized")
        assert reason in error["message"]


async def test_an_expired_token_in_the_first_message_closes_the_connection(
    bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model, jwt_secret=SECRET) as server, connected(server) as client:
        await client.send("authenticate", token=bearer("vs_1", age=120)[1].removeprefix("bearer."))
        assert await client.closed() == 1008
        (error,) = client.messages
        assert (error["type"], error["code"]) == ("error", "unauthorized")
