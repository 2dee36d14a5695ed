"""What an upload shows, in words, from the captioner: for models that cannot see."""

from __future__ import annotations

from sightline import subjects
from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Answer, Frame, Question, Source, Track, TrackEnded, Trigger
from sightline_agent.eyes import Eyes
from sightline_agent.images.upload import Upload
from sightline_agent.render import clean

log = get_logger()

STAGE = "captioner"
SECONDS = 10.0
QUESTION = "Describe this image, and quote the text in it."
MAX_CHARS = 1_000


async def describe(eyes: Eyes | None, upload: Upload) -> str:
    """One quotable line; empty where nobody answers, or there is no bus."""
    if eyes is None or eyes.bus is None:
        return ""
    try:
        return clean(await _ask(eyes.bus, eyes.room, upload), MAX_CHARS)
    except SightlineError as error:
        log.warning("upload_not_described", reason=str(error))
        return ""


async def _ask(bus: Bus, room: str, upload: Upload) -> str:
    """Publish the picture as a track of its sender's, ask about it, and end the track."""
    track = Track(room=room, participant=upload.sender, id=f"upload-{upload.id}", source=Source.OTHER)
    picture = upload.picture
    frame = Frame(
        track=track,
        sequence=1,
        captured_at=bus.now(),
        trigger=Trigger.USER_REQUEST,
        width=picture.width,
        height=picture.height,
        content_type=picture.content_type,
        content_hash=Frame.hash_of(picture.data),
        data=picture.data,
    )
    await bus.publish(frame)
    try:
        question = Question(track=track, question=QUESTION)
        answer = await bus.request(subjects.ask(STAGE), question, Answer, timeout=SECONDS)
    finally:
        await bus.publish(TrackEnded(track=track, sequence=1))
    if answer.error:
        log.warning("upload_not_described", reason=answer.error)
    return answer.text
