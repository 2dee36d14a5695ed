"""The sessions of this gateway: who has which, who may take one up again, and when each ends."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sightline.errors import SightlineError
from sightline_gateway import metrics
from sightline_gateway.serving.limits import Flow, group_of
from sightline_gateway.serving.seat import Client, Seat
from sightline_gateway.session import VideoSession
from sightline_gateway.settings import GatewaySettings

MakeSession = Callable[[str, str], VideoSession]
"""Session id, participant -> a session that is not started."""


class TakenError(SightlineError):
    """The session is somebody else's."""


class FullError(SightlineError):
    """There is no room for one more session."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Claim:
    """Which session a client wants, and what it has to show for it.

    Attributes:
        own_key: The resume key of the session, if it is a new one.
        key: What the client shows to take one up again.
        proven: A token allows this session.
    """

    session_id: str
    participant: str
    address: str
    own_key: str
    key: str = ""
    proven: bool = False


def offered() -> tuple[str, str]:
    """An id and a resume key for a session that nobody has."""
    return f"vs_{secrets.token_urlsafe(16)}", secrets.token_urlsafe(24)


class Registry:
    """Sessions by id. Each has one client, or waits for it to come back."""

    def __init__(self, make: MakeSession, settings: GatewaySettings) -> None:
        self._make, self._settings = make, settings
        self._seats: dict[str, Seat] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Seat]:
        return iter(tuple(self._seats.values()))

    def __len__(self) -> int:
        return len(self._seats)

    async def take(self, claim: Claim, client: Client, flow: Flow) -> tuple[Seat, bool]:
        """Give a client its session: a new one, or the one that it had. Who has it now loses it.

        Args:
            flow: What the client may send, where the session is new.

        Returns:
            The session, started; and whether it went on before.

        Raises:
            TakenError: There is such a session, and the claim does not show that it is the client's.
            FullError: No session can be added.
        """
        while (seat := self._seats.get(claim.session_id)) is not None and seat.over:
            await seat.ended.wait()
        resumed = seat is not None
        if seat is None:
            seat = self._add(claim, flow)
        elif not _allowed(claim, seat):
            raise TakenError(
                f"the session {claim.session_id!r} is not this client's: resume it with its resumeKey, or a "
                "token for it, or choose another id"
            )
        self._keep(seat)
        seat.seat(client)
        try:
            await seat.started()
        except BaseException:
            if seat.client is client:
                self._end(seat)
            raise
        return seat, resumed

    def leave(self, seat: Seat, client: Client, for_good: bool) -> None:
        """A client's connection is over. The session waits for it to come back, unless it is for good."""
        if seat.client is not client or seat.over:
            return
        seat.vacate()
        if for_good or self._settings.resume_seconds <= 0:
            self._end(seat)
            return
        loop = asyncio.get_running_loop()
        self._timers[seat.session_id] = loop.call_later(self._settings.resume_seconds, self._end, seat)

    async def aclose(self) -> None:
        """End all sessions. Never raises."""
        for seat in self:
            self._end(seat)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _add(self, claim: Claim, flow: Flow) -> Seat:
        self._make_room(group_of(claim.address))
        session = self._make(claim.session_id, claim.participant)
        seat = Seat(session, claim.own_key, claim.participant, group_of(claim.address), flow)
        self._seats[claim.session_id] = seat
        metrics.SESSIONS.set(len(self._seats))
        return seat

    def _make_room(self, group: str) -> None:
        """Where it is full, the session that has waited longest for its client ends."""
        settings = self._settings
        going_on = [seat for seat in self if not seat.over]
        ours = [seat for seat in going_on if group and seat.group == group]
        for seats, most in ((ours, settings.max_sessions_per_address), (going_on, settings.max_sessions)):
            if len(seats) < most:
                continue
            waiting = [seat for seat in seats if seat.client is None]
            if not waiting:
                raise FullError("there are too many sessions: end one, or try again later")
            self._end(min(waiting, key=lambda seat: seat.left_at))

    def _keep(self, seat: Seat) -> None:
        if timer := self._timers.pop(seat.session_id, None):
            timer.cancel()

    def _end(self, seat: Seat) -> None:
        if seat.over:
            return
        seat.over = True
        self._keep(seat)
        task = asyncio.create_task(self._ended(seat))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _ended(self, seat: Seat) -> None:
        try:
            await seat.aclose()
        finally:
            del self._seats[seat.session_id]
            metrics.SESSIONS.set(len(self._seats))
            seat.ended.set()


def _allowed(claim: Claim, seat: Seat) -> bool:
    if claim.proven:
        return claim.participant == seat.participant
    return bool(claim.key) and hmac.compare_digest(claim.key.encode(), seat.key.encode())
