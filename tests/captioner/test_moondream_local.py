"""The local model's threads, around the moondream package's own client.

The GPU engine needs a GPU and 6.4 GB. The package's cloud client has the same methods, blocks just as
much and runs here, so it stands where the engine would.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

import moondream
import pytest

from sightline.errors import DeadlineError, DecodeError, RetryableError, SettingsError
from sightline_captioner.moondream_local import LocalMoondream
from sightline_captioner.settings import CaptionerSettings, MoondreamSettings
from support.frames import BLUE, RED, frame, plain
from support.model_servers import Body, Fault, MoondreamServer

LOCAL = MoondreamSettings(local=True, model="moondream3-preview")


@asynccontextmanager
async def backend(server: MoondreamServer, **settings: object) -> AsyncIterator[LocalMoondream]:
    def load(chosen: MoondreamSettings) -> object:
        return moondream.vl(endpoint=server.url, model=chosen.model)

    made = LocalMoondream(CaptionerSettings.model_validate(settings), LOCAL, load)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def test_frames_are_described_and_questions_answered() -> None:
    async with MoondreamServer() as server, backend(server, length="short") as model:
        assert (await model.describe(frame(plain(RED)))).text == "a red picture of 640 by 360 pixels"
        assert await model.ask(frame(plain(BLUE)), "Why?") == "a blue picture of 640 by 360 pixels (Why?)"
        assert server.requests[0]["length"] == "short"
        assert server.requests[0]["model"] == "moondream3-preview"


async def test_a_prompt_is_a_query() -> None:
    async with MoondreamServer(reply="Two.") as server, backend(server, prompt="How many?") as model:
        assert (await model.describe(frame(plain(RED)))).text == "Two."
        assert server.requests[0]["question"] == "How many?"


async def test_a_model_that_hangs_meets_the_deadline_and_keeps_only_its_own_thread() -> None:
    async with MoondreamServer() as server, backend(server, deadline=1.5, concurrency=1) as model:
        server.fault = Fault.HANG
        with pytest.raises(DeadlineError):
            await model.describe(frame(plain(RED)))
        server.fault = None
        # The second of two threads.
        assert (await model.describe(frame(plain(BLUE)))).text == "a blue picture of 640 by 360 pixels"
        server.release()


async def test_frames_do_not_pile_up_behind_a_model_that_hangs() -> None:
    async with MoondreamServer() as server, backend(server, deadline=1.5, concurrency=1) as model:
        server.fault = Fault.HANG
        for _ in range(2):
            with pytest.raises(DeadlineError):
                await model.describe(frame(plain(RED)))
        with pytest.raises(RetryableError, match="still busy"):
            await model.describe(frame(plain(RED)))
        assert len(server.requests) == 2
        server.release()


async def test_what_the_model_raises_is_retried_and_what_it_says_is_checked() -> None:
    async with MoondreamServer() as server, backend(server) as model:
        server.fault = Fault.GARBAGE
        with pytest.raises(RetryableError, match="failed: "):
            await model.describe(frame(plain(RED)))
        server.fault = Body(b'{"caption": "\\u0000"}')
        with pytest.raises(RetryableError, match="empty text"):
            await model.describe(frame(plain(RED)))
        server.fault = Body(b'{"caption": "a\\u0000 \\u001b[1mdesk"}')
        assert (await model.describe(frame(plain(RED)))).text == "a desk"


async def test_bytes_that_are_no_picture_never_reach_the_model() -> None:
    async with MoondreamServer() as server, backend(server) as model:
        with pytest.raises(DecodeError):
            await model.describe(frame(b"<svg/>"))
        assert server.requests == []


@pytest.mark.skipif(find_spec("kestrel") is not None, reason="the extra local-gpu is installed here")
async def test_without_the_extra_the_start_stops_with_the_settings_name() -> None:
    with pytest.raises(SettingsError, match=r"MOONDREAM_LOCAL: .*local-gpu.*kestrel is not installed"):
        await LocalMoondream(CaptionerSettings(), LOCAL).start()
