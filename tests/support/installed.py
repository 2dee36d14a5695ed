"""The chart on a node: NATS and captioners as pods, their model a server of the test's."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sightline.bus import Bus
from sightline.config import BusSettings
from support.environment import HELM
from support.helm import CHART, RELEASE
from support.kubernetes import ControlPlane
from support.kubernetes_node import ran

IMAGES = ("nats:2.15.1-alpine", "sightline-captioner:latest", "sightline-gateway:latest")
"""What pods of these installations run; the gateway's has the command of the hook."""

CLAIM = f"data-{RELEASE}-sightline-nats-0"
"""The one of NATS's StatefulSet, which takes what has this name."""

CAPTIONER = f"deployment/{RELEASE}-sightline-captioner"
WAIT = "--timeout=180s"
OFF = {"enabled": False}
VALUES = {
    "image": {"tag": "latest", "pullPolicy": "Never"},
    "roomIngest": OFF,
    "agent": OFF,
    "encoder": OFF,
    # Little is asked of the node, which may be small.
    "nats": {"resources": {"requests": {"cpu": "50m", "memory": "256Mi"}}},
    "captioner": {"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}},
}


@dataclass(frozen=True)
class Installation:
    """A release in a namespace of its own."""

    plane: ControlPlane
    namespace: str
    values: Path

    async def helm(self, action: str, *options: str) -> None:
        where = ("--kubeconfig", self.plane.kubeconfig, "--namespace", self.namespace)
        command = (HELM or "helm", action, RELEASE, CHART, *where, "--values", self.values, "--timeout=4m")
        await asyncio.to_thread(ran, *command, *options)

    async def kubectl(self, *arguments: str) -> str:
        return await asyncio.to_thread(self.plane.done, *arguments, f"--namespace={self.namespace}")

    async def waited(self, condition: str) -> None:
        """Wait for something of the captioners' Deployment."""
        await self.kubectl("wait", CAPTIONER, f"--for={condition}", WAIT)

    async def captioners(self) -> set[str]:
        """The pods that run and are to stay."""
        chosen = ("--selector=app.kubernetes.io/component=captioner", "--field-selector=status.phase=Running")
        template = "{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}"
        return set((await self.kubectl("get", "pods", *chosen, f"--output=go-template={template}")).split())

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """A connection to its NATS."""
        pod = f"{RELEASE}-sightline-nats-0"
        address = await self.kubectl("get", "pod", pod, "--output=jsonpath={.status.podIP}")
        async with Bus.open(BusSettings(url=f"nats://{address}:4222"), name="test") as bus:
            yield bus


async def installed(
    plane: ControlPlane, namespace: str, model: str, captioner: Mapping[str, Any], **values: Any
) -> Installation:
    """Install it, with a volume for its NATS."""
    data = plane.folder / f"data-{namespace}"
    data.mkdir()
    data.chmod(0o777)  # The pods' users have no name here.
    await asyncio.to_thread(plane.new_namespace, namespace)
    given = _volume(data, namespace)
    await asyncio.to_thread(plane.done, "apply", "--server-side", "--filename=-", given=given)
    merged = copy.deepcopy(VALUES) | values
    env = {"CAPTIONER_BACKEND": "moondream", "MOONDREAM_ENDPOINT": model, "CAPTIONER_CONCURRENCY": 2}
    merged["captioner"] |= {"env": env, **captioner}
    file = plane.folder / f"values-{namespace}.yaml"
    file.write_text(yaml.safe_dump(merged))
    installation = Installation(plane, namespace, file)
    # A pod that comes before its claim is bound may wait for the scheduler's next round, five minutes.
    await installation.kubectl("wait", f"pvc/{CLAIM}", "--for=jsonpath={.status.phase}=Bound", WAIT)
    await installation.helm("install")
    return installation


def _volume(folder: Path, namespace: str) -> str:
    room = {"storage": "10Gi"}
    access = {"accessModes": ["ReadWriteOnce"]}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name},
        "spec": {**access, "capacity": room, "hostPath": {"path": str(folder)}},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": namespace},
        "spec": {**access, "volumeName": folder.name, "resources": {"requests": room}},
    }
    return str(yaml.safe_dump_all([volume, claim]))
