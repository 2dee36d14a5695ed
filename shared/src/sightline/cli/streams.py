"""``sightline init``: the streams as they should be."""

from __future__ import annotations

from collections.abc import Sequence

from sightline import topology
from sightline.bus import Change
from sightline.cli.connect import open_bus
from sightline.cli.output import complain, emit, table
from sightline.config import BusSettings, load

HINT = (
    "streams exist with other settings; services will not start on them. "
    "`sightline init --apply` changes them"
)


async def init(apply: bool, as_json: bool) -> bool:
    """Create missing streams, compare the others, and print what was found.

    Args:
        apply: Change streams that differ.

    Returns:
        Whether all streams are as they should be now.

    Raises:
        TopologyError: The server refuses a change: it never changes storage or retention.
    """
    settings = load(BusSettings)
    async with open_bus(settings) as bus:
        changes = await bus.ensure(topology.streams(settings.stream_replicas), apply=apply, report=True)
    _show(changes, as_json)
    good = all(change.action != "differs" for change in changes)
    if not good and not as_json:
        complain(HINT)
    return good


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
