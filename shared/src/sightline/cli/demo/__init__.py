"""``sightline demo``: the whole path of a frame, on this machine, with nothing to set up."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from sightline.cli.demo.clip import source_or_clip
from sightline.cli.demo.parts import Parts, bus_of, environment, logs_folder, parts_of
from sightline.cli.demo.show import Show
from sightline.cli.demo.stopping import stopped_by_signals
from sightline.cli.demo.story import Story
from sightline.cli.demo.views import view_for
from sightline.embedded import NatsServer
from sightline.plugins import workers

PARTICIPANT = "alice"
UNATTENDED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for.

    Attributes:
        source: File, device or URL; None: the demo's own clip.
        seconds: How long to watch, from the first frame on. None: 20 s, or until ^C in a terminal.
    """

    source: str | None
    seconds: float | None
    question: str
    as_json: bool
    room: str

    @property
    def duration(self) -> float | None:
        unattended = self.as_json or not sys.stdout.isatty()
        return self.seconds or (UNATTENDED_SECONDS if unattended else None)


async def run_demo(plan: Plan) -> bool:
    """Run it to its end.

    Returns:
        Whether a turn of the agent carried a caption.

    Raises:
        SightlineError: A part does not start; holds the end of its log.
    """
    source = await source_or_clip(plan.source)
    stages = list(workers())
    with stopped_by_signals() as stopping, logs_folder() as logs:
        async with NatsServer() as server, bus_of(server) as bus:
            story = Story()
            view = view_for(plan.as_json, story, bus.now)
            environ = environment(server.url)
            parts = Parts(parts_of(source, plan.room, PARTICIPANT, stages), environ, logs, view.note)
            show = Show(bus, story, view, plan.room, environ, stopping)
            view.on_question(show.ask)
            return await show.run(server, parts, stages, plan.question, plan.duration)
