"""Images from URLs: of listed hosts, at public addresses, in time and of bounded size."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from sightline.config import load
from sightline.errors import SettingsError
from sightline_agent.images.fetch import fetch
from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.still import ImageError
from support.encoded import encoded

PICTURE = encoded("PNG")
HERE = "127.0.0.1/32"


@dataclass
class Files:
    """A host of images on 127.0.0.1 that remembers who asked for what."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=dict)

    def url(self, path: str = "/a.png", host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def settings(self, *hosts: str, networks: str = HERE, **more: float) -> ImageSettings:
        listed = ",".join(f"http://{host}:{self.port}" for host in (hosts or ("localhost",)))
        return ImageSettings(image_hosts=listed, image_networks=networks, **more)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        answer = self.answers.get(request.path)
        return await answer(request) if answer else web.Response(body=PICTURE, content_type="text/html")

    def redirects(self, path: str, to: str, status: int = 302) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": to})

        self.answers[path] = answer


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    here = Files()
    app = web.Application()
    app.router.add_get("/{path:.*}", here.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    here.port = listener.getsockname()[1]
    yield here
    await runner.cleanup()


class Changing(AbstractResolver):
    """Answers something else each time it is asked, as an attacker's name server does."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers.pop(0)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def refused(url: str, settings: ImageSettings, resolver: AbstractResolver | None = None) -> str:
    with pytest.raises(ImageError) as error:
        await fetch(url, settings, resolver)
    return str(error.value)


async def test_a_listed_host_in_a_named_network_is_fetched_from(files: Files) -> None:
    assert await fetch(files.url(), files.settings()) == PICTURE


async def test_a_host_that_is_not_listed_is_not_asked(files: Files) -> None:
    why = await refused(files.url(), files.settings("elsewhere.example"))
    assert "AGENT_IMAGE_HOSTS" in why
    assert "fetch=False" in why
    assert files.asked == []


async def test_by_default_nothing_is_fetched() -> None:
    assert "AGENT_IMAGE_HOSTS" in await refused("https://example.com/a.png", ImageSettings())


async def test_http_is_only_for_hosts_that_are_listed_with_it() -> None:
    settings = ImageSettings(image_hosts="example.com")
    assert "http://example.com:80 is not among" in await refused("http://example.com/a.png", settings)


async def test_a_name_that_resolves_to_this_machine_is_refused(files: Files) -> None:
    why = await refused(files.url(), files.settings(networks=""))
    assert "localhost is in a private or reserved network" in why
    assert files.asked == []


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.0", "127.0.0.2", "100.100.100.200"]
)
async def test_a_name_that_resolves_to_a_private_address_is_refused(files: Files, address: str) -> None:
    why = await refused(files.url(), files.settings(), Changing([address]))
    assert "private or reserved" in why


async def test_one_private_address_among_several_is_enough_to_refuse(files: Files) -> None:
    assert "private or reserved" in await refused(
        files.url(), files.settings(), Changing(["127.0.0.1", "10.0.0.1"])
    )
    assert files.asked == []


async def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(files: Files) -> None:
    resolver = Changing(["127.0.0.1"], ["169.254.169.254"])
    assert await fetch(files.url(host="cdn.example"), files.settings("cdn.example"), resolver) == PICTURE
    assert resolver.answers == [["169.254.169.254"]]


async def test_a_name_that_changes_between_redirects_is_checked_each_time(files: Files) -> None:
    files.redirects("/first", "/second")
    resolver = Changing(["127.0.0.1"], ["169.254.169.254"])
    settings = files.settings("cdn.example")
    assert "private or reserved" in await refused(files.url("/first", "cdn.example"), settings, resolver)
    assert files.asked == ["/first"]


@pytest.mark.parametrize("form", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "0x7f.1"])
async def test_an_address_in_disguise_is_refused_even_where_it_is_listed(files: Files, form: str) -> None:
    why = await refused(files.url(host=form), files.settings(form, networks=""))
    assert "in disguise" in why or "private or reserved" in why
    assert files.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "[fe80::1]"]
)
async def test_a_private_address_is_refused_even_where_it_is_listed(files: Files, host: str) -> None:
    why = await refused(files.url(host=host), files.settings(host, networks=""))
    assert "private or reserved" in why
    assert files.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_where_it_is_allowed_to_lead(files: Files, status: int) -> None:
    files.redirects("/old.png", "/new.png", status)
    assert await fetch(files.url("/old.png"), files.settings()) == PICTURE
    assert files.asked == ["/old.png", "/new.png"]


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://2130706433:{port}/a.png",
        "//127.0.0.1:{port}/a.png",
        "http://localhost:1/a.png",
        "file:///etc/passwd",
        "ftp://localhost/a.png",
        "http://user:secret@localhost:{port}/a.png",
        "http://evil\\@localhost:{port}/a.png",
        "http://[::1",
        "",
    ],
)
async def test_a_redirect_to_anywhere_else_is_refused(files: Files, to: str) -> None:
    files.redirects("/old.png", to.format(port=files.port))
    await refused(files.url("/old.png"), files.settings())
    assert set(files.asked) == {"/old.png"}


async def test_a_redirect_to_a_listed_host_at_a_private_address_is_refused(files: Files) -> None:
    files.redirects("/old.png", files.url(host="inside.example"))
    settings = files.settings("localhost", "inside.example")
    why = await refused(files.url("/old.png"), settings, Changing(["127.0.0.1"], ["10.0.0.1"]))
    assert "inside.example is in a private" in why


async def test_redirects_in_a_circle_end(files: Files) -> None:
    files.redirects("/a", "/b")
    files.redirects("/b", "/a")
    assert "redirects more than 3 times" in await refused(files.url("/a"), files.settings())
    assert len(files.asked) == 4


async def test_an_answer_that_says_it_is_too_large_is_not_read(files: Files) -> None:
    async def large(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(5_000))

    files.answers["/a.png"] = large
    assert "5,000 bytes; 1,000 are taken" in await refused(files.url(), files.settings(image_max_bytes=1000))


async def test_an_answer_without_an_end_is_read_up_to_the_limit(files: Files) -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(10_000))
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise
        return response

    files.answers["/a.png"] = endless
    why = await refused(files.url(), files.settings(image_max_bytes=50_000))
    assert "more than 50,000 bytes" in why
    await asyncio.wait_for(gone.wait(), 10)


async def test_what_is_compressed_stays_so(files: Files) -> None:
    packed = gzip.compress(bytes(10_000_000))

    async def bomb(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    files.answers["/a.png"] = bomb
    assert await fetch(files.url(), files.settings()) == packed


async def test_a_host_that_is_slow_is_given_up(files: Files) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    files.answers["/a.png"] = silent
    assert "longer than 0.2 s" in await refused(files.url(), files.settings(image_fetch_seconds=0.2))


@pytest.mark.parametrize("status", [204, 304, 404, 500])
async def test_an_answer_that_is_none_is_refused(files: Files, status: int) -> None:
    async def no(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    files.answers["/a.png"] = no
    assert f"answered {status}" in await refused(files.url(), files.settings())


async def test_nobody_there_is_an_error_of_ours(files: Files) -> None:
    settings = ImageSettings(image_hosts="http://localhost:1", image_networks=HERE)
    assert "could not be fetched" in await refused("http://localhost:1/a.png", settings)
    assert "could not be fetched" in await refused(
        "https://no-such-host.invalid/", ImageSettings(image_hosts="no-such-host.invalid")
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("AGENT_IMAGE_HOSTS", "*"), ("AGENT_IMAGE_NETWORKS", "10.0.0.1/8"), ("AGENT_IMAGE_NETWORKS", "inside")],
)
def test_a_bad_list_stops_the_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(ImageSettings)
