"""A camera in a LiveKit room, 720p at 30 frames a second, whose picture never stands still.

``python -m bus_load.camera '{"url": …, "api_key": …, "api_secret": …, "room": …, "identity": …}'``
"""

from __future__ import annotations

import asyncio
from itertools import cycle

from bus_load.child import arguments, until_told
from support.livekit_publisher import PublishedTrack, Publisher
from support.participant_program import Server
from support.scenes import BLUE, scene

SIZE = (1280, 720)
FPS = 30
PICTURES = 10
"""Different ones, shown in turns."""


async def main() -> None:
    given = arguments()
    server = Server(given["url"], given["api_key"], given["api_secret"])
    async with Publisher(server, given["room"], given["identity"]) as somebody:
        camera = await somebody.camera(size=SIZE, fps=FPS)
        moving = asyncio.create_task(_move(camera))
        await until_told()
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)


async def _move(camera: PublishedTrack) -> None:
    for number in cycle(range(PICTURES)):
        camera.show(scene(BLUE, "." * (number + 1), SIZE))
        await asyncio.sleep(3 / FPS)


if __name__ == "__main__":
    asyncio.run(main())
