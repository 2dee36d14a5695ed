"""``room-ingest --source``: one file, camera or stream as a participant's track, without LiveKit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline.config import load
from sightline.log import get_logger
from sightline.messages import Source, Track
from sightline.sampling.control import Control
from sightline.sampling.publisher import Publisher
from sightline.service import Service
from sightline.stages import StageRegistry
from sightline_ingest.sampler import TrackSampler
from sightline_ingest.settings import SamplingSettings

if TYPE_CHECKING:
    from sightline_ingest.file_source import VideoSource

log = get_logger()

SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What to play, and as whom.

    Attributes:
        source: A file, a camera device, or the address of a stream.
        room: Name of the room; LiveKit need not know it.
        participant: Identity of the participant.
        track: The track's id.
        kind: What it shows.
        loop: A recording begins again at its end.
        realtime: A recording plays at its own speed.
    """

    source: str
    room: str
    participant: str
    track: str = "source"
    kind: Source = Source.CAMERA
    loop: bool = False
    realtime: bool = True


async def serve_source(service: Service, options: SourceOptions) -> None:
    """Sample one source until it is over, or the service stops.

    Raises:
        SourceError: It cannot be opened.
        SettingsError: A setting has a bad value.
    """
    # FFmpeg's libraries take a while to load, and rooms do not need them.
    from sightline_ingest.file_source import VideoSource

    settings = load(SamplingSettings)
    bus = service.bus
    stages = StageRegistry(bus)
    track = Track(room=options.room, participant=options.participant, id=options.track, source=options.kind)
    sampler = TrackSampler(track, Publisher(bus, stages), stages, settings)
    control = Control(bus, options.room, settings.speaking_hold)
    source = VideoSource(options.source, bus.now, options.loop, options.realtime)

    background = [asyncio.create_task(stages.run()), asyncio.create_task(sampler.run())]
    playing = asyncio.create_task(_play(source, sampler))
    stopping = asyncio.create_task(service.stopping.wait())
    try:
        await control.add(options.participant, sampler)
        await asyncio.wait([playing, stopping, *background], return_when=asyncio.FIRST_COMPLETED)
    finally:
        # The sampler last, so that the end of the track comes after its last frame.
        await _cancel(playing, stopping)
        await control.close()
        await _cancel(*background)
        await sampler.end()
    for task in (playing, *background):
        if not task.cancelled():
            task.result()


async def _play(source: VideoSource, sampler: TrackSampler) -> None:
    await source.play(sampler)
    log.info("source_over")
    # A recording of one picture is over before anybody looked at it.
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            await sampler.settled()
    except TimeoutError:
        log.debug("last_picture_not_sampled")


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
