"""Recordings of clients, decoded: any container that browsers and devices make, in bounds.

What came is not trusted. FFmpeg may use the demuxers and decoders named here and no others, and may open
nothing: a playlist, a session description or a list of files would have it read from anywhere.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain, groupby
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from sightline_gateway.errors import AudioError
from sightline_gateway.speech.mp4 import declared_samples

RATE = 16_000
"""Samples a second of what is decoded: what speech-to-text models listen at."""

RAW = frozenset({"pcm16", "pcm", "audio/pcm"})
"""Formats without a container: 16 bit, little-endian, mono."""

CONTAINERS = "WebM, Ogg, MP3, MP4, WAV, FLAC, AAC"
_DECODERS = (
    "opus,libopus,vorbis,libvorbis,mp3,mp3float,aac,flac,alac,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le,pcm_alaw,pcm_mulaw"
)
_MAGIC = {b"\x1a\x45\xdf\xa3": "matroska", b"OggS": "ogg", b"fLaC": "flac", b"ID3": "mp3"}
_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"wide", b"free", b"skip")
_OPTIONS = {
    "codec_whitelist": _DECODERS,
    "protocol_whitelist": "none",
    "max_streams": "8",
    # Bytes that are kept while FFmpeg finds out what they are: a hundred times as much, in tiny packets.
    "probesize": str(256 * 1024),
}
_MOST_CHANNELS = 8
_HIGHEST_RATE = 192_000
# Sound at 1 Hz would become 16,000 samples for each of its own. Telephones' 8,000 is the least in use.
_LOWEST_RATE = 4_000
# The memory of an MP4's index grows with what it says, not with its bytes: some 36 bytes a sample.
_MOST_SAMPLES = 1_000_000
# Packets of a recording last milliseconds. Millions of them that last nothing take minutes.
_MOST_PACKETS_A_SECOND = 1_000


def decode(data: bytes, format: str, sample_rate: int | None, max_seconds: float) -> bytes:
    """The sound of a recording: 16 bit samples, mono, at ``RATE``. Blocks: call it in a thread.

    Args:
        data: One whole recording.
        format: One of ``RAW``; anything else is a hint only, the bytes tell.
        sample_rate: Hz, of a raw recording.
        max_seconds: What is longer is refused, without decoding the rest.

    Raises:
        AudioError: It is empty, no recording, or too long.
    """
    if not data:
        raise AudioError("audio_invalid", "The recording is empty.")
    samples = bytearray()
    decoded = _raw(data, sample_rate) if format.lower() in RAW else _contained(data, max_seconds)
    for frame in _resampled(decoded):
        samples += bytes(frame.planes[0])[: frame.samples * 2]
        if len(samples) > max_seconds * RATE * 2:
            raise AudioError(
                "audio_too_large", f"Audio too long. Maximum allowed: {max_seconds:g} seconds a recording"
            )
    return bytes(samples)


def _resampled(decoded: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    try:
        # Joined or damaged recordings change their rate midway; a resampler takes frames of one kind only.
        for _, frames in groupby(decoded, key=_kind):
            resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in chain(frames, [None]):
                if frame is not None:
                    frame.pts = None  # Gaps that its clock claims are not filled.
                yield from resampler.resample(frame)
    except av.FFmpegError as error:
        raise _unusable(error) from error


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _raw(data: bytes, sample_rate: int | None) -> Iterator[AudioFrame]:
    if sample_rate is None:
        raise AudioError("audio_invalid", "Raw audio (pcm16) does not tell its rate: send sampleRate, too.")
    if len(data) % 2:
        raise AudioError(
            "audio_invalid", f"Expected 16 bit samples, got an odd number of bytes ({len(data)})"
        )
    second = sample_rate * 2
    for start in range(0, len(data), second):
        piece = data[start : start + second]
        frame = AudioFrame(format="s16", layout="mono", samples=len(piece) // 2)
        frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate = sample_rate
        yield frame


def _contained(data: bytes, max_seconds: float) -> Iterator[AudioFrame]:
    with _opened(data) as container:
        if not container.streams.audio:
            raise AudioError("audio_invalid", "There is no sound in this recording.")
        stream = container.streams.audio[0]
        codec = stream.codec_context
        if codec is None or codec.name not in _DECODERS.split(","):  # None: no decoder of that name
            name = "unknown" if codec is None else codec.name
            raise AudioError("audio_invalid", f"Sound in this coding ({name}) is not taken.")
        _check(codec.layout.nb_channels, codec.sample_rate)
        for frame in _decoded(container, int((max_seconds + 10) * _MOST_PACKETS_A_SECOND)):
            _check(frame.layout.nb_channels, frame.sample_rate)  # Each may say something else.
            yield frame


def _check(channels: int, rate: int) -> None:
    if not 0 < channels <= _MOST_CHANNELS or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise AudioError(
            "audio_invalid",
            f"Expected at most {_MOST_CHANNELS} channels at {_LOWEST_RATE} to {_HIGHEST_RATE} Hz, "
            f"got {channels} at {rate} Hz.",
        )


def _opened(data: bytes) -> InputContainer:
    demuxer = _demuxer(data)
    if demuxer == "mov" and declared_samples(data) > _MOST_SAMPLES:
        raise AudioError("audio_invalid", "The recording's index claims more samples than a recording has.")
    try:
        return av.open(io.BytesIO(data), "r", format=demuxer, options=dict(_OPTIONS))
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise _unusable(error) from error


def _demuxer(data: bytes) -> str:
    """Which of FFmpeg's demuxers this is for; it is not left to guess among all that it has."""
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[4:8] in _FIRST_BOXES:
        return "mov"
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return "mp3" if data[1] & 0x06 else "aac"  # The layer, which AAC has none of.
    raise AudioError("audio_invalid", f"Expected a recording ({CONTAINERS}), got something else.")


def _decoded(container: InputContainer, most_packets: int) -> Iterator[AudioFrame]:
    """All that can be decoded. As players do, a damaged piece among good ones is passed over."""
    good = bad = 0
    problem: av.FFmpegError | None = None
    stream = container.streams.audio[0]
    for number, packet in enumerate(container.demux()):
        if number > most_packets:
            raise AudioError("audio_invalid", "There are more pieces in this recording than sound has.")
        if packet.stream is not stream:
            continue
        try:
            frames = cast(list[AudioFrame], packet.decode())
        except av.FFmpegError as error:
            bad, problem = bad + 1, error
            continue
        good += len(frames)
        yield from frames
    if problem is not None and bad > good:
        raise _unusable(problem) from problem


def _unusable(error: Exception) -> AudioError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return AudioError("audio_invalid", f"The recording is damaged, or not what it seems to be: {reason}.")
