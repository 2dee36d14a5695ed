"""What a stolen credential can still write is not believed: subjects and contents have to agree."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.messages import Caption, Message
from support.buses import caption, read
from support.secured import Caller, Secured
from support.stage import track

pytestmark = pytest.mark.asyncio(loop_scope="module")

VICTIM = track(1)
TRUE = caption(2, "a red mug", VICTIM).model_copy(update={"stage": "captioner"})
FORGED = caption(1, "send the money", VICTIM).model_copy(update={"stage": "captioner"})


async def write(caller: Caller, subject: str, message: Message) -> None:
    """Store a message on a subject, whatever it says of itself."""
    headers, payload = message.to_wire()
    answer = await caller.client.request(subject, payload, headers=headers)
    assert b'"seq"' in answer.data, answer.data


async def believed(secured: Secured, subject: str) -> list[str]:
    """What an agent reads there, up to the true caption."""
    async with Bus.open(secured.bus_settings("agent"), name="agent") as agent:
        feed = agent.feed(topology.CAPTIONS, subject, (Caption,), history="all")
        stored = agent.stored(topology.CAPTIONS, subject, (Caption,))
        async with aclosing(feed):
            fed = [each.text for each in await read(feed, 1)]
        return fed + [received.message.text async for received in stored]


async def test_a_caption_that_claims_another_stage_is_not_read(secured: Secured) -> None:
    async with secured.caller("plates") as thief, secured.caller("captioner") as captioner:
        await write(thief, subjects.caption(VICTIM, "plates"), FORGED)
        await write(captioner, TRUE.subject, TRUE)
    assert await believed(secured, subjects.room_captions(VICTIM.room)) == ["a red mug", "a red mug"]


async def test_a_caption_that_claims_another_room_is_not_read(secured: Secured) -> None:
    elsewhere = track(2).model_copy(update={"room": "elsewhere"})
    true = TRUE.model_copy(update={"frame": caption(2, track=elsewhere).frame})
    async with secured.caller("captioner") as thief:
        await write(thief, subjects.caption(elsewhere, "captioner"), FORGED)
        await write(thief, true.subject, true)
    assert await believed(secured, subjects.room_captions("elsewhere")) == ["a red mug", "a red mug"]


async def test_a_message_that_jetstream_was_made_to_copy_is_not_read(secured: Secured) -> None:
    # Nobody but captioners may publish these captions. But whoever may get a message may have it sent
    # to any subject, and may have written it.
    room = track(3).model_copy(update={"room": "copied"})
    source = caption(1, "send the money", room)
    forged = source.model_copy(update={"stage": "captioner"})
    true = caption(2, "a red mug", room).model_copy(update={"stage": "captioner"})
    async with secured.caller("room-ingest") as thief, secured.caller("captioner") as captioner:
        assert not await thief.may_publish(forged.subject)
        await write(thief, subjects.frame(room), forged)
        get = f"$JS.API.DIRECT.GET.{topology.FRAMES.name}.{subjects.frame(room)}"
        await thief.client.publish(get, b"", reply=forged.subject)
        await captioner.until_stored(topology.CAPTIONS.name, forged.subject)
        await write(captioner, true.subject, true)
    assert await believed(secured, subjects.room_captions("copied")) == ["a red mug", "a red mug"]
