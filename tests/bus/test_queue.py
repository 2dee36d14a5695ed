"""Work queues: each message with one puller, handed on when it is not kept, through lost streams."""

from __future__ import annotations

import asyncio

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.errors import BusError, DecodeError, TopologyError
from sightline.messages import Caption, Lane, Ticket, Track
from sightline.topology import Queue
from support.buses import SECONDS, pulling, raw, take, ticket, until_back, until_lost
from support.nats_server import Server

QUEUE = topology.lane_queue("test", Lane.ROUTINE)
BOB = Track(room="demo", participant="bob", id="TR_2")


async def test_a_message_is_taken_with_all_it_carries_and_is_gone_when_done(bus: Bus) -> None:
    sent = ticket(7)
    await bus.offer(sent)
    async with pulling(bus.queue(QUEUE)) as queue:
        taken = await take(queue)
        assert taken.parse(Ticket) == sent
        assert taken.subject == sent.subject
        assert taken.headers["ce-type"] == Ticket.TYPE
        assert taken.attempts == 1
        assert abs((bus.now() - taken.at).total_seconds()) < SECONDS
        assert await bus.lag(QUEUE) == (0, 1)
        await taken.done()
        assert await bus.lag(QUEUE) == (0, 0)
        assert await queue.take() is None


async def test_what_is_no_ticket_is_a_decode_error(bus: Bus) -> None:
    await bus.offer(ticket())
    async with pulling(bus.queue(QUEUE)) as queue:
        taken = await take(queue)
        with pytest.raises(DecodeError, match="caption"):
            taken.parse(Caption)


async def test_each_message_goes_to_one_puller(bus: Bus) -> None:
    tracks = [Track(room="demo", participant="alice", id=str(number)) for number in range(40)]
    for track in tracks:
        assert await bus.offer(ticket(track=track))
    served: list[str] = []

    async def work() -> None:
        async with pulling(bus.queue(QUEUE)) as queue:
            while len(served) < len(tracks):
                taken = await queue.take()
                if taken is not None:
                    served.append(taken.parse(Ticket).track.id)
                    await taken.done()

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as pullers:
        for _ in range(4):
            pullers.create_task(work())
    assert sorted(served, key=int) == [track.id for track in tracks]


async def test_kept_work_stays_and_work_that_is_not_kept_goes_to_another_after_ack_wait(bus: Bus) -> None:
    short = Queue(topology.WORK.name, "short", QUEUE.filter_subject, ack_wait=2.0)
    await bus.offer(ticket())
    async with pulling(bus.queue(short)) as mine, pulling(bus.queue(short)) as other:
        taken = await take(mine)
        for _ in range(3):  # a second each
            assert await other.take() is None
            await taken.keep()
        again = await take(other)
        assert again.attempts == 2
        assert again.parse(Ticket) == taken.parse(Ticket)
        await again.done()


async def test_work_handed_back_is_served_again(bus: Bus) -> None:
    await bus.offer(ticket())
    async with pulling(bus.queue(QUEUE)) as queue:
        await (await take(queue)).retry()
        again = await take(queue)
        assert again.attempts == 2
        await again.retry(delay=1.5)
        assert await queue.take() is None
        assert (await take(queue)).attempts == 3


async def test_a_queue_of_a_stream_of_its_own_begins_when_the_first_replica_takes(bus: Bus) -> None:
    with pytest.raises(BusError, match="consumer not found"):
        await bus.lag(QUEUE)
    await bus.offer(ticket())
    async with pulling(bus.queue(QUEUE)) as queue:
        assert await take(queue)


async def test_a_consumer_with_other_settings_is_refused_with_the_field_and_both_values(
    bus: Bus, nats: Server
) -> None:
    other = Queue(QUEUE.stream, QUEUE.name, QUEUE.filter_subject, ack_wait=60)
    async with pulling(bus.queue(other)) as queue:
        await queue.take()
    async with pulling(bus.queue(QUEUE)) as queue:
        with pytest.raises(TopologyError, match=r"ack_wait: wanted 5000000000, found 60000000000"):
            await queue.take()


@pytest.mark.parametrize("lost", ["consumer", "stream"])
async def test_what_is_deleted_under_a_puller_is_made_again(bus: Bus, nats: Server, lost: str) -> None:
    async with pulling(bus.queue(QUEUE)) as queue, raw(nats.url) as client:
        await bus.offer(ticket(1))
        await (await take(queue)).done()
        generation = bus.generation
        pull = asyncio.create_task(queue.take())
        if lost == "consumer":
            await client.jetstream().delete_consumer(QUEUE.stream, QUEUE.name)
        else:
            await client.jetstream().delete_stream(QUEUE.stream)
        await pull
        if lost == "stream":
            pulling_on = asyncio.create_task(take(queue))  # it is the puller that tells
            await until_back(bus, generation)
        else:
            pulling_on = asyncio.create_task(take(queue))
        assert await bus.offer(ticket(2))
        taken = await pulling_on
        assert taken.parse(Ticket).sequence == 2
        await taken.done()


@pytest.mark.faults
async def test_a_puller_goes_on_after_a_restart(nats: Server, bus: Bus) -> None:
    async with pulling(bus.queue(QUEUE)) as queue:
        await bus.offer(ticket(1))
        before = await take(queue)
        await nats.kill()
        await until_lost(bus)
        assert await queue.take() is None
        with pytest.raises(BusError):
            await before.done()
        await nats.start()
        await until_back(bus)
        assert await bus.offer(ticket(2))
        assert (await take(queue)).parse(Ticket).sequence == 2


@pytest.mark.faults
async def test_a_room_that_was_not_done_comes_back_after_a_restart(nats: Server, bus: Bus) -> None:
    from sightline.messages import RoomWanted

    async with pulling(bus.queue(topology.ROOM_QUEUE)) as queue:
        assert await bus.offer(RoomWanted(room="demo"))
        assert (await take(queue)).attempts == 1
        await nats.kill()
        await until_lost(bus)
        await nats.start()
        await until_back(bus)
        assert not await bus.offer(RoomWanted(room="demo"))
        again = await take(queue)
        assert again.parse(RoomWanted).room == "demo"
        assert again.attempts == 2


async def test_pulls_survive_the_client_being_closed_under_them(nats: Server, bus: Bus) -> None:
    async with pulling(bus.queue(QUEUE)) as queue:
        pull = asyncio.create_task(queue.take())
        async with raw(nats.url) as client, asyncio.timeout(SECONDS):
            while not (await _waiting(client)):
                pass
        await bus.close()
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([pull])
        assert not pull.cancelled()


async def _waiting(client: object) -> int:
    try:
        info = await client.jetstream().consumer_info(QUEUE.stream, QUEUE.name)  # type: ignore[attr-defined]
    except Exception:
        return 0
    return info.num_waiting or 0
