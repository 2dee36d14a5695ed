"""The hosts of the source and of the agent disagree about the time: what is in view has its true age."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sightline.bus import Bus
from sightline.config import BusSettings
from support.agents import now_shows
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.sessions import talking

OFF = timedelta(minutes=5)


def host_that_is(off: timedelta) -> type[datetime]:
    """The clock of a host that is wrong by this."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + off

    return Wrong


@pytest.mark.parametrize("off", [OFF, -OFF], ids=["the source is ahead", "the source is behind"])
async def test_a_caption_is_as_old_as_it_is_whatever_the_hosts_clocks_say(
    nats: Server, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    settings = BusSettings(url=nats.url)
    monkeypatch.setattr("sightline.bus.clock.datetime", host_that_is(off))
    source = Bus(settings, name="source")
    monkeypatch.setattr("sightline.bus.clock.datetime", host_that_is(-off))
    agent = Bus(settings, name="agent")
    monkeypatch.undo()
    assert abs(source.now() - agent.now()) > OFF, "before they heard of the server's"
    for bus in (source, agent):
        await bus.start()
        await bus.wait_ready()
    async with OpenAIServer(answer="A red mug.") as model, talking(model, agent, max_caption_age=60) as talk:
        await talk.shows(source, now_shows(source, "a red mug"))
        record = await talk.says("What do I hold?")
    for bus in (source, agent):
        await bus.close()
    (shown,) = record.shown
    assert shown.text == "a red mug"
    assert not shown.past
    assert 0 <= shown.age < 60
