"""A worker as a process of its own, to be killed: `python worker_process.py [hang|slow|block]`.

It says on standard output what it does, one word and a sequence per line.
"""

from __future__ import annotations

import asyncio
import sys
import time

from sightline import Caption, Frame, VisionWorker
from sightline.service import run_worker

HOW = sys.argv[1]


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Worker(VisionWorker):
    async def process(self, frame: Frame) -> Caption:
        say("processing", frame.sequence)
        if HOW == "hang":
            await asyncio.Event().wait()
        elif HOW == "slow":
            # Until the test lets it: a SIGTERM comes meanwhile.
            await asyncio.to_thread(sys.stdin.readline)
        elif HOW == "block":
            time.sleep(1)  # noqa: ASYNC251 - the bad worker that it plays
        return Caption(text=f"frame {frame.sequence} by process", model="looker")


if __name__ == "__main__":
    run_worker("looker", Worker)
