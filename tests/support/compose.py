"""docker-compose.yml, up: with images that are built, in a project and on ports of the test's own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
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
CREDENTIALS = ROOT / "deploy/docker/credentials.yml"
PUBLISHED = ("LIVEKIT_PORT", "LIVEKIT_TCP_PORT", "LIVEKIT_UDP_PORT", "GATEWAY_PUBLISH_PORT")
PROJECT = "sightline-test-"
SECRET = "a-secret-of-the-tests-that-is-long-enough"
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

    call: _Call
    url: str
    api_key: str
    api_secret: str
    client: docker.DockerClient

    def containers(self, service: str) -> list[Container]:
        labels = [f"com.docker.compose.project={self.call.project}", f"com.docker.compose.service={service}"]
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
        found = self.client.containers.list(
            filters={"label": f"com.docker.compose.project={self.call.project}"}
        )
        return [str(each.name) for each in found if each.health != "healthy"]

    def at(self, service: str, address: str) -> Container:
        """The container of this service that has this address."""
        (found,) = [each for each in self.containers(service) if self.address(each) == address]
        return found

    def nats_url(self) -> str:
        (nats,) = self.containers("nats")
        return f"nats://{self.address(nats)}:4222"


def kill_and_start_the_bus(system: Composed) -> None:
    (nats,) = system.containers("nats")
    nats.kill()
    nats.wait()
    nats.start()


def host_for_containers() -> str:
    """The address of this machine that `host.docker.internal` is for containers."""
    client = docker.from_env()
    try:
        bridge: dict[str, Any] = client.networks.get("bridge").attrs
    finally:
        client.close()
    return str(bridge["IPAM"]["Config"][0]["Gateway"])


@asynccontextmanager
async def composed(
    folder: Path, settings: Mapping[str, str], *options: str, credentials: Path | None = None
) -> AsyncIterator[Composed]:
    """Bring everything up, and take it down with all that it stored.

    Args:
        folder: For .env.
        settings: Of the services.
        options: Of `up`, such as `--scale`.
        credentials: What `deploy/docker/credentials` made; the services then use them.

    Raises:
        RuntimeError: It did not come up. This error, or any within, has the services' logs as a note.
    """
    ports = {name: str(free_port()) for name in PUBLISHED}
    call = _Call(f"{PROJECT}{os.getpid()}", _environment_file(folder, {**ports, **settings}), credentials)
    client = docker.from_env()
    _remove_left_overs(client)
    try:
        await call("up", "--detach", "--no-build", *options)
        url = f"ws://{HOST}:{ports['LIVEKIT_PORT']}"
        system = Composed(call, url, "compose", SECRET, client)
        # LiveKit offers a room to the workers that it knows when the room is made.
        await system.healthy()
        yield system
    except Exception as error:
        error.add_note(await call("logs", "--no-color", "--tail=40"))
        raise
    finally:
        await call("down", "--volumes", "--timeout", "2")
        client.close()


async def configuration(folder: Path, settings: Mapping[str, str]) -> str:
    """docker-compose.yml as compose reads it, with these settings in .env."""
    return await _Call(PROJECT, _environment_file(folder, settings))("config")


def _environment_file(folder: Path, settings: Mapping[str, str]) -> Path:
    values = {"LIVEKIT_API_KEY": "compose", "LIVEKIT_API_SECRET": SECRET, "GATEWAY_JWT_SECRET": SECRET}
    file = folder / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in {**values, **settings}.items()))
    return file


def _remove_left_overs(client: docker.DockerClient) -> None:
    """Remove the containers of test runs that were cut off."""
    for container in client.containers.list(all=True, filters={"label": "com.docker.compose.project"}):
        project = container.labels["com.docker.compose.project"]
        if project.startswith(PROJECT) and not psutil.pid_exists(int(project.removeprefix(PROJECT))):
            container.remove(force=True, v=True)


@dataclass(frozen=True)
class _Call:
    """A command of compose for a project."""

    project: str
    environment_file: Path
    credentials: Path | None = None

    async def __call__(self, *arguments: str) -> str:
        """Run it; what it said.

        Raises:
            RuntimeError: It failed.
        """
        command = compose_command()
        assert command is not None
        files = [FILE, *([CREDENTIALS] if self.credentials else [])]
        process = await asyncio.create_subprocess_exec(
            *command,
            *(option for file in files for option in ("--file", str(file))),
            *("--project-name", self.project, "--env-file", str(self.environment_file)),
            *arguments,
            env={
                **os.environ,
                "SIGHTLINE_ENV_FILE": str(self.environment_file),
                **({"NATS_GENERATED": str(self.credentials)} if self.credentials else {}),
            },
            stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await asyncio.wait_for(process.communicate(), UP_SECONDS))[0].decode(errors="replace")
        if process.returncode != 0:
            said = "" if arguments[0] in ("logs", "config") else await self("logs", "--tail=20")
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{output}\n{said}")
        return output


@asynccontextmanager
async def credentials(folder: Path) -> AsyncIterator[Path]:
    """What `deploy/docker/credentials` makes, as long as it is needed."""
    generated = folder / "generated"
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "deploy/docker/credentials"),
        env={**os.environ, "NATS_GENERATED": str(generated)},
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode(errors="replace")
    assert process.returncode == 0, said
    try:
        yield generated
    finally:
        # They belong to root and to the user of the images.
        with closing(docker.from_env()) as client:
            client.containers.run(
                "sightline-gateway",
                ["-rf", "/folder/generated"],
                entrypoint="rm",
                user="0",
                remove=True,
                volumes={str(folder): {"bind": "/folder", "mode": "rw"}},
            )
