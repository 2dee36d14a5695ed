"""The streams, as data. Why each setting is what it is stands beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from sightline.messages import Lane
from sightline.subjects import ROOT, lane_work

ACK_WAIT = 5.0
"""Seconds without a sign of life after which a ticket or a room goes to another replica."""

STAGE_TTL = 10.0
"""Seconds after which a stage whose replicas are all gone is forgotten."""

MiB = 1024 * 1024

READERS = 100_000
"""Consumers of a stream that is followed room by room. Without a word of it nats-server 2.15 takes 1,000,
and an agent in one more room would see nothing."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream. Times in seconds, sizes in bytes; -1 is no limit."""

    name: str
    subjects: tuple[str, ...]
    storage: Literal["file", "memory"]
    retention: Literal["limits", "workqueue"] = "limits"
    discard: Literal["old", "new"] = "old"
    max_msgs_per_subject: int = -1
    discard_new_per_subject: bool = False
    max_age: float = 0
    max_bytes: int = -1
    max_msg_size: int = -1
    duplicate_window: float = 120
    allow_direct: bool = True
    allow_rollup_hdrs: bool = False
    deny_delete: bool = False
    num_replicas: int = 1
    max_consumers: int = 1000


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable pull consumer that shares a work queue among replicas."""

    stream: str
    name: str
    filter_subject: str
    ack_wait: float = ACK_WAIT
    max_ack_pending: int = 1000
    # Unlimited: a message that ran out of deliveries would block its slot until max_age. The runner
    # counts, and gives up, by itself.
    max_deliver: int = field(default=-1, init=False)


FRAMES = Stream(
    "SIGHTLINE_FRAMES",
    (f"{ROOT}.frames.>",),
    "memory",
    max_msgs_per_subject=1,
    max_age=60,
    max_bytes=512 * MiB,
    max_msg_size=1 * MiB,
    duplicate_window=60,
    max_consumers=READERS,
)
WORK = Stream(
    "SIGHTLINE_WORK",
    (f"{ROOT}.work.>",),
    "memory",
    retention="workqueue",
    # A ticket keeps its place in the queue: the newer one is refused, not the older one dropped.
    discard="new",
    max_msgs_per_subject=1,
    discard_new_per_subject=True,
    max_age=30,
    max_bytes=64 * MiB,
    duplicate_window=30,
)
CAPTIONS = Stream(
    "SIGHTLINE_CAPTIONS",
    (f"{ROOT}.captions.>",),
    "file",
    max_msgs_per_subject=64,
    max_age=3600,
    max_bytes=1024 * MiB,
    max_msg_size=1 * MiB,
    max_consumers=READERS,
)
IMAGES = Stream(
    "SIGHTLINE_IMAGES",
    (f"{ROOT}.images.>",),
    "memory",
    max_msgs_per_subject=1,
    max_age=60,
    max_bytes=512 * MiB,
    max_msg_size=1 * MiB,
    duplicate_window=60,
    max_consumers=READERS,
)
DEAD = Stream(
    "SIGHTLINE_DEAD",
    (f"{ROOT}.dead.>",),
    "file",
    max_age=7 * 86400,
    max_bytes=128 * MiB,
    max_msgs_per_subject=100,
)
ROOMS = Stream(
    "SIGHTLINE_ROOMS",
    (f"{ROOT}.rooms.>",),
    "file",
    retention="workqueue",
    discard="new",
    max_msgs_per_subject=1,
    discard_new_per_subject=True,
    max_bytes=64 * MiB,
)
STAGES = Stream(
    # The stream behind the key-value bucket `sightline_stages`, readable with `nats kv`.
    "KV_sightline_stages",
    ("$KV.sightline_stages.>",),
    "memory",
    discard="new",
    max_msgs_per_subject=1,
    max_age=STAGE_TTL,
    duplicate_window=STAGE_TTL,
    max_bytes=1 * MiB,
    allow_rollup_hdrs=True,
    deny_delete=True,
)

STREAMS = (FRAMES, WORK, CAPTIONS, IMAGES, DEAD, ROOMS, STAGES)

ROOM_QUEUE = Queue(ROOMS.name, "room-ingest", f"{ROOT}.rooms.>", max_ack_pending=20_000)


def lane_queue(stage: str, lane: Lane) -> Queue:
    return Queue(WORK.name, f"{stage}-{lane.value}", lane_work(stage, lane))


def stream_of(subject: str) -> Stream:
    """The stream that holds a subject."""
    for stream in STREAMS:
        if any(subject.startswith(owned.removesuffix(">")) for owned in stream.subjects):
            return stream
    raise ValueError(f"no stream holds {subject}")


def streams(replicas: int = 1) -> tuple[Stream, ...]:
    """The streams as they should exist.

    Args:
        replicas: Copies of each stream; 3 on a cluster that must survive the loss of a server.
    """
    return tuple(replace(stream, num_replicas=replicas) for stream in STREAMS)
