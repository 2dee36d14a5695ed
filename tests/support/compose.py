"""docker-compose.yml, up: with images that are built, in a project and on ports of the test's own."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

import docker
import psutil
from docker.models.containers import Container

from sightline.embedded import HOST, free_port
from support.containers import docker_problem
from support.environment import missing

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
PUBLISHED = ("LIVEKIT_PORT", "LIVEKIT_TCP_PORT", "LIVEKIT_UDP_PORT", "GATEWAY_PUBLISH_PORT")
PROJECT = "sightline-test-"
UP_SECONDS = 120
POLL_SECONDS = 0.3


@cache
def compose_command() -> tuple[str, ...] | None:
    """`docker compose`, or `docker-compose`, or None."""
    if shutil.which("docker") and run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else None


def require_compose() -> None:
    """Skip the test for want of something, or fail it where SIGHTLINE_REQUIRE names compose."""
    if problem := docker_problem():
        missing("compose", problem)
    if compose_command() is None:
        missing("compose", "there is neither `docker compose` nor docker-compose")
    client = docker.from_env()
    try:
        here = {tag for image in client.images.list() for tag in image.tags}
    finally:
        client.close()
    if lacking := sorted(default_images() - here):
        missing("compose", f"Docker has no image {', '.join(lacking)}: make images, and docker-compose pull")


def default_images() -> set[str]:
    """The images that docker-compose.yml starts by itself."""
    images = re.findall(r'^    image: "(.*)"$', FILE.read_text(), re.MULTILINE)
    by_default = {re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", image) for image in images}
    return {image for image in by_default if image.startswith(("sightline-", "nats:", "livekit/"))}


@dataclass(frozen=True)
class Composed:
    """A project that is up. It is also what a publisher needs to know of its LiveKit."""

    project: str
    url: str
    api_key: str
    api_secret: str
    client: docker.DockerClient

    def containers(self, service: str) -> list[Container]:
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        return list(self.client.containers.list(filters={"label": labels}))

    def address(self, container: Container) -> str:
        """Where the host reaches it, now."""
        container.reload()
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    async def healthy(self) -> None:
        """Wait until every container is what its health check wants."""
        async with asyncio.timeout(UP_SECONDS):
            while waiting := await asyncio.to_thread(self._unhealthy):
                print("not healthy yet:", *waiting)
                await asyncio.sleep(POLL_SECONDS)

    def _unhealthy(self) -> list[str]:
        found = self.client.containers.list(filters={"label": f"com.docker.compose.project={self.project}"})
        return [str(each.name) for each in found if each.health != "healthy"]

    def at(self, service: str, address: str) -> Container:
        """The container of this service that has this address."""
        (found,) = [each for each in self.containers(service) if self.address(each) == address]
        return found

    def nats_url(self) -> str:
        (nats,) = self.containers("nats")
        return f"nats://{self.address(nats)}:4222"


def host_for_containers() -> str:
    """The address of this machine that `host.docker.internal` is for containers."""
    client = docker.from_env()
    try:
        bridge: dict[str, Any] = client.networks.get("bridge").attrs
    finally:
        client.close()
    return str(bridge["IPAM"]["Config"][0]["Gateway"])


@asynccontextmanager
async def composed(folder: Path, settings: Mapping[str, str], *options: str) -> AsyncIterator[Composed]:
    """Bring everything up, and take it down with all that it stored.

    Args:
        folder: For .env.
        settings: Of the services.
        options: Of `up`, such as `--scale`.

    Raises:
        RuntimeError: It did not come up. This error, or any within, has the services' logs as a note.
    """
    ports = {name: str(free_port()) for name in PUBLISHED}
    keys = {name: secrets.token_hex(32) for name in ("LIVEKIT_API_SECRET", "GATEWAY_JWT_SECRET")}
    values = {"LIVEKIT_API_KEY": "compose", **keys, **ports, **settings}
    environment_file = folder / ".env"
    environment_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    project = f"{PROJECT}{os.getpid()}"
    client = docker.from_env()
    _remove_left_overs(client)
    try:
        await _compose(project, environment_file, "up", "--detach", "--no-build", *options)
        url = f"ws://{HOST}:{ports['LIVEKIT_PORT']}"
        system = Composed(project, url, "compose", keys["LIVEKIT_API_SECRET"], client)
        # LiveKit offers a room to the workers that it knows when the room is made.
        await system.healthy()
        yield system
    except Exception as error:
        error.add_note(await _compose(project, environment_file, "logs", "--no-color", "--tail=40"))
        raise
    finally:
        await _compose(project, environment_file, "down", "--volumes", "--timeout", "2")
        client.close()


def _remove_left_overs(client: docker.DockerClient) -> None:
    """Remove the containers of test runs that were cut off."""
    for container in client.containers.list(all=True, filters={"label": "com.docker.compose.project"}):
        project = container.labels["com.docker.compose.project"]
        if project.startswith(PROJECT) and not psutil.pid_exists(int(project.removeprefix(PROJECT))):
            container.remove(force=True, v=True)


async def _compose(project: str, environment_file: Path, *arguments: str) -> str:
    command = compose_command()
    assert command is not None
    options = ("--file", str(FILE), "--project-name", project, "--env-file", str(environment_file))
    process = await asyncio.create_subprocess_exec(
        *command,
        *options,
        *arguments,
        env={**os.environ, "SIGHTLINE_ENV_FILE": str(environment_file)},
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await asyncio.wait_for(process.communicate(), UP_SECONDS))[0].decode(errors="replace")
    if process.returncode != 0:
        said = (
            "" if arguments[0] == "logs" else await _compose(project, environment_file, "logs", "--tail=20")
        )
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{output}\n{said}")
    return output
