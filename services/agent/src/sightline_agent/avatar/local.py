"""The local avatar: a second participant with a voice and a drawn face, without any account.

It is a task of the agent's own job. The sound takes the same way as to a provider's avatar, through
the room; drawing costs next to nothing, because every look is drawn once; and there is nothing to
deploy, to hand a token to, or to be left behind when the job is over.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import product
from typing import Any

from livekit import api, rtc
from livekit.agents import AgentSession
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF
from livekit.agents.utils import shortuuid, wait_for_participant
from livekit.agents.voice import avatar
from livekit.agents.voice.avatar import (
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioOutput,
    DataStreamAudioReceiver,
)

from sightline.config import LiveKitSettings, load
from sightline.log import get_logger
from sightline_agent.avatar.face import LIDS, MOUTHS
from sightline_agent.avatar.talking import RATE, TalkingFace, frame

log = get_logger()

SIZES = range(64, 1025, 2)
RATES = range(5, 31)
CLOSE_SECONDS = 5.0
MAX_PAUSE = 10.0
"""Seconds, at most, before an avatar that fell out of the room comes back."""

OVER = (
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
)
"""Somebody wanted it out of the room."""


class AvatarSession(avatar.AvatarSession[Any]):
    """Speaks for the agent, as LiveKit's avatar plugins do.

    Args:
        name: Name of the participant.
        size: Width and height of its video in pixels.
        fps: Pictures a second while it speaks.

    Raises:
        ValueError: A size or rate that cannot be had.
    """

    def __init__(self, *, name: str = "Avatar", size: int = 384, fps: int = 20) -> None:
        super().__init__()
        if size not in SIZES or fps not in RATES:
            raise ValueError(
                f"expected an even size from {SIZES[0]} to {SIZES[-1]} and fps from {RATES[0]} to "
                f"{RATES[-1]}, got size {size!r} and fps {fps!r}"
            )
        self._name, self._size, self._fps = name, int(size), int(fps)
        # Its own in every room: livekit-agents keeps who finished speaking by this, for a whole process.
        self._identity = shortuuid("avatar-")
        self._running: asyncio.Task[None] | None = None

    @property
    def avatar_identity(self) -> str:
        return self._identity

    @property
    def provider(self) -> str:
        return "sightline"

    async def start(
        self,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        *,
        livekit_url: str = "",
        livekit_api_key: str = "",
        livekit_api_secret: str = "",
    ) -> None:
        """Join the room and become the session's voice. Server and key are ``LIVEKIT_*`` by default."""
        settings = load(LiveKitSettings)
        self._url = livekit_url or settings.url
        key = livekit_api_key or settings.api_key
        secret = livekit_api_secret or settings.api_secret.get_secret_value()
        self._token = _token(api.AccessToken(key, secret), self._identity, self._name, room)
        self._speaks_for = room.local_participant.identity
        await asyncio.to_thread(_draw, self._size)
        joined = asyncio.Event()
        self._running = asyncio.create_task(self._run(joined), name="sightline-avatar")
        await _either(joined, self._running)
        await wait_for_participant(room, identity=self._identity)
        # Its tracks are published when somebody takes them; what is said before waits there, and not
        # here, in a task that would fail if the session ended first.
        self._output = DataStreamAudioOutput(
            room, destination_identity=self._identity, sample_rate=RATE, wait_playback_start=True
        )
        agent_session.output.audio = self._output
        room.on("participant_disconnected", self._on_left)
        await super().start(agent_session, room)

    async def aclose(self) -> None:
        """Leave the room. Bounded; closing twice is once."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running}, timeout=CLOSE_SECONDS)
        _forget(self._identity)
        if self._room is not None:
            self._room.off("participant_disconnected", self._on_left)
        await super().aclose()

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        """What it was saying is over: nobody else would tell the session."""
        if participant.identity == self._identity:
            self._output.clear_buffer()

    async def _run(self, joined: asyncio.Event) -> None:
        """Be in the room until cancelled, or put out of it; come back after an accident."""
        pause = 0.5
        while True:
            try:
                reason = await self._be(joined)
                if reason in OVER:
                    self._stay_away()
                    return
            except Exception as error:
                if not joined.is_set():
                    raise
                reason = error
            log.warning("avatar_lost", reason=str(reason))
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)

    def _stay_away(self) -> None:
        """A session without anybody to speak for it goes on in writing, and does not wait for ever."""
        if self._running is not None and self._agent_session is not None:
            log.warning("avatar_removed")
            self._agent_session.output.set_audio_enabled(False)

    async def _be(self, joined: asyncio.Event) -> object:
        """Join, and speak until the connection is over. Returns why it is."""
        room = rtc.Room()
        left = asyncio.Event()
        reasons: list[object] = []

        def leave(reason: object) -> None:
            reasons.append(reason)
            left.set()

        room.on("disconnected", leave)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(room.disconnect)
            # It only speaks: what others publish is not for it.
            await room.connect(self._url, self._token, rtc.RoomOptions(auto_subscribe=False))
            _wait_for_listeners(room, self._speaks_for)
            runner = await self._runner(room, stack)
            joined.set()
            speaking = asyncio.create_task(runner.wait_for_complete())
            stack.callback(speaking.cancel)
            await _either(left, speaking)
            return reasons[0] if reasons else "it hears nothing more"

    async def _runner(self, room: rtc.Room, stack: contextlib.AsyncExitStack) -> AvatarRunner:
        # The runner waits for it, too, but cannot be closed while it does.
        await wait_for_participant(room, identity=self._speaks_for)
        receiver = DataStreamAudioReceiver(room, sender_identity=self._speaks_for)
        face = TalkingFace(self._size, self._fps)
        options = AvatarOptions(self._size, self._size, self._fps, RATE, 1)
        runner = AvatarRunner(room, audio_recv=receiver, video_gen=face, options=options)
        face.synchronizer = runner.av_sync
        await runner.start()
        stack.push_async_callback(runner.aclose)
        return runner


def _wait_for_listeners(room: rtc.Room, agent: str) -> None:
    """Until somebody takes the voice, the agent may not: the runner begins with the first who does, and
    the agent's connection, which takes all there is, would have the first words spoken to nobody."""
    allow = room.local_participant.set_track_subscription_permissions

    def admit(_: object = None) -> None:
        others = [identity for identity in room.remote_participants if identity != agent]
        allow(
            allow_all_participants=False,
            participant_permissions=[
                rtc.ParticipantTrackPermission(participant_identity=identity, allow_all=True)
                for identity in others
            ],
        )

    def admit_all(_: object) -> None:
        room.off("participant_connected", admit)
        allow(allow_all_participants=True)

    room.on("participant_connected", admit)
    room.once("local_track_subscribed", admit_all)
    admit()


def _token(token: api.AccessToken, identity: str, name: str, room: rtc.Room) -> str:
    """To join as a participant of kind agent that speaks on behalf of the room's own."""
    return (
        token.with_kind("agent")
        .with_identity(identity)
        .with_name(name)
        .with_grants(api.VideoGrants(room_join=True, room=room.name))
        .with_attributes({ATTRIBUTE_PUBLISH_ON_BEHALF: room.local_participant.identity})
        .to_jwt()
    )


def _draw(size: int) -> None:
    """Every look of the face, before it is needed."""
    for mouth, lids in product(range(MOUTHS), range(LIDS)):
        frame(size, mouth, lids)


async def _either(event: asyncio.Event, task: asyncio.Task[None]) -> None:
    """Wait for the event or the task's end; raises what the task fails with."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if task.done():
        task.result()


def _forget(identity: str) -> None:
    """livekit-agents keeps a handler, and with it the room, of every avatar for ever."""
    for name in ("_playback_finished_handlers", "_playback_started_handlers"):
        getattr(DataStreamAudioOutput, name, {}).pop(identity, None)
