"""Replicas as tasks of one process: ``python -m bus_load.replicas '{"url": …, "system": …, …}'``."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from baselines import core_nats, faststream_pull, per_subject
from bus_load import waiting
from bus_load.child import arguments, until_told
from bus_load.plain import SIGHTLINE

SERVE = {
    SIGHTLINE: waiting.serve,
    core_nats.NAME: core_nats.serve,
    faststream_pull.NAME: faststream_pull.serve,
    per_subject.NAME: per_subject.serve,
}


async def main() -> None:
    given = arguments()
    async with AsyncExitStack() as stack:
        await SERVE[given["system"]](given["url"], given["names"], given["seconds"], stack)
        await until_told()


if __name__ == "__main__":
    asyncio.run(main())
