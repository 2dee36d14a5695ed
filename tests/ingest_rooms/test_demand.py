"""How much of a track is received: as much as somebody wants, judged by what LiveKit sends us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from livekit import rtc
from prometheus_client import REGISTRY

from sightline.bus import Bus
from sightline.errors import BusError
from sightline.health import Health
from sightline.messages import CaptureReply, CaptureRequest, Speaking, Trigger
from sightline_ingest.joining import joined
from sightline_ingest.livekit_server import LiveKitServer as LiveKit
from sightline_ingest.picture import Picture
from sightline_ingest.sampler import Demand
from sightline_ingest.subscription import Subscription
from sightline_ingest.track import Mode, Plan, plan
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.room_ingest import Ingest, Watch, settings_for, stage, want
from support.scenes import BLUE, GREEN, RED, scene, shows

LOW, MEDIUM, HIGH = (
    rtc.VideoQuality.VIDEO_QUALITY_LOW,
    rtc.VideoQuality.VIDEO_QUALITY_MEDIUM,
    rtc.VideoQuality.VIDEO_QUALITY_HIGH,
)


@pytest.mark.parametrize(
    ("interval", "wanted", "width", "simulcasted", "planned"),
    [
        (None, 1280, 1280, True, Plan(Mode.OFF)),
        (None, 1280, 1280, False, Plan(Mode.OFF)),
        (0.0, 1280, 1280, False, Plan(Mode.WATCH)),
        (1.0, 640, 1280, False, Plan(Mode.WATCH)),
        (3.0, 640, 1280, False, Plan(Mode.PEEK)),
        (3.0, 320, 1280, True, Plan(Mode.WATCH, LOW)),
        (3.0, 640, 1280, True, Plan(Mode.WATCH, MEDIUM)),
        (1.0, 640, 1280, True, Plan(Mode.WATCH, MEDIUM)),
        (1.0, 641, 1280, True, Plan(Mode.WATCH, HIGH)),
        (3.0, 1280, 1280, True, Plan(Mode.PEEK, HIGH)),
        (1.0, 640, 0, True, Plan(Mode.WATCH, HIGH)),
    ],
)
def test_a_demand_is_met_at_the_least_cost(
    interval: float | None, wanted: int, width: int, simulcasted: bool, planned: Plan
) -> None:
    assert plan(Demand(interval, wanted), width, simulcasted) == planned


@pytest.mark.parametrize(
    ("interval", "wanted", "planned"),
    [
        (1.0, 1024, Plan(Mode.WATCH, MEDIUM)),
        (0.0, 1024, Plan(Mode.WATCH, MEDIUM)),
        (1.0, 1280, Plan(Mode.WATCH, HIGH)),
        (1.0, 500, Plan(Mode.WATCH, LOW)),
        (3.0, 1024, Plan(Mode.PEEK, HIGH)),
        (3.0, 640, Plan(Mode.WATCH, MEDIUM)),
    ],
)
def test_while_somebody_speaks_a_layer_that_is_almost_wide_enough_will_do(
    interval: float, wanted: int, planned: Plan
) -> None:
    assert plan(Demand(interval, wanted), 1280, True, layer_share=0.6) == planned


async def test_with_no_stage_nothing_is_subscribed_to_and_the_asker_learns_why(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    before = subscriptions()
    async with Ingest(bus, livekit), Watch(bus, room) as watch, Publisher(livekit, room) as alice:
        await alice.camera()
        await want(bus, room)
        reply = await captured(bus, room)
        assert "no stage runs" in reply.error
        assert subscriptions() == before
        async with stage(bus):
            await watch.frame(trigger=Trigger.INITIAL)
        assert subscriptions() == before + 1


async def test_a_full_size_track_is_subscribed_to_once_and_paused_between_its_pictures(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    before = subscriptions()
    async with (
        stage(bus),
        Ingest(bus, livekit, idle_interval=2.0),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        await alice.camera()
        await want(bus, room)
        first = await watch.frame()
        third = await watch.until("third frame", lambda _: watch.frames[2] if len(watch.frames) > 2 else None)
        assert third.trigger is Trigger.TIMER
        assert third.unchanged_since == first.sequence
        assert subscriptions() == before + 1


async def test_a_capture_request_is_answered_with_the_frame_of_what_is_shown_now(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit, idle_interval=30.0),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera()
        camera.show(scene(RED, "before"))
        await want(bus, room)
        await watch.frame(colour=RED)
        camera.show(scene(GREEN, "now"))
        reply = await captured(bus, room)
        assert not reply.error
        (info,) = reply.frames
        assert info.trigger is Trigger.USER_REQUEST
        frame = await watch.frame(trigger=Trigger.USER_REQUEST)
        assert frame.id == info.id
        assert shows(frame.pixels, GREEN)


async def test_the_agents_word_that_somebody_speaks_raises_the_rate(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit, idle_interval=30.0),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        await alice.camera()
        await want(bus, room)
        first = await watch.frame()
        await bus.send(Speaking(room=room, participant="alice", speaking=True))
        assert (await next_timer(watch) - first.captured_at).total_seconds() < 15, "well before its time"


@pytest.mark.parametrize("max_width", [160, 1280], ids=["watched", "paused"])
async def test_a_speaker_whom_livekit_hears_is_sampled_faster(
    bus: Bus, livekit: LiveKitServer, room: str, max_width: int
) -> None:
    async with (
        stage(bus, max_width=max_width),
        Ingest(bus, livekit, idle_interval=30.0),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        # A small layer is watched all the time, a large one paused: both are subscribed to.
        await alice.camera(simulcast=True)
        await want(bus, room)
        first = await watch.frame()
        await alice.speak()
        assert (await next_timer(watch) - first.captured_at).total_seconds() < 15, "well before its time"


async def test_a_change_of_scene_is_seen_in_a_track_that_is_watched(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus, max_width=160),
        Ingest(bus, livekit, idle_interval=30.0),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera(simulcast=True)
        camera.show(scene(RED, "one"))
        await want(bus, room)
        await watch.frame(colour=RED)
        camera.show(scene(BLUE, "two"))
        await watch.frame(colour=BLUE, trigger=Trigger.SCENE_CHANGE)


async def test_the_simulcast_layer_that_is_asked_for_is_received(livekit: LiveKitServer, room: str) -> None:
    async with Publisher(livekit, room) as alice:
        await alice.camera(simulcast=True, size=(1280, 720))
        async with subscription_to(livekit, room) as (subscription, shown):
            assert subscription.publication.width == 1280
            subscription.open(LOW)
            while (await shown.get()).width != 320:
                pass  # the first ones may be of any layer
            await subscription.close()
            assert not subscription.live
    assert streams() == 0


async def test_a_subscription_that_is_withdrawn_at_any_moment_can_be_had_again(
    livekit: LiveKitServer, room: str
) -> None:
    async with Publisher(livekit, room) as alice:
        await alice.camera()
        async with subscription_to(livekit, room) as (subscription, shown):
            for milliseconds in (0, 20, 50, 100, 200):
                subscription.open(None)
                await asyncio.sleep(milliseconds / 1000)
                await subscription.close()
                forget(shown)
                subscription.open(None)
                await shown.get()
                await subscription.pause()
                await subscription.close()
    assert streams() == 0


async def test_what_is_paused_is_sent_nothing_until_it_goes_on(livekit: LiveKitServer, room: str) -> None:
    async with Publisher(livekit, room) as alice:
        await alice.camera()
        async with (
            subscription_to(livekit, room) as (subscription, shown),
            subscription_to(livekit, room, "other eye") as (other, shown_to_other),
        ):
            other.open(None)
            for _ in range(3):
                subscription.open(None)
                await shown.get()
                await subscription.pause()
                # What was under way as it was paused has come when the other one has these.
                await several(shown_to_other)
                forget(shown)
                await several(shown_to_other)
                assert shown.empty()
                assert subscription.live


async def test_a_track_that_goes_on_shows_no_picture_that_the_pause_made_black(
    livekit: LiveKitServer, room: str
) -> None:
    async with Publisher(livekit, room) as alice:
        await alice.camera()
        async with subscription_to(livekit, room) as (subscription, shown):
            for _ in range(40):
                subscription.open(None)
                assert (await shown.get()).y.max() > 0
                await subscription.pause()
                forget(shown)


def forget(shown: asyncio.Queue[Picture]) -> None:
    while not shown.empty():
        shown.get_nowait()


async def several(shown: asyncio.Queue[Picture]) -> None:
    """Wait for ten more."""
    forget(shown)
    for _ in range(10):
        await shown.get()


@asynccontextmanager
async def subscription_to(
    livekit: LiveKitServer, room: str, identity: str = "eye"
) -> AsyncIterator[tuple[Subscription, asyncio.Queue[Picture]]]:
    """A subscription to the only track of a room, and the pictures that come of it."""
    settings = settings_for(livekit).livekit
    eye, shown = rtc.Room(), asyncio.Queue[Picture]()
    published = asyncio.Queue[rtc.RemoteTrackPublication]()
    eye.on("track_published", lambda publication: published.put_nowait(publication))
    async with LiveKit(settings, Health(), identity) as server, joined(eye, server, room, timeout=10):
        for alice in eye.remote_participants.values():
            for there_already in alice.track_publications.values():
                published.put_nowait(there_already)
        publication = await published.get()
        subscription = Subscription(publication, shown.put_nowait, lambda: datetime.now(UTC))
        eye.on("track_subscribed", subscription.arrived)
        eye.on("track_unsubscribed", subscription.gone)
        yield subscription, shown


async def captured(bus: Bus, room: str) -> CaptureReply:
    """Ask for a frame of alice, as soon as anybody serves that."""
    request = CaptureRequest(room=room, participant="alice", reason="test", deadline=10)
    while True:
        try:
            return await bus.request(request.subject, request, CaptureReply, timeout=15)
        except BusError:
            continue


async def next_timer(watch: Watch) -> datetime:
    return (await watch.frame(trigger=Trigger.TIMER)).captured_at


def subscriptions() -> float:
    return REGISTRY.get_sample_value("sightline_ingest_subscriptions_total") or 0


def streams() -> float:
    return REGISTRY.get_sample_value("sightline_ingest_streams") or 0
