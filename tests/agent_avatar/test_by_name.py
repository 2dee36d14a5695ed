"""An avatar is found by its name, made with its own settings, and started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession

from sightline.config import load
from sightline.errors import SettingsError
from sightline_agent.avatar import AvatarError, AvatarSettings, start_avatar
from sightline_agent.avatar.plugins import find, make, require_avatar
from support.avatars import joined, settings_of
from support.livekit_server import LiveKitServer

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two plugins, and a module of a developer's own, as if pip had put them there."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(PLUGINS)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("livekit.plugins.mirror", "own_avatars")):
            del sys.modules[name]


def mirror(**options: Any) -> AvatarSettings:
    return AvatarSettings(avatar="mirror", avatar_options={"avatar_id": "ada"} | options)


def test_a_plugin_is_made_by_its_name_with_its_settings_passed_through() -> None:
    avatar = make(mirror())
    assert type(avatar).__module__ == "livekit.plugins.mirror"
    assert avatar.avatar_id == "ada"


def test_the_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_AVATAR", "mirror")
    monkeypatch.setenv("AGENT_AVATAR_OPTIONS", '{"avatar_id": "grace"}')
    assert make(load(AvatarSettings)).avatar_id == "grace"


def test_an_option_that_the_plugin_wants_as_a_dataclass_is_made_into_one() -> None:
    avatar = make(mirror(look={"hair": "grey"}))
    assert (avatar.look.hair, avatar.look.age) == ("grey", 30)


def test_a_class_of_ones_own_is_named_by_module_and_class() -> None:
    own = AvatarSettings(avatar="own_avatars:Slow", avatar_options={"anything": [1, 2]})
    assert make(own).options == {"anything": [1, 2]}


def test_the_local_avatar_needs_neither_plugin_nor_options() -> None:
    assert make(AvatarSettings(avatar="local")).provider == "sightline"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hedra", r"AGENT_AVATAR: the plugin `hedra` is not installed; `pip install livekit-plugins-hedra`"),
        ("two_words", "pip install livekit-plugins-two-words"),
        ("needy", "`needy` needs the module of_its_own, which is not installed"),
        ("nowhere.at_all:Avatar", "expected `package.module:Class`, and there is no module nowhere"),
        ("own_avatars:Missing", "own_avatars has no class Missing"),
        ("own_avatars:NOT_A_CLASS", "own_avatars has no class NOT_A_CLASS"),
        ("openai", "livekit.plugins.openai has no class AvatarSession"),
    ],
)
def test_what_cannot_be_found_says_what_to_do(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        find(name)


@pytest.mark.parametrize("name", ["../hedra", "os.path", "a b", "module:", ":Class", "livekit-plugins-hedra"])
def test_a_name_that_is_none_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_AVATAR", name)
    with pytest.raises(SettingsError, match="AGENT_AVATAR: expected a plugin's name"):
        load(AvatarSettings)


def test_an_option_that_the_plugin_does_not_take_is_named_with_those_it_takes() -> None:
    with pytest.raises(SettingsError, match=r"`mirror` takes avatar_id, look, fails; got avatar, colour"):
        make(mirror(colour="red", avatar="x"))


def test_an_option_that_the_plugin_refuses_is_told_with_its_reason() -> None:
    with pytest.raises(SettingsError, match=r"AGENT_AVATAR_OPTIONS: .* avatar_id must be given"):
        make(mirror(avatar_id=""))


@pytest.mark.parametrize("options", [{"size": 63}, {"size": 2_000}, {"fps": 0}, {"fps": "fast"}])
def test_a_local_avatar_of_an_impossible_size_or_rate_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="expected an even size from 64 to 1024 and fps from 5 to 30"):
        make(AvatarSettings(avatar="local", avatar_options=options))


@pytest.mark.parametrize("options", ["{'api_key': 'very-secret'}", '["very-secret"]'])
def test_options_that_are_no_json_object_are_refused_without_showing_them(
    options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_AVATAR_OPTIONS", options)
    with pytest.raises(SettingsError, match="AGENT_AVATAR_OPTIONS: ") as refused:
        load(AvatarSettings)
    assert "very-secret" not in str(refused.value)


def test_settings_do_not_show_the_keys_among_their_options() -> None:
    assert "very-secret" not in repr(mirror(api_key="very-secret"))


def test_a_worker_with_an_avatar_but_no_voice_does_not_start() -> None:
    with pytest.raises(SettingsError, match="AGENT_AVATAR: an avatar speaks, and the agent has no voice"):
        require_avatar(mirror(), speaks=False)
    require_avatar(mirror(), speaks=True)
    require_avatar(AvatarSettings(), speaks=False)


async def test_without_an_avatar_nothing_is_started() -> None:
    session: AgentSession[None] = AgentSession()
    assert await start_avatar(session, rtc.Room(), AvatarSettings()) is None
    assert session.output.audio is None


async def test_a_room_that_is_not_connected_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected a connected room"):
        await start_avatar(AgentSession(), rtc.Room(), mirror())


@pytest.mark.livekit
async def test_a_plugin_is_started_with_session_room_and_server_and_closed_with_the_session(
    livekit: LiveKitServer, room: str
) -> None:
    session: AgentSession[None] = AgentSession()
    async with joined(livekit, room) as own:
        avatar = await start_avatar(session, own, mirror(), settings_of(livekit))
        assert avatar.started == [session, own, livekit.url, livekit.api_key]
        output = session.output.audio
        await session.start(Agent(instructions=""), room=own)
        assert output is not None
        assert _last(session.output.audio) is output, "the session speaks through the plugin's output"
        assert not avatar.closed
        await session.aclose()
        assert avatar.closed == 1


@pytest.mark.livekit
async def test_a_plugin_that_fails_leaves_the_session_as_it_was(livekit: LiveKitServer, room: str) -> None:
    session: AgentSession[None] = AgentSession()
    async with joined(livekit, room) as own:
        with pytest.raises(AvatarError, match="`mirror` did not start: no seat is free"):
            await start_avatar(session, own, mirror(fails="no seat is free"), settings_of(livekit))
        assert session.output.audio is None


@pytest.mark.livekit
async def test_a_plugin_that_never_gets_ready_is_given_up(livekit: LiveKitServer, room: str) -> None:
    slow = AvatarSettings(avatar="own_avatars:Slow", avatar_timeout=0.01)
    async with joined(livekit, room) as own:
        with pytest.raises(AvatarError, match="it took longer than AGENT_AVATAR_TIMEOUT"):
            await start_avatar(AgentSession(), own, slow, settings_of(livekit))


def _last(output: Any) -> Any:
    """The end of a chain of outputs."""
    while output.next_in_chain is not None:
        output = output.next_in_chain
    return output
