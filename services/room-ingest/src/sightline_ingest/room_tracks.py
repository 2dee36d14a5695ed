"""The tracks of one room that are sampled, kept in line with what its participants publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from livekit import rtc
from prometheus_client import Gauge
from pydantic import ValidationError

from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Source, Track
from sightline.sampling.control import Control
from sightline_ingest.leftovers import Leftovers
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.sampler import TrackSampler
from sightline_ingest.subscription import Subscription
from sightline_ingest.track import TrackSession

log = get_logger()

TRACKS = Gauge("sightline_ingest_tracks", "Tracks that this replica samples.")
AVATAR = "lk.publish_on_behalf"
"""Attribute of participants that publish for another: an agent's avatar shows nothing of the user."""
RETRY_SECONDS = 2.0

_SOURCES = {
    rtc.TrackSource.SOURCE_CAMERA: Source.CAMERA,
    rtc.TrackSource.SOURCE_SCREENSHARE: Source.SCREEN,
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """What one room's tracks are sampled with.

    Attributes:
        sampler: Makes the sampler of a track.
        control: Serves captures and speaking of this room.
        leftovers: What an earlier replica left on the bus.
        now: The bus's clock.
    """

    sampler: Callable[[Track], TrackSampler]
    control: Control
    leftovers: Leftovers
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Running:
    session: TrackSession
    task: asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class _Published:
    identity: str
    publication: rtc.RemoteTrackPublication

    @property
    def is_visible(self) -> bool:
        return self.publication.kind == rtc.TrackKind.KIND_VIDEO and not self.publication.muted


class RoomTracks:
    """One session per video publication that is to be sampled now."""

    def __init__(self, room: str, settings: RoomSettings, sampling: Sampling) -> None:
        self._room = room
        self._settings = settings
        self._sampling = sampling
        self._running: dict[str, _Running] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._over_cap: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._running)

    async def end_leftovers(self, participants: Mapping[str, rtc.RemoteParticipant]) -> None:
        """End what is on the bus and not published, or muted: before the first ``reconcile``. Bounded."""
        await self._sampling.leftovers.end(self._wanted(participants))

    def reconcile(self, participants: Mapping[str, rtc.RemoteParticipant]) -> None:
        """Begin what is published and not sampled, end what is sampled and not published, or muted."""
        wanted = self._wanted(participants)
        for sid, running in list(self._running.items()):
            # After a reconnect the same track may have another publication object.
            if sid not in wanted or wanted[sid].publication is not running.session.publication:
                self._end(sid, over=True)
        for sid, each in wanted.items():
            if sid not in self._running:
                self._begin(each)

    def subscription(self, sid: str) -> Subscription | None:
        """The subscription of a publication that is sampled."""
        running = self._running.get(sid)
        return running.session.subscription if running else None

    async def close(self, over: bool) -> None:
        """End all. ``over``: say so on the bus; not when another replica goes on with the room."""
        for sid in list(self._running):
            self._end(sid, over)
        await asyncio.gather(*self._ending.values(), return_exceptions=True)

    def _wanted(self, participants: Mapping[str, rtc.RemoteParticipant]) -> dict[str, _Published]:
        chosen: list[_Published] = []
        over_cap: list[_Published] = []
        for identity, participant in participants.items():
            if AVATAR in participant.attributes:
                continue
            own = [_Published(identity, each) for each in participant.track_publications.values()]
            own = [each for each in own if each.is_visible]
            # Those that are sampled already come first: a further track replaces none.
            own.sort(key=lambda each: each.publication.sid not in self._running)
            left = max(0, self._settings.max_tracks_per_room - len(chosen))
            cap = min(self._settings.max_tracks_per_participant, left)
            chosen += own[:cap]
            over_cap += own[cap:]
        self._note_over_cap(frozenset(each.publication.sid for each in over_cap))
        return {each.publication.sid: each for each in chosen}

    def _note_over_cap(self, sids: frozenset[str]) -> None:
        if sids - self._over_cap:
            log.warning(
                "tracks_not_sampled",
                tracks=len(sids),
                reason="INGEST_MAX_TRACKS_PER_PARTICIPANT or INGEST_MAX_TRACKS_PER_ROOM is reached",
            )
        self._over_cap = sids

    def _begin(self, published: _Published) -> None:
        publication = published.publication
        source = _SOURCES.get(publication.source, Source.OTHER)
        try:
            track = Track(room=self._room, participant=published.identity, id=publication.sid, source=source)
        except ValidationError as error:
            log.warning("track_not_sampled", reason=str(error.errors(include_input=False)[0]["msg"]))
            return
        sampler = self._sampling.sampler(track)
        subscription = Subscription(publication, sampler.show, self._sampling.now)
        session = TrackSession(sampler, subscription, self._settings.layer_share)
        earlier = self._ending.get(publication.sid)
        self._running[publication.sid] = _Running(session, asyncio.create_task(self._run(session, earlier)))
        TRACKS.inc()
        log.debug("track_begins", source=source, width=publication.width, simulcast=publication.simulcasted)

    def _end(self, sid: str, over: bool) -> None:
        running = self._running.pop(sid)
        TRACKS.dec()
        ending = asyncio.create_task(self._stop(running, over))
        self._ending[sid] = ending
        ending.add_done_callback(lambda task: self._forget(sid, task))

    def _forget(self, sid: str, task: asyncio.Task[None]) -> None:
        if self._ending.get(sid) is task:
            del self._ending[sid]

    async def _run(self, session: TrackSession, earlier: asyncio.Task[None] | None) -> None:
        """One track, until cancelled. ``earlier`` ends the same track's session from before it was muted:
        the two share a sequence of frames."""
        if earlier is not None:
            await asyncio.wait({earlier})
        sampler, control = session.sampler, self._sampling.control
        while True:
            try:
                await control.add(sampler.track.participant, sampler)
                await session.run()
            except SightlineError as error:
                log.warning("track_not_served", reason=str(error))
            except Exception as error:
                # One track's trouble is not the others'.
                log.error("track_failed", exc_info=error)
            await control.remove(sampler.track.participant, sampler)
            await asyncio.sleep(RETRY_SECONDS)

    async def _stop(self, running: _Running, over: bool) -> None:
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
        sampler = running.session.sampler
        await self._sampling.control.remove(sampler.track.participant, sampler)
        if over:
            await sampler.end()
        log.debug("track_ends", source=sampler.track.source)
