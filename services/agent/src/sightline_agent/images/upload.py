"""One upload: a byte stream of a participant's, read within limits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from livekit import rtc
from livekit.rtc.data_stream import StreamError

from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.still import ImageError, Still, still
from sightline_agent.render import MAX_NAME_CHARS, clean


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that a participant sent.

    Attributes:
        sender: The participant's identity, as the server knows it.
        id: Of the stream, unique.
        name: Of the file, as the sender says; one short line.
    """

    sender: str
    id: str
    name: str
    picture: Still


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upload that is not taken, and why."""

    sender: str
    id: str
    name: str
    reason: str


async def receive(
    reader: rtc.ByteStreamReader, sender: str, settings: ImageSettings, decoding: asyncio.Semaphore
) -> Upload | Refusal:
    """Read a stream to its end, or until it breaks a limit. The reader is closed.

    Args:
        decoding: How many pictures are decoded at once: each takes some 100 MB for a moment.
    """
    info = reader.info
    name = clean(info.name, MAX_NAME_CHARS)
    try:
        async with asyncio.timeout(settings.image_upload_seconds):
            data = await _read(reader, settings.image_max_bytes)
        async with decoding:
            picture = await asyncio.to_thread(still, data, settings)
    except ImageError as error:
        return Refusal(sender, info.stream_id, name, str(error))
    except TimeoutError:
        late = f"it did not arrive within {settings.image_upload_seconds:g} s"
        return Refusal(sender, info.stream_id, name, late)
    except StreamError:
        return Refusal(sender, info.stream_id, name, "it broke off on the way")
    finally:
        reader.close()
    return Upload(sender, info.stream_id, name, picture)


async def _read(reader: rtc.ByteStreamReader, max_bytes: int) -> bytes:
    # The sender's word, if there is one: not believed, but enough to refuse early.
    if (reader.info.size or 0) > max_bytes:
        raise ImageError(f"it has {reader.info.size:,} bytes; {max_bytes:,} are taken")
    data = bytearray()
    async for chunk in reader:
        data += chunk
        if len(data) > max_bytes:
            raise ImageError(f"it has more than {max_bytes:,} bytes")
    return bytes(data)
