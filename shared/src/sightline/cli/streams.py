"""``sightline init``: the streams as they should be."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sightline import topology
from sightline.bus import Bus, Change
from sightline.cli.connect import open_bus
from sightline.cli.output import complain, emit, table
from sightline.config import BusSettings, load
from sightline.errors import SettingsError
from sightline.messages import Lane

_STAGE = re.compile(r"[A-Za-z0-9_-]{1,64}")

HINT = (
    "streams exist with other settings; services will not start on them. "
    "`sightline init --apply` changes them"
)


async def init(apply: bool, as_json: bool, stages: Sequence[str] = ()) -> bool:
    """Create missing streams, compare the others, and print what was found.

    Args:
        apply: Change streams that differ.
        stages: Stages whose queues are created, too, before a replica of them ever ran.

    Returns:
        Whether all streams are as they should be now.

    Raises:
        TopologyError: The server refuses a change: it never changes storage or retention.
        SettingsError: A stage's name is none.
    """
    for stage in stages:
        check_stage(stage)
    settings = load(BusSettings)
    async with open_bus(settings) as bus:
        changes = await bus.ensure(topology.streams(settings.stream_replicas), apply=apply, report=True)
        await _ensure_queues(bus, stages)
    _show(changes, as_json)
    good = all(change.action != "differs" for change in changes)
    if not good and not as_json:
        complain(HINT)
    return good


def check_stage(stage: str) -> None:
    """Raises SettingsError: a stage's name is none."""
    if not _STAGE.fullmatch(stage):
        raise SettingsError(f"--stage: expected letters, digits, - and _, 64 at most, got {stage!r}")


async def _ensure_queues(bus: Bus, stages: Sequence[str]) -> None:
    """What scales on a queue's lag needs the queue, while nobody works on it yet."""
    if not stages:
        return
    wanted = [topology.lane_queue(stage, lane) for stage in stages for lane in Lane]
    for queue in [topology.ROOM_QUEUE, *wanted]:
        await bus.queue(queue).ensure()


def _show(changes: Sequence[Change], as_json: bool) -> None:
    if not as_json:
        rows = [(c.stream, c.action, c.field, _value(c, c.wanted), _value(c, c.found)) for c in changes]
        table(("stream", "", "field", "wanted", "found"), rows)
        return
    for change in changes:
        fields = {"field": change.field, "wanted": change.wanted, "found": change.found}
        emit({"stream": change.stream, "action": change.action, **(fields if change.field else {})})


def _value(change: Change, value: object) -> str:
    return repr(value) if change.field else ""
