"""KEDA on a node: captioners from nothing to as many as the tracks need, and back."""

from __future__ import annotations

import asyncio

import pytest

from sightline import topology
from support.installed import installed
from support.kubernetes import ControlPlane
from support.kubernetes_node import ADDRESS
from support.model_servers import Fault, MoondreamServer
from support.room_ingest import want
from support.stage import Source, captions, track

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MOST, TRACKS = 3, 6
SCALED = {"autoscaling": {"minReplicas": 0, "maxReplicas": MOST, "tracksPerReplica": TRACKS // MOST}}
SOON = {"kind": "keda", "scaleDownWindowSeconds": 5, "keda": {"pollingInterval": 1, "cooldownPeriod": 5}}


async def test_captioners_come_with_the_first_room_and_more_with_its_tracks_and_go_with_the_last(
    node: ControlPlane,
) -> None:
    model = MoondreamServer(answer="a red wall")
    model.host = ADDRESS
    async with model:
        release = await installed(node, "scaled", model.url, SCALED, autoscaling=SOON)
        await release.waited("jsonpath={.spec.replicas}=0")
        async with release.bus() as bus, captions(bus) as found:
            await want(bus, "demo")
            await release.waited("jsonpath={.status.readyReplicas}=1")
            model.fault = Fault.HANG  # One has two frames in hand, and the others wait for it.
            source = Source(bus, "captioner")
            for number in range(TRACKS):
                await source.show(track(number))
            await release.waited(f"jsonpath={{.status.readyReplicas}}={MOST}")
            model.release()
            async with asyncio.timeout(60), found.grown:
                await found.grown.wait_for(
                    lambda: len({each.frame.track.id for each in found.messages}) == TRACKS
                )
            room = await bus.queue(topology.ROOM_QUEUE).take()
            assert room is not None
            await room.done()  # As room-ingest does when it has ended.
        await release.waited("jsonpath={.spec.replicas}=0")
