"""The feed and the eyes on a real bus: late joiners, lost servers, and what sources are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.errors import BusError
from sightline.messages import CaptureReply, CaptureRequest, Frame, Message, RoomWanted, Speaking
from sightline_agent.eyes import Eyes
from sightline_agent.settings import AgentSettings
from sightline_agent.turn import TextSession
from support.agents import completions, now_shows, seen, talking_to, users_words
from support.decentralized import SOON, Decentralized
from support.model_servers import Fault, OpenAIServer
from support.nats_server import Server
from support.sights import ALICE, caption, ended, frame, image

T = TypeVar("T")


@asynccontextmanager
async def looking(bus: Bus | None, room: str = "demo", **settings: object) -> AsyncIterator[Eyes]:
    eyes = Eyes(room, AgentSettings.model_validate(settings), bus)
    eyes.start()
    try:
        yield eyes
    finally:
        await eyes.close()


def texts(eyes: Eyes) -> list[str]:
    return [each.message.text for each in eyes.context.describe(eyes.now())]


async def until(eyes: Eyes, condition: Callable[[], bool]) -> None:
    assert await eyes.until(condition, timeout=20), f"it never came: {eyes.problem!r}, {texts(eyes)}"


async def stored(bus: Bus, message: Message) -> None:
    """Publish, however long the bus takes to come back."""
    while True:
        await bus.wait_ready()
        try:
            return await bus.publish(message)
        except BusError:
            continue


async def test_a_late_joiner_is_shown_what_was_stored_before(bus: Bus) -> None:
    old, newest = frame(1, bus.now()), frame(2, bus.now())
    await bus.publish(caption(old, "a cup"))
    await bus.publish(caption(newest, "a plate"))
    await bus.publish(image(newest))
    async with looking(bus, mode="both") as eyes:
        await until(eyes, lambda: texts(eyes) == ["a plate"])
        await until(eyes, lambda: bool(eyes.context.images(eyes.now(), "agent")))
        assert [each.message.text for each in eyes.context.past(eyes.now(), 60)] == ["a cup"]


async def test_a_frame_of_the_same_scene_confirms_the_caption_without_its_pixels(bus: Bus) -> None:
    now = bus.now()
    still = frame(2, now, unchanged_since=1)
    async with looking(bus) as eyes:
        await bus.publish(caption(frame(1, now.replace(year=now.year - 1)), "a still room"))
        await bus.publish(Frame(**still.model_dump(), data=b"pixels"))
        await until(eyes, lambda: texts(eyes) == ["a still room"])


async def test_the_end_of_a_track_takes_its_captions_out_of_view(bus: Bus) -> None:
    async with looking(bus) as eyes:
        await bus.publish(caption(frame(1, bus.now()), "a cup"))
        await until(eyes, lambda: texts(eyes) == ["a cup"])
        await bus.publish(ended(2))
        await until(eyes, lambda: texts(eyes) == [])


async def test_other_profiles_and_other_rooms_are_not_kept(bus: Bus) -> None:
    elsewhere = ALICE.model_copy(update={"room": "demo.2"})
    async with looking(bus, mode="images") as eyes:
        await bus.publish(image(frame(1, bus.now()), profile="poster"))
        await bus.publish(caption(frame(1, bus.now(), track=elsewhere), "elsewhere"))
        await bus.publish(image(frame(1, bus.now())))
        await bus.publish(caption(frame(1, bus.now()), "here"))
        await until(eyes, lambda: bool(eyes.context.images(eyes.now(), "agent")) and texts(eyes) == ["here"])
        assert eyes.context.images(eyes.now(), "poster") == []


async def test_a_room_with_any_name_is_seen(bus: Bus) -> None:
    name = "a.b > * ü " * 40
    track = ALICE.model_copy(update={"room": name, "participant": "évêque > *"})
    async with looking(bus, room=name) as eyes:
        await bus.publish(caption(frame(1, bus.now(), track=track), "a cup"))
        await until(eyes, lambda: texts(eyes) == ["a cup"])
        assert eyes.context.participants == ["évêque > *"]


async def test_the_room_is_wanted_and_wanted_again(bus: Bus) -> None:
    queue = bus.queue(topology.ROOM_QUEUE)
    async with looking(bus):
        for _ in range(2):
            taken = await _next(queue.take)
            assert taken.parse(RoomWanted).room == "demo"
            await taken.done()


async def test_a_source_is_asked_for_a_frame_and_told_who_speaks(bus: Bus) -> None:
    asked: asyncio.Queue[CaptureRequest] = asyncio.Queue()
    heard: asyncio.Queue[Speaking] = asyncio.Queue()

    async def capture(request: CaptureRequest) -> CaptureReply:
        asked.put_nowait(request)
        return CaptureReply(frames=(frame(5, bus.now()),))

    stop_capture = await bus.serve(subjects.capture("demo", "alice"), CaptureRequest, capture)
    stop_speaking = await bus.serve(subjects.speaking("demo", "alice"), Speaking, heard.put)
    async with looking(bus) as eyes:
        await until(eyes, lambda: eyes.problem == "")
        eyes.look(["alice"], "the user began to speak")
        eyes.say("alice", speaking=True)
        async with asyncio.timeout(10):
            assert (await asked.get()).reason == "the user began to speak"
            assert (await heard.get()).speaking
            # Said again every few seconds: a source that was not there yet learns of it, too.
            assert (await heard.get()).speaking
    await stop_capture()
    await stop_speaking()


async def test_a_fresh_look_waits_for_the_caption_of_the_frame_that_was_taken(bus: Bus) -> None:
    fresh = frame(5, bus.now())

    async def capture(request: CaptureRequest) -> CaptureReply:
        await bus.publish(caption(fresh, "what is there now"))
        return CaptureReply(frames=(fresh,))

    stop = await bus.serve(subjects.capture("demo", "alice"), CaptureRequest, capture)
    async with looking(bus) as eyes:
        await bus.publish(caption(frame(1, bus.now()), "what was there"))
        await until(eyes, lambda: texts(eyes) == ["what was there"])
        assert await eyes.freshen(timeout=10)
        assert texts(eyes) == ["what is there now"]
    await stop()


async def test_a_fresh_look_where_nobody_samples_is_no_error(bus: Bus) -> None:
    async with looking(bus) as eyes:
        await bus.publish(caption(frame(1, bus.now()), "a cup"))
        await until(eyes, lambda: texts(eyes) == ["a cup"])
        assert not await eyes.freshen(timeout=10)


async def test_after_a_restart_of_nats_it_sees_and_wants_the_room_again(nats: Server, bus: Bus) -> None:
    async with looking(bus, max_caption_age=600) as eyes:
        await bus.publish(caption(frame(1, bus.now()), "before"))
        await bus.publish(Frame(**frame(2, bus.now()).model_dump(), data=b"pixels"))
        await until(eyes, lambda: texts(eyes) == ["before"])
        await nats.kill()
        await _lost(bus)
        assert texts(eyes) == ["before"]
        await nats.start()
        await stored(bus, caption(frame(3, bus.now()), "after"))
        await until(eyes, lambda: texts(eyes) == ["after"])
        # The memory streams were lost with the server: what was made anew is followed as well.
        await stored(bus, ended(9))
        await until(eyes, lambda: texts(eyes) == [])
        assert (await _next(bus.queue(topology.ROOM_QUEUE).take)).parse(RoomWanted).room == "demo"


async def test_a_bus_that_was_closed_for_good_is_opened_anew(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_URL", bus.settings.url)
    async with looking(None) as eyes:
        await bus.publish(caption(frame(1, bus.now()), "before"))
        await until(eyes, lambda: texts(eyes) == ["before"])
        assert eyes._bus is not None
        await eyes._bus.close()
        await bus.publish(caption(frame(2, bus.now()), "after"))
        await until(eyes, lambda: texts(eyes) == ["after"])


async def test_after_its_credential_expired_it_sees_again_with_a_renewed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = Decentralized(tmp_path)
    async with (
        trust.server,
        Bus.open(trust.settings(trust.credential(name="captioner")), name="captioner") as bus,
    ):
        monkeypatch.setenv("NATS_URL", trust.server.url)
        monkeypatch.setenv("NATS_CREDS_FILE", str(trust.credential(SOON, "agent")))
        async with looking(None, max_caption_age=600) as eyes:
            await bus.publish(caption(frame(1, bus.now()), "before"))
            await until(eyes, lambda: texts(eyes) == ["before"])
            expired = eyes.bus
            assert expired is not None
            async with asyncio.timeout(20):
                await expired.wait_closed()
            assert "authentication expired" in expired.problem.lower()
            await until(eyes, lambda: eyes.bus is not expired)
            trust.credential(name="agent")
            await bus.publish(caption(frame(2, bus.now()), "after"))
            await until(eyes, lambda: texts(eyes) == ["after"])
            assert eyes.problem == ""


async def test_without_nats_the_eyes_open_and_close_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    async with looking(None) as eyes:
        eyes.look(["alice"], "nobody hears")
        eyes.say("alice", speaking=True)
        assert not await eyes.freshen(timeout=10)
        await until(eyes, lambda: eyes._bus is not None)
        assert "cannot reach NATS" in eyes.problem or "not connected" in eyes.problem
        assert texts(eyes) == []


async def test_a_turn_goes_on_when_the_bus_is_lost_in_the_middle_of_it(
    nats: Server, bus: Bus, model: OpenAIServer
) -> None:
    async with TextSession(bus, "demo", talking_to(model)) as session:
        await seen(session, bus, now_shows(bus, "a red mug"))
        await session.ask("Hello")
        model.fault = Fault.HANG
        turn = asyncio.create_task(session.ask("What do I hold?"))
        await _next_completion(model, 2)
        await nats.kill()
        model.release()
        record = await turn
    assert (record.reply, record.error) == ("I see.", "")
    assert '"a red mug"' in users_words(completions(model)[1])[1]


async def test_while_the_bus_is_away_nothing_stale_is_shown_and_on_its_return_it_sees_again(
    nats: Server, bus: Bus, model: OpenAIServer
) -> None:
    async with TextSession(bus, "demo", talking_to(model)) as session:
        eyes = session.agent.eyes
        assert eyes is not None
        await seen(session, bus, now_shows(bus, "a red mug", 1))
        await nats.kill()
        await _lost(bus)
        eyes.context.max_age = 0.0  # as if a long time passed
        blind = await session.ask("What do I hold?")
        await nats.start()
        await stored(bus, now_shows(bus, "a blue plate", 2))
        await until(eyes, lambda: eyes.context.describes(frame(2)))
        eyes.context.max_age = 15.0
        sighted = await session.ask("And now?")
    assert (blind.reply, blind.error, blind.shown) == ("I see.", "", ())
    assert blind.blind != ""
    assert "a red mug" not in completions(model)[0].text
    assert [shown.text for shown in sighted.shown] == ["a blue plate"]
    assert sighted.blind == ""


async def _lost(bus: Bus) -> None:
    """Wait until the bus knows that it is away."""
    async with asyncio.timeout(20):
        while bus.ready:
            await bus.changes.after(bus.changes.version)


async def _next_completion(model: OpenAIServer, number: int) -> None:
    async with asyncio.timeout(20):
        while len(completions(model)) < number:
            await model.requested(len(model.requests) + 1)


async def _next(take: Callable[[], Awaitable[T | None]]) -> T:
    """The next of a queue; one take waits a second, at most."""
    async with asyncio.timeout(20):
        while (taken := await take()) is None:
            pass
    return taken
