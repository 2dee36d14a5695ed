"""The credentials: who they are for, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sightline import subjects
from sightline.cli.nats_config import rights
from sightline.cli.nats_config.rights import (
    FINDS,
    VERIFIES,
    Rights,
    changes,
    creates,
    forgets,
    gets,
    hears,
    is_found_as,
    looks_at,
    measures,
    prepares,
    publishes,
    pulls,
    reads,
    serves,
    together,
    works,
)
from sightline.topology import CAPTIONS, DEAD, FRAMES, IMAGES, ROOM_QUEUE, ROOMS, STAGES, STREAMS, WORK


@dataclass(frozen=True, slots=True)
class Service:
    """One credential: all replicas of a service share it.

    Attributes:
        name: Of its files, and of its inbox.
        purpose: Who uses it, in a few words.
        creates_streams: Whether it makes streams that are missing; the others wait for them.
    """

    name: str
    purpose: str
    rights: Rights
    creates_streams: bool = False

    @property
    def inbox(self) -> str:
        """Prefix of the subjects on which it, and nobody else, receives answers."""
        return f"_INBOX_{self.name}"

    @property
    def allowed(self) -> Rights:
        """Its rights, with what every service needs."""
        return self.rights | VERIFIES | hears(f"{self.inbox}.>")


def stage(name: str, purpose: str, *results: str) -> Service:
    """A stage of vision workers.

    Args:
        results: Subjects of what its workers find.
    """
    captions = rights.captions(name)
    may = together(
        works(name),
        gets(FRAMES, rights.FRAMES),
        gets(CAPTIONS, captions),
        publishes(*results, subjects.stage_key(name)),
        is_found_as(name),
        serves(subjects.ask(name), subjects.status(name)),
    )
    return Service(name, purpose, may)


def worker(name: str) -> Service:
    """A stage that is not one of the built-in ones: captions, and images like the encoder's."""
    return stage(name, f"worker of stage {name}", rights.captions(name), rights.IMAGES)


_WATCHES = together(
    reads(FRAMES, CAPTIONS, IMAGES),
    gets(IMAGES, rights.IMAGES),
    publishes(rights.ROOMS, rights.CAPTURE, rights.SPEAKING, rights.QUESTIONS, rights.TURNS),
)
"""What an agent does: ask for eyes, follow what they see, ask about it, record its turns."""

_SHOWS = together(
    reads(STAGES),
    gets(FRAMES, rights.FRAMES),
    gets(CAPTIONS, rights.captions()),
    publishes(rights.FRAMES, *rights.tickets()),
    serves(rights.CAPTURE, rights.SPEAKING),
)
"""What a source of frames does: see who wants them, publish them with their tickets, capture on request."""

INGEST = Service(
    "room-ingest",
    "samples rooms",
    together(_SHOWS, reads(FRAMES), pulls(ROOM_QUEUE), publishes(rights.ROOMS), creates(*STREAMS)),
    creates_streams=True,
)
CAPTIONER = stage("captioner", "describes frames", rights.captions("captioner"))
ENCODER = stage("encoder", "re-encodes frames", rights.IMAGES)
AGENT = Service(
    # It publishes the pictures that users upload as frames, to have them described.
    "agent",
    "agents, and `sightline chat`",
    _WATCHES | publishes(rights.FRAMES),
)
GATEWAY = Service(
    "gateway",
    "WebSocket clients: a source of frames and an agent in one",
    together(_SHOWS, _WATCHES, creates(*STREAMS)),
    creates_streams=True,
)
MONITOR = Service(
    "monitor",
    "dashboards and autoscalers; sees no content",
    together(
        looks_at(*STREAMS),
        measures(*STREAMS),
        publishes("$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES"),
        FINDS,
    ),
)


def admin(stages: Iterable[str]) -> Service:
    """Who looks after a system with these stages: everything that the ``sightline`` command does."""
    may = together(
        _WATCHES,
        reads(STAGES, DEAD),
        gets(FRAMES, rights.FRAMES),
        gets(CAPTIONS, rights.captions()),
        gets(DEAD, rights.dead_letters()),
        forgets(DEAD),
        publishes("$JS.API.INFO", *rights.tickets()),
        measures(WORK, ROOMS),
        creates(*STREAMS),
        changes(*STREAMS),
        prepares(*stages),
        FINDS,
    )
    return Service("admin", "the `sightline` command of whoever runs the system", may, creates_streams=True)


def services(workers: Iterable[str] = ()) -> tuple[Service, ...]:
    """Every credential of a system with these stages besides the built-in ones."""
    own = tuple(worker(name) for name in workers)
    stages = [service.name for service in (CAPTIONER, ENCODER, *own)]
    return (INGEST, CAPTIONER, ENCODER, AGENT, GATEWAY, admin(stages), MONITOR, *own)
