"""One room watched the usual way: subscribed always, the newest frame converted now and then.

As LiveKit's guide has it (docs.livekit.io, "Vision", section "Sample video frames"): a ``rtc.VideoStream`` of
the first video track, read by a task that keeps the newest frame; what is shown to the model is encoded by
``livekit.agents.utils.images.encode`` at the width that the model takes. How often is that of LiveKit's own
``VoiceActivityVideoSampler``, and of room-ingest: once a second of somebody who speaks, else once in three.

``python -m rooms.watcher ROOM WIDTH``, in ``benchmarks``; lines on stdin are seconds between two pictures.
Says ``ready`` at the first frame; at the end of stdin, how many frames and pictures there were, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from livekit import api, rtc
from livekit.agents.utils.images import EncodeOptions, ResizeOptions, encode


def token(grants: api.VideoGrants, identity: str) -> str:
    """A token of the server in the environment."""
    made = api.AccessToken(os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"])
    return made.with_identity(identity).with_grants(grants).to_jwt()


class Watcher:
    """Keeps the newest frame of a room's first video track."""

    def __init__(self, width: int) -> None:
        self.frames = self.pictures = 0
        self.begun = asyncio.Event()
        self._width = width
        self._newest: rtc.VideoFrame | None = None
        self._reading: asyncio.Task[None] | None = None

    def subscribed(self, track: rtc.Track, *_about: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO and self._reading is None:
            self._reading = asyncio.create_task(self._read(rtc.VideoStream(track)))

    async def _read(self, stream: rtc.VideoStream) -> None:
        async for event in stream:
            self._newest = event.frame
            self.frames += 1
            self.begun.set()

    async def convert(self) -> None:
        """Make a JPEG of the newest frame, where there is one."""
        if self._newest is not None:
            height = round(self._newest.height * self._width / self._newest.width)
            resized = ResizeOptions(self._width, height, "scale_aspect_fit")
            options = EncodeOptions(format="JPEG", resize_options=resized)
            await asyncio.to_thread(encode, self._newest, options)
            self.pictures += 1


async def main() -> None:
    room, watcher = rtc.Room(), Watcher(int(sys.argv[2]))
    room.on("track_subscribed", watcher.subscribed)
    grants = api.VideoGrants(room_join=True, room=sys.argv[1], can_publish=False)
    await room.connect(os.environ["LIVEKIT_URL"], token(grants, "watcher"))
    await watcher.begun.wait()
    print("ready", flush=True)
    loop, interval = asyncio.get_running_loop(), 3.0
    line = loop.run_in_executor(None, sys.stdin.readline)
    while True:
        await asyncio.wait({line}, timeout=interval)
        if not line.done():
            await watcher.convert()
            continue
        if not line.result():
            break
        interval = float(line.result())
        line = loop.run_in_executor(None, sys.stdin.readline)
    print(json.dumps({"frames": watcher.frames, "pictures": watcher.pictures}), flush=True)
    # The native library may abort as it is taken apart.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
