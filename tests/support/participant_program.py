"""A participant of a LiveKit room as a process, told by lines of its input: see ``support.participant``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from support import scenes
from support.agents import agent_listens
from support.livekit_publisher import PublishedTrack, Publisher

CHAT = "lk.chat"


@dataclass(frozen=True)
class Server:
    """A LiveKit server that runs elsewhere."""

    url: str
    api_key: str
    api_secret: str


async def main(server: Server, room: str, identity: str) -> None:
    tracks: dict[str, PublishedTrack] = {}
    async with Publisher(server, room, identity) as somebody:
        print("joined", flush=True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            what, _, rest = line.partition(" ")
            if what in ("camera", "screen"):
                if what not in tracks:
                    tracks[what] = await getattr(somebody, what)()
                tracks[what].show(scenes.scene(getattr(scenes, rest.upper())))
            elif what == "agent":
                await agent_listens(somebody.room)
            elif what == "say":
                await somebody.room.local_participant.send_text(rest, topic=CHAT)
            else:
                raise ValueError(f"expected camera, screen, agent or say, got {what!r}")
            print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Server(*sys.argv[1:4]), *sys.argv[4:6]))
