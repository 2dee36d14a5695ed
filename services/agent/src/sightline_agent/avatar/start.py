"""Start an avatar before the session: one call, whichever avatar it is."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, get_job_context
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF

from sightline.config import LiveKitSettings, load
from sightline.errors import SettingsError, SightlineError
from sightline.log import get_logger
from sightline_agent.avatar.plugins import make
from sightline_agent.avatar.settings import AvatarSettings

log = get_logger()


class AvatarError(SightlineError):
    """The avatar did not start, which another try may do. The session speaks as it did before."""

    retryable = True


async def start_avatar(
    session: AgentSession[Any],
    room: rtc.Room,
    settings: AvatarSettings | None = None,
    livekit: LiveKitSettings | None = None,
) -> Any:
    """Let an avatar speak for the session, until that is closed. Call it before ``session.start``::

        await start_avatar(session, ctx.room)
        await session.start(agent, room=ctx.room, room_options=RoomOptions(audio_output=False))

    Args:
        room: The agent's; within a job it is connected if it is not yet.
        settings: Which avatar; read from ``AGENT_AVATAR*`` by default.
        livekit: Where the avatar joins; read from ``LIVEKIT_*`` by default.

    Returns:
        The plugin's ``AvatarSession``, started; None where the settings name no avatar.

    Raises:
        SettingsError: There is no such avatar, or it does not take these settings.
        AvatarError: It did not start, or not in time.
    """
    settings = settings or load(AvatarSettings)
    if not settings.avatar:
        return None
    avatar = make(settings)
    await _connected(room)
    _look_away(room)
    await _started(avatar, session, room, settings, livekit or load(LiveKitSettings))
    session.on("close", lambda _: _keep(asyncio.create_task(_close(avatar))))
    log.info("avatar_started", avatar=settings.avatar)
    return avatar


async def _started(
    avatar: Any,
    session: AgentSession[Any],
    room: rtc.Room,
    settings: AvatarSettings,
    livekit: LiveKitSettings,
) -> None:
    """Start it; if that fails, all is as it was before."""
    before = session.output.audio
    try:
        async with asyncio.timeout(settings.avatar_timeout):
            await avatar.start(session, room, **_server(avatar, livekit))
    except BaseException as error:
        session.output.audio = before
        await _close(avatar)
        if isinstance(error, SightlineError) or not isinstance(error, Exception):
            raise
        raise AvatarError(f"the avatar `{settings.avatar}` did not start: {_reason(error)}") from error


async def _connected(room: rtc.Room) -> None:
    """Avatars are started for a participant who is there."""
    if room.isconnected():
        return
    job = get_job_context(required=False)
    if job is None:
        raise SettingsError("expected a connected room, got one that is not; connect it before start_avatar")
    await job.connect()


def _server(avatar: Any, livekit: LiveKitSettings) -> dict[str, str]:
    """The LiveKit server, as far as the avatar's ``start`` takes it."""
    given = {
        "livekit_url": livekit.url,
        "livekit_api_key": livekit.api_key,
        "livekit_api_secret": livekit.api_secret.get_secret_value(),
    }
    takes = inspect.signature(avatar.start).parameters
    return {name: value for name, value in given.items() if name in takes and value}


def _look_away(room: rtc.Room) -> None:
    """The agent's own connection takes every track by default: not the video of its own face."""

    def unsubscribe(publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        own = participant.attributes.get(ATTRIBUTE_PUBLISH_ON_BEHALF) == room.local_participant.identity
        if own and publication.kind == rtc.TrackKind.KIND_VIDEO:
            publication.set_subscribed(False)

    room.on("track_published", unsubscribe)
    # An avatar may let the agent have its tracks only later.
    room.on("track_subscribed", lambda _, publication, participant: unsubscribe(publication, participant))


async def _close(avatar: Any) -> None:
    """Never raises: the conversation is over, or goes on without."""
    close = getattr(avatar, "aclose", None)
    if close is None:
        return
    try:
        await close()
    except Exception as error:
        log.warning("avatar_not_closed", reason=_reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it took longer than AGENT_AVATAR_TIMEOUT"
    return str(error) or type(error).__name__


_CLOSING: set[asyncio.Task[None]] = set()
"""Tasks need a reference from somewhere until they are done."""


def _keep(task: asyncio.Task[None]) -> None:
    _CLOSING.add(task)
    task.add_done_callback(_CLOSING.discard)
