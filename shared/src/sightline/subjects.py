"""Names of rooms, participants and tracks <-> NATS subjects.

Names are anybody's: dots, blanks, unicode, 5 KB. Each becomes one bounded subject token, two names
never the same one. Nothing parses a name out of a token: the true names travel in the message.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.messages import Lane, Track

ROOT = "sightline"
MAX_TOKEN = 64

_PLAIN = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_TOKEN}}}")
_UNREADABLE = re.compile(r"[^A-Za-z0-9_-]")


def token(name: str) -> str:
    """The subject token of a name: the name itself where it is plain, else ``~readable~hash``.

    ``~`` never occurs in a plain token, so a name cannot pose as another's token. The hash is 130
    bits of SHA-256 over the UTF-8 bytes.

    >>> token("alice")
    'alice'
    >>> token("a.b").startswith("~a_b~")
    True
    """
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8")).digest()
    readable = _UNREADABLE.sub("_", name[:16])
    return f"~{readable}~{base64.b32encode(digest)[:26].decode().lower()}"


def track_tokens(track: Track) -> str:
    """``<room>.<participant>.<track>`` as tokens."""
    return f"{token(track.room)}.{token(track.participant)}.{token(track.id)}"


def frame(track: Track) -> str:
    return f"{ROOT}.frames.{track_tokens(track)}"


def room_frames(room: str) -> str:
    return f"{ROOT}.frames.{token(room)}.>"


def work(stage: str, lane: Lane, track: Track) -> str:
    return f"{ROOT}.work.{stage}.{lane.value}.{track_tokens(track)}"


def lane_work(stage: str, lane: Lane) -> str:
    return f"{ROOT}.work.{stage}.{lane.value}.>"


def frame_of_work(subject: str) -> str:
    """The frame subject that a ticket's subject speaks of."""
    return f"{ROOT}.frames.{'.'.join(subject.split('.')[4:])}"


def caption(track: Track, stage: str) -> str:
    return f"{ROOT}.captions.{track_tokens(track)}.{stage}"


def room_captions(room: str) -> str:
    return f"{ROOT}.captions.{token(room)}.>"


def image(track: Track, profile: str) -> str:
    return f"{ROOT}.images.{track_tokens(track)}.{token(profile)}"


def room_images(room: str) -> str:
    return f"{ROOT}.images.{token(room)}.>"


def dead(stage: str, work_subject: str) -> str:
    """Where the dead letter of a ticket goes; ``work_subject`` is the ticket's subject."""
    return f"{ROOT}.dead.{stage}.{'.'.join(work_subject.split('.')[4:])}"


def dead_of(stage: str) -> str:
    return f"{ROOT}.dead.{stage}.>"


def room(name: str) -> str:
    return f"{ROOT}.rooms.{token(name)}"


def capture(room_name: str, participant: str) -> str:
    return f"{ROOT}.control.{token(room_name)}.{token(participant)}.capture"


def speaking(room_name: str, participant: str) -> str:
    return f"{ROOT}.control.{token(room_name)}.{token(participant)}.speaking"


def ask(stage: str) -> str:
    return f"{ROOT}.ask.{stage}"


def status(stage: str) -> str:
    return f"{ROOT}.status.{stage}"


def turns(room_name: str) -> str:
    return f"{ROOT}.turns.{token(room_name)}"


def stage_key(stage: str) -> str:
    return f"$KV.sightline_stages.{stage}"
