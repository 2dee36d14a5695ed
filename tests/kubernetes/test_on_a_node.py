"""The chart on a node, with the images as they are built: `make test-k8s`.

The test plays room-ingest and the agent, and the captioners' model is a server of its own. NATS and the
captioners are pods.
"""

from __future__ import annotations

import asyncio

import pytest

from sightline.messages import Track
from support.installed import CAPTIONER, WAIT, Installation, installed
from support.kubernetes import ControlPlane
from support.kubernetes_node import ADDRESS
from support.model_servers import MoondreamServer
from support.rolling import Load
from support.stage import Source, Stored, captions, dead_letters, track

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TRACKS = 6


class Shown(Load):
    """A track that has its next frame once the last was described."""

    def __init__(self, source: Source, of: Track, found: Stored) -> None:
        super().__init__()
        self._source, self._of, self._found = source, of, found

    def __str__(self) -> str:
        return f"the track {self._of.id}"

    async def _round(self, number: int) -> None:
        frame = await self._source.show(self._of)
        async with self._found.grown:
            await self._found.grown.wait_for(
                lambda: any(
                    (each.frame.track.id, each.frame.sequence) == (self._of.id, frame.sequence)
                    for each in self._found.messages
                )
            )


async def test_every_frame_is_described_while_an_upgrade_replaces_all_captioners(node: ControlPlane) -> None:
    model = MoondreamServer(answer="a red wall")
    model.host = ADDRESS
    async with model:
        release = await installed(node, "upgraded", model.url, {"replicas": 2})
        await release.waited("jsonpath={.status.readyReplicas}=2")
        before = await release.captioners()
        assert len(before) == 2
        async with release.bus() as bus, captions(bus) as found, dead_letters(bus) as dead:
            source = Source(bus, "captioner")
            await upgraded(release, [Shown(source, track(number), found) for number in range(TRACKS)])
            assert dead.messages == []
        after = await release.captioners()
        assert len(after) == 2
        assert not before & after


async def upgraded(release: Installation, loads: list[Shown]) -> None:
    """Every load goes on before, during and after."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(load.run()) for load in loads]
        await asyncio.gather(*(load.later(2) for load in loads))
        began = [load.rounds for load in loads]
        await release.helm("upgrade", "--set", "captioner.podAnnotations.example=second")
        await release.kubectl("rollout", "status", CAPTIONER, WAIT)
        assert all(load.rounds > rounds for load, rounds in zip(loads, began, strict=True))
        await asyncio.gather(*(load.later(2) for load in loads))
        for task in running:
            task.cancel()
