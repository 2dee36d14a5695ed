"""``sightline ps``: stages, their replicas, and how far each is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sightline.bus import Bus, Lag, Replica
from sightline.cli.connect import open_bus
from sightline.cli.output import emit, say, table
from sightline.errors import BusError
from sightline.messages import Lane
from sightline.stages import StageRegistry
from sightline.topology import lane_queue
from sightline.worker import StageWants

REGISTRY_SECONDS = 1.0
"""How long to read what the stages registered: it is there already, and small."""


@dataclass(frozen=True, slots=True)
class Stage:
    """All that is known of one stage. ``wants`` is None when it is not registered."""

    name: str
    wants: StageWants | None
    replicas: list[Replica]
    lanes: Mapping[Lane, Lag | None]

    def record(self) -> dict[str, Any]:
        return {
            "stage": self.name,
            "wants": self.wants.model_dump(mode="json") if self.wants else None,
            "replicas": [asdict(replica) for replica in self.replicas],
            "lanes": {lane.value: lag._asdict() if lag else None for lane, lag in self.lanes.items()},
        }

    def row(self) -> tuple[object, ...]:
        lanes = [str(lag.waiting) if lag else "-" for lag in self.lanes.values()]
        busy = sum(lag.in_progress for lag in self.lanes.values() if lag)
        wants = f"{self.wants.max_fps:g} fps, {self.wants.max_width} px" if self.wants else "not registered"
        return (self.name, len(self.replicas), *lanes, busy, wants, _problems(self.replicas))


async def ps(as_json: bool) -> None:
    """Print every stage that is registered or has a replica."""
    async with open_bus() as bus:
        wants, replicas = await asyncio.gather(_registered(bus), bus.replicas())
        names = sorted({*wants, *(replica.stage for replica in replicas)})
        stages = [
            Stage(
                name,
                wants.get(name),
                [replica for replica in replicas if replica.stage == name],
                {lane: await _lag(bus, name, lane) for lane in Lane},
            )
            for name in names
        ]
    if as_json:
        for stage in stages:
            emit(stage.record())
    elif stages:
        headings = ("stage", "replicas", "urgent", "routine", "in progress", "wants", "problems")
        table(headings, (stage.row() for stage in stages))
    else:
        say("no stage is running; `sightline run STAGE` runs one, `sightline workers` lists what there is")


async def _registered(bus: Bus) -> Mapping[str, StageWants]:
    registry = StageRegistry(bus)
    reading = asyncio.create_task(registry.run())
    await asyncio.sleep(REGISTRY_SECONDS)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return dict(registry.wants)


async def _lag(bus: Bus, stage: str, lane: Lane) -> Lag | None:
    try:
        return await bus.lag(lane_queue(stage, lane))
    except BusError:
        return None  # nobody has taken work of this stage yet, so it has no queue


def _problems(replicas: list[Replica]) -> str:
    return "; ".join(sorted({str(r.status["problem"]) for r in replicas if r.status.get("problem")}))
