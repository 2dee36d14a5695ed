"""A frame that holds no picture at all."""

from __future__ import annotations

from sightline.bus import Bus
from support.buses import raw
from support.nats_server import Server
from support.stage import Looker, Source, captions, dead_letters, replica, track


async def test_a_frame_without_a_byte_is_a_dead_letter_and_the_next_one_is_served(
    nats: Server, bus: Bus
) -> None:
    worker, source = Looker(), Source(bus)
    async with dead_letters(bus) as dead, captions(bus) as found:
        shown = await source.show(track(1))
        async with raw(nats.url) as client:
            await client.jetstream().publish(shown.subject, b"", headers=dict(shown.to_wire().headers))
        async with replica(worker, bus):
            (letter,) = await dead.has(1)
            await source.show(track(1))
            await found.has(1)
    assert (letter.error, letter.attempts) == ("DecodeError", 1)
    assert [frame.sequence for frame in worker.seen] == [2]
