"""The doctor, against nothing, against what is well, and against what is wrong in each way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.cli.doctor import http, llm
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline_agent.settings import AgentSettings
from support.command_line import Finished, sightline
from support.livekit_server import LiveKitServer
from support.model_servers import Fault, MoondreamServer, OpenAIServer, Status
from support.nats_server import Server

NOWHERE = "127.0.0.1:9"
"""The port `discard`: nobody listens."""


async def doctor(**settings: str) -> Finished:
    return await sightline("doctor", "--json", **{"NATS_URL": f"nats://{NOWHERE}", **settings})


def found(finished: Finished, check: str) -> dict[str, Any]:
    """The only finding of one check."""
    [finding] = [record for record in finished.records if record["check"] == check]
    return finding


async def test_against_nothing_running_each_finding_says_how_to_mend_it() -> None:
    finished = await doctor(LIVEKIT_API_KEY="k", LIVEKIT_API_SECRET="s", LIVEKIT_URL=f"ws://{NOWHERE}")
    assert (finished.code, finished.err) == (1, "")
    assert found(finished, "nats")["state"] == "fail"
    assert "NATS_URL" in found(finished, "nats")["mend"]
    assert found(finished, "livekit")["state"] == "fail"
    assert "LIVEKIT_URL" in found(finished, "livekit")["mend"]
    assert found(finished, "llm")["state"] == "warn"
    assert "OPENAI_API_KEY" in found(finished, "llm")["mend"]
    assert found(finished, "captioner")["state"] == "warn"
    assert "MOONDREAM_API_KEY" in found(finished, "captioner")["mend"]
    assert found(finished, "encoder")["state"] == "ok"
    assert [
        record["check"] for record in finished.records if record["state"] != "ok" and not record["mend"]
    ] == []


async def test_people_get_a_line_each_and_a_sum() -> None:
    finished = await sightline("doctor", NATS_URL=f"nats://{NOWHERE}")
    assert finished.code == 1
    assert "fail  nats " in finished.out
    assert "-> start one" in finished.out
    assert finished.out.splitlines()[-1].startswith("1 failed, ")


async def test_with_everything_there_nothing_fails(nats: Server, livekit: LiveKitServer) -> None:
    assert (await sightline("init", NATS_URL=nats.url)).code == 0
    async with MoondreamServer(api_key="moon") as moondream, OpenAIServer(api_key="open") as openai:
        finished = await doctor(
            NATS_URL=nats.url,
            LIVEKIT_URL=livekit.url,
            LIVEKIT_API_KEY=livekit.api_key,
            LIVEKIT_API_SECRET=livekit.api_secret,
            MOONDREAM_ENDPOINT=moondream.url,
            MOONDREAM_API_KEY="moon",
            AGENT_LLM_BASE_URL=openai.url,
            AGENT_LLM_API_KEY="open",
            AGENT_LLM_MODEL="test-model",
        )
    states = {
        record["check"]: record["state"] for record in finished.records if record["check"] != "tesseract"
    }
    assert set(states.values()) == {"ok"}
    assert {"nats", "clock", "streams", "livekit", "captioner", "encoder", "llm", "settings"} <= set(states)
    assert finished.code == 0
    assert "moondream" in found(finished, "captioner")["text"]


async def test_a_drifted_stream_is_named_and_left_alone(nats: Server) -> None:
    settings = BusSettings(url=nats.url)
    async with Bus.open(settings, name="test", verify=False) as bus:
        await bus.ensure([replace(topology.FRAMES, max_msg_size=4096)])
        finished = await doctor(NATS_URL=nats.url)
        after = await bus.ensure([topology.FRAMES], report=True)
    assert finished.code == 1
    finding = found(finished, "streams")
    assert finding["text"] == "SIGHTLINE_FRAMES.max_msg_size: wanted 1048576, found 4096"
    assert "sightline init --apply" in finding["mend"]
    assert [change.action for change in after] == ["differs"]


async def test_a_server_without_jetstream_is_told_from_a_dead_one(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('accounts { A { users: [{user: a, password: "b"}] } }\n')
    async with NatsServer(config=config) as server:
        finished = await doctor(NATS_URL=server.url, NATS_USER="a", NATS_PASSWORD="b")
    assert found(finished, "nats")["state"] == "fail"
    assert "JetStream" in found(finished, "nats")["text"]


async def test_missing_credentials_are_told_and_given_ones_never_shown(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('authorization { user: sightline, password: "right" }\n')
    async with NatsServer(config=config) as server:
        without = await doctor(NATS_URL=server.url)
        wrong = await doctor(NATS_URL=server.url, NATS_USER="sightline", NATS_PASSWORD="hunter2")
        right = await doctor(NATS_URL=server.url, NATS_USER="sightline", NATS_PASSWORD="right")
    assert "it wants credentials" in found(without, "nats")["mend"]
    assert found(wrong, "nats")["state"] == "fail"
    assert "hunter2" not in wrong.out + wrong.err
    assert found(right, "nats")["state"] == "ok"


async def test_something_else_on_the_port_is_not_taken_for_nats() -> None:
    async with OpenAIServer() as other:
        address = other.url.removeprefix("http://").split("/")[0]
        finished = await doctor(NATS_URL=f"nats://{address}")
    assert found(finished, "nats")["state"] == "fail"


async def test_livekit_refuses_a_wrong_secret(livekit: LiveKitServer) -> None:
    finished = await doctor(
        LIVEKIT_URL=livekit.url, LIVEKIT_API_KEY=livekit.api_key, LIVEKIT_API_SECRET="wrong-" * 6
    )
    finding = found(finished, "livekit")
    assert (finding["state"], "refuses the key" in finding["text"]) == ("fail", True)
    assert "wrong-" not in finished.out + finished.err


async def test_a_web_server_is_not_taken_for_livekit() -> None:
    async with OpenAIServer() as other:
        url = other.url.replace("http:", "ws:").removesuffix("/v1")
        finished = await doctor(LIVEKIT_URL=url, LIVEKIT_API_KEY="k", LIVEKIT_API_SECRET="s")
    assert found(finished, "livekit")["state"] == "fail"


async def test_a_refused_key_of_moondream_is_told_from_a_dead_endpoint() -> None:
    async with MoondreamServer(api_key="right") as server:
        refused = await doctor(MOONDREAM_ENDPOINT=server.url, MOONDREAM_API_KEY="hunter2")
    assert found(refused, "captioner")["state"] == "fail"
    assert "401" in found(refused, "captioner")["text"]
    assert "hunter2" not in refused.out + refused.err
    dead = await doctor(MOONDREAM_ENDPOINT=f"http://{NOWHERE}/v1")
    assert found(dead, "captioner")["state"] == "fail"
    assert "reachable" in found(dead, "captioner")["mend"]


async def test_a_bad_setting_of_a_worker_is_named() -> None:
    finished = await doctor(ENCODER_PROFILES="tiny", SIGHTLINE_LOG_LEVEL="loud")
    assert found(finished, "encoder")["state"] == "fail"
    assert "ENCODER_PROFILES" in found(finished, "encoder")["text"]
    assert "SIGHTLINE_LOG_LEVEL" in found(finished, "settings")["text"]


@pytest.mark.parametrize(
    ("fault", "state", "word"),
    [
        (Status(401), "fail", "refuses the key"),
        (Status(404), "warn", "lists no models"),
        (Status(500), "fail", "HTTP 500"),
        (Fault.RESET, "fail", "does not answer"),
        (Fault.HUGE, "fail", "over 262,144 bytes"),
    ],
)
async def test_what_is_wrong_with_a_language_model_is_told(
    fault: Fault | Status, state: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenAIServer() as server:
        server.fault = fault
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        [finding] = await llm.check()
    assert (finding.state, word in finding.text) == (state, True), finding


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
async def test_an_endpoint_that_hangs_or_drips_is_given_up(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.3)
    async with OpenAIServer() as server:
        server.fault = fault
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        [finding] = await llm.check()
    assert (finding.state, "no answer within 0.3 s" in finding.text) == ("fail", True)


async def test_a_model_that_the_endpoint_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with OpenAIServer(models=("llava", "qwen")) as server:
        monkeypatch.setenv("AGENT_LLM_BASE_URL", server.url)
        [missing] = await llm.check()
        monkeypatch.setenv("AGENT_LLM_MODEL", "qwen")
        [there] = await llm.check()
    assert missing.state == "fail"
    assert llm.DEFAULT_MODEL in missing.text
    assert "llava, qwen" in missing.mend
    assert there.state == "ok"


def test_the_doctor_looks_for_the_model_that_the_agent_would_use() -> None:
    assert AgentSettings.model_fields["llm_model"].default == llm.DEFAULT_MODEL


def test_a_shared_key_goes_to_the_shared_endpoint_only() -> None:
    environ = {"OPENAI_API_KEY": "shared", "AGENT_LLM_BASE_URL": "http://own/v1"}
    assert llm.endpoint(environ) == ("http://own/v1", "")
    assert llm.endpoint({"OPENAI_API_KEY": "shared"}) == ("", "shared")
    assert llm.endpoint({"OPENAI_BASE_URL": "http://shared", **environ, "AGENT_LLM_BASE_URL": ""}) == (
        "http://shared",
        "shared",
    )


async def test_tesseract_is_looked_for_where_the_captioner_does() -> None:
    finished = await doctor(CAPTIONER_TESSERACT=os.devnull)
    assert found(finished, "tesseract")["state"] == "warn"
    assert "apt install" in found(finished, "tesseract")["mend"]
