"""A service for tests that run one as a process: ``python service_program.py WHAT_IT_DOES``."""

from __future__ import annotations

import asyncio
import sys
import time

from sightline.log import get_logger
from sightline.service import Service, run

log = get_logger()


async def work(service: Service) -> None:
    """Until told to stop, with a little work in hand at the end."""
    log.info("working")
    await service.stopping.wait()
    await service.bus.ensure([])
    log.info("work_finished")


async def hang(service: Service) -> None:
    """Take no notice of being told to stop."""
    log.info("working")
    await asyncio.Event().wait()


async def block(service: Service) -> None:
    """Block the event loop."""
    log.info("working")
    while True:
        time.sleep(0.1)  # noqa: ASYNC251 - on purpose


async def hang_in_a_thread(service: Service) -> None:
    """Leave a thread behind that never ends."""
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    log.info("working")
    await service.stopping.wait()


async def fail(service: Service) -> None:
    raise ValueError("a bug")


async def lack_a_camera(service: Service) -> None:
    service.health.set("camera", "no camera is plugged in")
    log.info("working")
    await service.stopping.wait()


if __name__ == "__main__":
    run("program", globals()[sys.argv[1]])
