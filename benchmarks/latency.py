"""How long a frame takes: from "look now" to the bus, and from the bus to where the work begins.

The first half is room-ingest on a real LiveKit server, with a 720p camera that it is subscribed to. The
second is the ticket queue, with a replica in a process of its own, beside core NATS on the same server.
Nothing else is going on. Takes about 90 seconds; needs livekit-server (docs/development.md).
"""

from __future__ import annotations

from functools import partial

from baselines import core_nats
from bus_load.capture_path import capture_path
from bus_load.plain import SIGHTLINE
from bus_load.ticket_path import Took, paths
from harness import Figure, Options, Row, Spread, interleaved, main, percentile, say

FRAME_BYTES = 100_000
CAPTURE_P95_MS = 60.0
TICKET_P50_MS = 3.0
TICKET_TO_CORE = 3.0

Paths = dict[str, list[list[Took]]]


async def measure(options: Options) -> list[Row]:
    repetitions = 1 if options.quick else 5
    requests, frames = (8, 60) if options.quick else (20, 300)
    say("capture requests")
    async with capture_path() as path:
        captures = (await interleaved({"capture": partial(path.requests, requests)}, repetitions))["capture"]
    say("tickets")
    async with paths(FRAME_BYTES) as both:
        runs = {SIGHTLINE: partial(both.tickets, frames), core_nats.NAME: partial(both.core, frames)}
        found = await interleaved(runs, repetitions, warm_up=True)
        size = both.size
    return [_row(captures, found, size)]


def _row(captures: list[list[float]], found: Paths, size: int) -> Row:
    notes = (
        "Capture: 720p at 30 frames a second, room-ingest subscribed, request → frame at a subscriber. "
        f"Ticket: {size:,} bytes of JPEG, from the acknowledgement of the frame to `process`, with the "
        "ticket and the direct get in between; the worker does not decode. Core: the same bytes from "
        "`publish` to the subscriber's callback, in a process of its own, too. That is one way through the "
        "server; a ticket and its frame are three, the last with the same bytes, and a look whether another "
        "replica has captioned the frame is beside it. What was tried, and what it brought, is in "
        "docs/decisions/0011-fewer-turns-before-the-work.md."
    )
    return Row(
        number=5, title="capture request → bus; bus → worker", figures=_figures(captures, found), notes=notes
    )


def _figures(captures: list[list[float]], found: Paths) -> list[Figure]:
    capture = _spread(captures, 95)
    begins = _ticket(found, 50, "begins")
    to_core = begins.over(_core(found, 50))
    return [
        Figure(
            name="capture request → frame on the bus, p95",
            ours=capture,
            unit="ms",
            aim=f"at most {CAPTURE_P95_MS:g} ms",
            met=capture.median <= CAPTURE_P95_MS,
        ),
        Figure(
            name="capture request → frame on the bus, p50", ours=_spread(captures, 50), unit="ms", detail=True
        ),
        Figure(
            name="frame on the bus → work begins, p50",
            ours=begins,
            baselines={core_nats.NAME: _core(found, 50)},
            unit="ms",
            aim=f"at most {TICKET_P50_MS:g} ms and {TICKET_TO_CORE:g} × core",
            met=begins.median <= TICKET_P50_MS and to_core.median <= TICKET_TO_CORE,
        ),
        *(
            Figure(
                name=name,
                ours=_ticket(found, percent, part),
                baselines={core_nats.NAME: _core(found, percent)},
                unit="ms",
                detail=True,
            )
            for name, percent, part in (
                ("frame on the bus → work begins, p95", 95, "begins"),
                ("source publishes → work begins, p50", 50, "whole"),
            )
        ),
    ]


def _ticket(found: Paths, percent: float, part: str) -> Spread:
    return _spread([[getattr(each, part) for each in run] for run in found[SIGHTLINE]], percent)


def _core(found: Paths, percent: float) -> Spread:
    return _spread([[each.whole for each in run] for run in found[core_nats.NAME]], percent)


def _spread(runs: list[list[float]], percent: float) -> Spread:
    """Milliseconds, of each repetition by itself."""
    return Spread.of(1000 * percentile(run, percent) for run in runs)


if __name__ == "__main__":
    main("latency", measure, __doc__)
