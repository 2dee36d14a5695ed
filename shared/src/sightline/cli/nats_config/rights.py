"""What a credential may do on the bus, in the words that the code of the bus uses.

Each function is one thing that a service does, and gives exactly the subjects for it. They are made by
``sightline.subjects`` and ``sightline.topology``, of names that stand for any: what a service publishes
and what it may publish cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from sightline import subjects
from sightline.messages import Lane, Track
from sightline.topology import ROOM_QUEUE, STREAMS, Queue, Stream, lane_queue

API = "$JS.API"

_ROOM, _PARTICIPANT, _TRACK, _PROFILE, _STAGE = "-room-", "-participant-", "-track-", "-profile-", "-stage-"
_ANY_TRACK = Track(room=_ROOM, participant=_PARTICIPANT, id=_TRACK)
_NAMES = frozenset({_ROOM, _PARTICIPANT, _TRACK, _PROFILE, _STAGE})


@dataclass(frozen=True, slots=True)
class Rights:
    """Subjects of NATS that a credential may publish to and subscribe to; everything else is denied.

    Attributes:
        answers: May also publish once to the reply subject of a request that it received.
    """

    publish: frozenset[str] = frozenset()
    subscribe: frozenset[str] = frozenset()
    answers: bool = False

    def __or__(self, other: Rights) -> Rights:
        return Rights(
            self.publish | other.publish, self.subscribe | other.subscribe, self.answers or other.answers
        )


def together(*rights: Rights) -> Rights:
    return reduce(Rights.__or__, rights, Rights())


def publishes(*to: str) -> Rights:
    return Rights(publish=frozenset(to))


def hears(*subjects_heard: str) -> Rights:
    return Rights(subscribe=frozenset(subjects_heard))


def serves(*subjects_served: str) -> Rights:
    """Receive requests, and answer them."""
    return Rights(subscribe=frozenset(subjects_served), answers=True)


def looks_at(*streams: Stream) -> Rights:
    """Ask how a stream is, not what it holds."""
    return publishes(*(f"{API}.STREAM.INFO.{stream.name}" for stream in streams))


def creates(*streams: Stream) -> Rights:
    """Make a stream that is missing. One that is there is not changed by that."""
    return publishes(*(f"{API}.STREAM.CREATE.{stream.name}" for stream in streams))


def changes(*streams: Stream) -> Rights:
    return publishes(*(f"{API}.STREAM.UPDATE.{stream.name}" for stream in streams))


def reads(*streams: Stream) -> Rights:
    """Read a stream as it grows: make a reader, keep up with it, remove it."""
    return publishes(
        *(f"{API}.CONSUMER.CREATE.{stream.name}" for stream in streams),
        *(f"{API}.CONSUMER.DELETE.{stream.name}.*" for stream in streams),
        *(f"$JS.FC.{stream.name}.>" for stream in streams),
    )


def gets(stream: Stream, subject: str) -> Rights:
    """Get the newest message of a subject."""
    return publishes(f"{API}.DIRECT.GET.{stream.name}.{subject}")


def pulls(queue: Queue) -> Rights:
    """Take work from a shared queue, and make the queue where it is missing."""
    of = f"{queue.stream}.{queue.name}"
    return _makes(queue) | publishes(
        f"{API}.CONSUMER.INFO.{of}", f"{API}.CONSUMER.MSG.NEXT.{of}", f"$JS.ACK.{of}.>"
    )


def prepares(*stages: str) -> Rights:
    """Make the queues of rooms and of these stages where they are missing, and take nothing from them."""
    queues = [lane_queue(stage, lane) for stage in stages for lane in Lane]
    return together(*map(_makes, [ROOM_QUEUE, *queues]))


def _makes(queue: Queue) -> Rights:
    return publishes(f"{API}.CONSUMER.CREATE.{queue.stream}.{queue.name}.{queue.filter_subject}")


def forgets(*streams: Stream) -> Rights:
    """Remove single messages."""
    return publishes(*(f"{API}.STREAM.MSG.DELETE.{stream.name}" for stream in streams))


def measures(*streams: Stream) -> Rights:
    """Ask how far those who pull from a stream are behind."""
    return publishes(
        *(f"{API}.CONSUMER.{call}.{stream.name}" for stream in streams for call in ("LIST", "NAMES")),
        *(f"{API}.CONSUMER.INFO.{stream.name}.*" for stream in streams),
    )


def is_found_as(stage: str) -> Rights:
    """Answer as a NATS micro service of this name."""
    asked = ("PING", "INFO", "STATS")
    return serves(
        *(f"$SRV.{verb}" for verb in asked),
        *(f"$SRV.{verb}.{stage}" for verb in asked),
        *(f"$SRV.{verb}.{stage}.*" for verb in asked),
    )


FINDS = publishes("$SRV.PING", "$SRV.INFO", "$SRV.STATS")
"""Ask which replicas of all stages there are."""

VERIFIES = looks_at(*STREAMS)


def _any(subject: str) -> str:
    """The subject, with a wildcard for each of the names that stand for any."""
    return ".".join("*" if token in _NAMES else token for token in subject.split("."))


FRAMES = _any(subjects.frame(_ANY_TRACK))
IMAGES = _any(subjects.image(_ANY_TRACK, _PROFILE))
ROOMS = _any(subjects.room(_ROOM))
CAPTURE = _any(subjects.capture(_ROOM, _PARTICIPANT))
SPEAKING = _any(subjects.speaking(_ROOM, _PARTICIPANT))
TURNS = _any(subjects.turns(_ROOM))
QUESTIONS = _any(subjects.ask(_STAGE))
ANY_STAGE = _STAGE
"""For the functions below: whatever the stage."""


def captions(stage: str = ANY_STAGE) -> str:
    return _any(subjects.caption(_ANY_TRACK, stage))


def tickets(stage: str = ANY_STAGE) -> tuple[str, ...]:
    """Of both lanes."""
    return tuple(_any(subjects.work(stage, lane, _ANY_TRACK)) for lane in Lane)


def dead_letters(stage: str = ANY_STAGE) -> str:
    return _any(subjects.dead(stage, subjects.work(stage, Lane.ROUTINE, _ANY_TRACK)))


def works(stage: str) -> Rights:
    """Pull the tickets of a stage, put them back, and give up on them."""
    lanes = together(*(pulls(lane_queue(stage, lane)) for lane in Lane))
    return lanes | publishes(*tickets(stage), dead_letters(stage))
