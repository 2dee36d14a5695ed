"""``room-ingest``: the rooms of a LiveKit server, or one file, camera or stream, onto the bus."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sightline.config import LiveKitSettings, load
from sightline.messages import Source
from sightline.service import Service, explained, run
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.settings import SamplingSettings

NAME = "room-ingest"

DESCRIPTION = """\
Samples what cameras and screens show, and publishes the frames on the bus.

Without --source it samples rooms of a LiveKit server (LIVEKIT_URL, LIVEKIT_API_KEY,
LIVEKIT_API_SECRET): those that an agent announces, or all of them with INGEST_ROOMS=all.
With --source it plays one file, camera or stream as if a participant showed it; no LiveKit is needed.
"""
EXAMPLES = """\
examples:
  room-ingest
  INGEST_ROOMS=all room-ingest
  room-ingest --source clip.mp4 --room demo --participant alice --loop
  room-ingest --source /dev/video0 --room demo --participant alice
  room-ingest --source rtsp://camera.local/stream --room lobby --participant door

NATS_URL says where the bus is. Every setting is a variable of the environment: docs/settings.md lists them.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog=NAME,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = result.add_argument_group("one source instead of LiveKit")
    source.add_argument("--source", metavar="WHAT", help="a file, a camera device, or the URL of a stream")
    source.add_argument("--room", help="the room that it is shown in")
    source.add_argument("--participant", help="the identity of who shows it")
    source.add_argument("--track", default="source", help="the track's id (default: %(default)s)")
    source.add_argument(
        "--kind",
        type=Source,
        choices=list(Source),
        default=Source.CAMERA,
        help="what it shows: camera, screen or other (default: %(default)s)",
    )
    source.add_argument("--loop", action="store_true", help="begin a recording again at its end")
    source.add_argument(
        "--realtime",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="play a recording at its own speed; --no-realtime: as fast as it can be read",
    )
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the service; exits."""
    given = parse(arguments)
    with explained(NAME):
        # A bad value ends it here, and not once the bus is up.
        for settings in (
            (SamplingSettings,) if given.source else (SamplingSettings, RoomSettings, LiveKitSettings)
        ):
            load(settings)
    run(NAME, lambda service: _serve(service, given))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; exits with an explanation when it makes no sense."""
    command = parser()
    given = command.parse_args(arguments)
    if given.source and not (given.room and given.participant):
        command.error("--source needs --room and --participant: whose video is it?")
    if not given.source and (given.room or given.participant or given.loop):
        command.error("--room, --participant and --loop go with --source; LiveKit's rooms are announced")
    return given


async def _serve(service: Service, given: argparse.Namespace) -> None:
    # Each half is loaded only when it is used: FFmpeg here, WebRTC there.
    if not given.source:
        from sightline_ingest.serve import serve_rooms

        await serve_rooms(service)
        return
    from sightline_ingest.source_main import SourceOptions, serve_source

    options = SourceOptions(
        given.source, given.room, given.participant, given.track, given.kind, given.loop, given.realtime
    )
    await serve_source(service, options)


if __name__ == "__main__":
    main()
