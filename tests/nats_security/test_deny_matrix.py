"""Who may do what, each right tried with each credential: by those who must have it, and all the others."""

from __future__ import annotations

import pytest

from support.secured import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")

INGEST, CAPTIONER, ENCODER, AGENT = "room-ingest", "captioner", "encoder", "agent"
GATEWAY, ADMIN, MONITOR, PLATES = "gateway", "admin", "monitor", "plates"
ALL = {INGEST, CAPTIONER, ENCODER, AGENT, GATEWAY, ADMIN, MONITOR, PLATES}
SOURCES = {INGEST, GATEWAY}
WATCHERS = {AGENT, GATEWAY, ADMIN}
NOBODY: set[str] = set()

TRACK = "demo.alice.TR_1"
ROUTINE = "captioner-routine.sightline.work.captioner.routine.>"

MESSAGES = {
    f"sightline.frames.{TRACK}": SOURCES | {AGENT},
    f"sightline.captions.{TRACK}.captioner": {CAPTIONER},
    f"sightline.captions.{TRACK}.plates": {PLATES},
    f"sightline.captions.{TRACK}.encoder": NOBODY,
    f"sightline.images.{TRACK}.agent": {ENCODER, PLATES},
    f"sightline.work.captioner.routine.{TRACK}": SOURCES | {CAPTIONER, ADMIN},
    f"sightline.work.plates.urgent.{TRACK}": SOURCES | {PLATES, ADMIN},
    f"sightline.dead.captioner.{TRACK}": {CAPTIONER},
    f"sightline.dead.encoder.{TRACK}": {ENCODER},
    "sightline.rooms.demo": WATCHERS | {INGEST},
    "sightline.control.demo.alice.capture": WATCHERS,
    "sightline.control.demo.alice.speaking": WATCHERS,
    "sightline.ask.captioner": WATCHERS,
    "sightline.turns.demo": WATCHERS,
    "$KV.sightline_stages.captioner": {CAPTIONER},
    "$KV.sightline_stages.plates": {PLATES},
    "$SRV.STATS": {ADMIN, MONITOR},
    "_INBOX_agent.answer": NOBODY,
    "_INBOX.answer": NOBODY,
    "sightline.anything.else": NOBODY,
}
STREAMS = {
    "STREAM.INFO.SIGHTLINE_FRAMES": ALL,
    "STREAM.INFO.KV_sightline_stages": ALL,
    "STREAM.CREATE.SIGHTLINE_FRAMES": SOURCES | {ADMIN},
    "STREAM.CREATE.ANOTHER": NOBODY,
    "STREAM.UPDATE.SIGHTLINE_FRAMES": {ADMIN},
    "STREAM.DELETE.SIGHTLINE_FRAMES": NOBODY,
    "STREAM.DELETE.SIGHTLINE_CAPTIONS": NOBODY,
    "STREAM.PURGE.SIGHTLINE_CAPTIONS": NOBODY,
    "STREAM.PURGE.SIGHTLINE_WORK": NOBODY,
    "STREAM.MSG.DELETE.SIGHTLINE_CAPTIONS": NOBODY,
    "STREAM.MSG.DELETE.SIGHTLINE_DEAD": {ADMIN},
    "STREAM.DELETE.SIGHTLINE_DEAD": NOBODY,
    "STREAM.PURGE.SIGHTLINE_DEAD": NOBODY,
    "STREAM.MSG.GET.SIGHTLINE_CAPTIONS": NOBODY,
    "STREAM.SNAPSHOT.SIGHTLINE_CAPTIONS": NOBODY,
    "STREAM.RESTORE.SIGHTLINE_CAPTIONS": NOBODY,
    "STREAM.LEADER.STEPDOWN.SIGHTLINE_FRAMES": NOBODY,
    "STREAM.LIST": {MONITOR},
    "ACCOUNT.PURGE.SIGHTLINE": NOBODY,
    "INFO": {ADMIN, MONITOR},
}
WORK = {
    f"CONSUMER.CREATE.SIGHTLINE_WORK.{ROUTINE}": {CAPTIONER, ADMIN},
    "CONSUMER.CREATE.SIGHTLINE_WORK.plates-urgent.sightline.work.plates.urgent.>": {PLATES, ADMIN},
    "CONSUMER.CREATE.SIGHTLINE_ROOMS.room-ingest.sightline.rooms.>": {INGEST, ADMIN},
    "CONSUMER.CREATE.SIGHTLINE_WORK.spy.sightline.work.captioner.routine.>": NOBODY,
    "CONSUMER.CREATE.SIGHTLINE_WORK": NOBODY,
    "CONSUMER.DURABLE.CREATE.SIGHTLINE_WORK.spy": NOBODY,
    "CONSUMER.MSG.NEXT.SIGHTLINE_WORK.captioner-routine": {CAPTIONER},
    "CONSUMER.MSG.NEXT.SIGHTLINE_WORK.encoder-urgent": {ENCODER},
    "CONSUMER.MSG.NEXT.SIGHTLINE_WORK.plates-urgent": {PLATES},
    "CONSUMER.MSG.NEXT.SIGHTLINE_ROOMS.room-ingest": {INGEST},
    "CONSUMER.INFO.SIGHTLINE_WORK.captioner-routine": {CAPTIONER, ADMIN, MONITOR},
    "CONSUMER.LIST.SIGHTLINE_WORK": {ADMIN, MONITOR},
    "CONSUMER.DELETE.SIGHTLINE_WORK.captioner-routine": NOBODY,
    "CONSUMER.DELETE.SIGHTLINE_ROOMS.room-ingest": NOBODY,
    "CONSUMER.PAUSE.SIGHTLINE_WORK.captioner-routine": NOBODY,
}
READING = {
    "CONSUMER.CREATE.SIGHTLINE_FRAMES": WATCHERS | {INGEST},
    "CONSUMER.CREATE.SIGHTLINE_CAPTIONS": WATCHERS,
    "CONSUMER.CREATE.SIGHTLINE_IMAGES": WATCHERS,
    "CONSUMER.CREATE.SIGHTLINE_DEAD": {ADMIN},
    "CONSUMER.CREATE.SIGHTLINE_ROOMS": NOBODY,
    "CONSUMER.CREATE.KV_sightline_stages": SOURCES | {ADMIN},
    f"DIRECT.GET.SIGHTLINE_FRAMES.sightline.frames.{TRACK}": ALL - {AGENT, MONITOR},
    "DIRECT.GET.SIGHTLINE_FRAMES": NOBODY,
    f"DIRECT.GET.SIGHTLINE_CAPTIONS.sightline.captions.{TRACK}.captioner": SOURCES | {CAPTIONER, ADMIN},
    f"DIRECT.GET.SIGHTLINE_CAPTIONS.sightline.captions.{TRACK}.plates": SOURCES | {PLATES, ADMIN},
    f"DIRECT.GET.SIGHTLINE_IMAGES.sightline.images.{TRACK}.agent": WATCHERS,
    f"DIRECT.GET.SIGHTLINE_DEAD.sightline.dead.captioner.{TRACK}": {ADMIN},
}
ELSEWHERE = {
    "$JS.ACK.SIGHTLINE_WORK.captioner-routine.1.1.1.1.0": {CAPTIONER},
    "$JS.ACK.SIGHTLINE_ROOMS.room-ingest.1.1.1.1.0": {INGEST},
    "$SYS.REQ.SERVER.PING": NOBODY,
    "$SYS.REQ.SERVER.PING.CONNZ": NOBODY,
    "$SYS.REQ.USER.INFO": NOBODY,
}
PUBLISH = {
    **MESSAGES,
    **{f"$JS.API.{call}": who for part in (STREAMS, WORK, READING) for call, who in part.items()},
    **ELSEWHERE,
}
SUBSCRIBE = {
    ">": NOBODY,
    "sightline.>": NOBODY,
    "sightline.frames.>": NOBODY,
    "sightline.captions.>": NOBODY,
    "sightline.turns.>": NOBODY,
    "$JS.API.>": NOBODY,
    "$JS.ACK.>": NOBODY,
    "$KV.>": NOBODY,
    "$SYS.>": NOBODY,
    "$SYS.ACCOUNT.>": NOBODY,
    "_INBOX.>": NOBODY,
    "*.>": NOBODY,
    "sightline.control.*.*.capture": SOURCES,
    "sightline.control.*.*.speaking": SOURCES,
    "sightline.ask.captioner": {CAPTIONER},
    "sightline.ask.*": NOBODY,
    "sightline.status.plates": {PLATES},
    "$SRV.PING": {CAPTIONER, ENCODER, PLATES},
    "$SRV.PING.captioner": {CAPTIONER},
    **{f"_INBOX_{name}.>": {name} for name in sorted(ALL)},
}


async def test_every_credential_is_in_the_matrix(callers: list[Caller]) -> None:
    assert {caller.name for caller in callers} == ALL


@pytest.mark.parametrize("subject", PUBLISH)
async def test_exactly_those_may_publish_to(subject: str, callers: list[Caller]) -> None:
    assert {caller.name for caller in callers if await caller.may_publish(subject)} == PUBLISH[subject]


@pytest.mark.parametrize("subject", SUBSCRIBE)
async def test_exactly_those_may_subscribe_to(subject: str, callers: list[Caller]) -> None:
    assert {caller.name for caller in callers if await caller.may_subscribe(subject)} == SUBSCRIBE[subject]
