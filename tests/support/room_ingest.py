"""Room ingest under test: in this process or as one of its own, and what it publishes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from pydantic import SecretStr

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.changes import Changes
from sightline.config import LiveKitSettings
from sightline.health import Health
from sightline.messages import Frame, RoomWanted, TrackEnded
from sightline.stages import StageEntry, announce
from sightline.worker import StageWants
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.serve import IngestSettings, ingest
from sightline_ingest.settings import SamplingSettings
from support.livekit_publisher import LiveKit
from support.scenes import shows

Seen = Frame | TrackEnded
S = TypeVar("S", Frame, TrackEnded)

WAIT_SECONDS = 30.0


class Watch:
    """Everything that is published of a room's tracks, in order."""

    def __init__(self, bus: Bus, room: str) -> None:
        self._bus = bus
        self._subject = subjects.room_frames(room)
        self._changes = Changes()
        self.seen: list[Seen] = []

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    @property
    def frames(self) -> list[Frame]:
        return [each for each in self.seen if isinstance(each, Frame)]

    async def until(self, what: str, found: Callable[[list[Seen]], S | None]) -> S:
        """The first that ``found`` finds among all there are, now or later."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    version = self._changes.version
                    if (result := found(self.seen)) is not None:
                        return result
                    await self._changes.after(version)
        except TimeoutError:
            came = [(type(each).__name__, each.track.participant, each.sequence) for each in self.seen]
            raise AssertionError(f"no {what} within {WAIT_SECONDS:g} s; there were {came[-20:]}") from None

    async def frame(self, since: int = 0, **fields: Any) -> Frame:
        """The first frame after ``since`` messages with these fields (``participant``, ``track``,
        ``trigger``, ``colour``)."""
        return await self.until(
            f"frame with {fields}",
            lambda seen: next((each for each in seen[since:] if _matches(each, fields)), None),
        )

    async def ended(self, track: str, since: int = 0) -> TrackEnded:
        """The end of a track."""
        return await self.until(
            f"end of {track}",
            lambda seen: next(
                (each for each in seen[since:] if isinstance(each, TrackEnded) and each.track.id == track),
                None,
            ),
        )

    async def _read(self) -> None:
        types: tuple[type[Frame], type[TrackEnded]] = (Frame, TrackEnded)
        async for received in self._bus.feed(topology.FRAMES, self._subject, types, history="all"):
            self.seen.append(received.message)
            self._changes.tell()


def _matches(each: Seen, fields: dict[str, Any]) -> bool:
    if not isinstance(each, Frame):
        return False
    checks: dict[str, Callable[[Any], bool]] = {
        "participant": lambda value: each.track.participant == value,
        "track": lambda value: each.track.id == value,
        "trigger": lambda value: each.trigger is value,
        "colour": lambda value: shows(each.pixels, value),
    }
    return all(checks[name](value) for name, value in fields.items())


@asynccontextmanager
async def stage(bus: Bus, name: str = "looker", **wants: Any) -> AsyncIterator[None]:
    """A stage that wants frames, for as long as the block runs."""
    announcing = asyncio.create_task(announce(bus, StageEntry(stage=name, wants=StageWants(**wants))))
    try:
        yield
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)


def settings_for(livekit: LiveKit, **given: Any) -> IngestSettings:
    """Settings for a test server; ``given`` are those of RoomSettings or SamplingSettings."""
    rooms = {name: value for name, value in given.items() if name in RoomSettings.model_fields}
    sampling = {name: value for name, value in given.items() if name in SamplingSettings.model_fields}
    assert len(rooms) + len(sampling) == len(given), f"no such settings among {given}"
    secret = SecretStr(livekit.api_secret)
    return IngestSettings(
        LiveKitSettings(url=livekit.url, api_key=livekit.api_key, api_secret=secret),
        RoomSettings(**rooms),
        SamplingSettings(**sampling),
    )


class Ingest:
    """A replica in this process."""

    def __init__(self, bus: Bus, livekit: LiveKit, **given: Any) -> None:
        self.health = Health(bus)
        self._stopping = asyncio.Event()
        self._bus = bus
        self._settings = settings_for(livekit, **given)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(ingest(self._bus, self.health, self._stopping, self._settings))
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """As at a SIGTERM."""
        self._stopping.set()
        await self._task


class IngestProcess:
    """A replica as its own process, to be killed and frozen."""

    def __init__(self, nats_url: str, livekit: LiveKit, **environment: str) -> None:
        self._environment = {
            **os.environ,
            "NATS_URL": nats_url,
            "LIVEKIT_URL": livekit.url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
            "SIGHTLINE_LOG_FORMAT": "json",
            "SIGHTLINE_LOG_LEVEL": "debug",
            "SIGHTLINE_HTTP_PORT": "-1",
            **environment,
        }
        self.log: list[str] = []
        self._changes = Changes()

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sightline_ingest", env=self._environment, stderr=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read())
        await self.says("ready_for_rooms")
        return self

    async def __aexit__(self, *_error: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def says(self, event: str) -> str:
        """The first line of its log with this event, now or later."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    version = self._changes.version
                    if line := next((line for line in self.log if f'"{event}"' in line), None):
                        return line
                    await self._changes.after(version)
        except TimeoutError:
            raise AssertionError(f"no {event} in its log:\n" + "".join(self.log[-30:])) from None

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode())
            self._changes.tell()


async def want(bus: Bus, room: str) -> bool:
    """Announce a room, as an agent does. False: it is announced already."""
    return await bus.offer(RoomWanted(room=room, requested_by="test"))
