"""Row 8: what a picture costs on its way to a model, compared with LiveKit's encoder and with Pillow.

    python benchmarks/encoding.py [--quick]

Two jobs, on one core, in CPU time, so that a busy machine changes little. The baselines make the same
picture of the same input, which is checked first, in the form that their documentation shows:

- A 720p I420 picture, as a LiveKit track delivers it, becomes a JPEG of 1280, 1024 or 512 px: what
  room-ingest does with each frame. ``livekit.agents.utils.images.encode`` is given the frame and, for the
  smaller ones, ``ResizeOptions(…, strategy="scale_aspect_fit")`` as in LiveKit's vision guide, where it is
  1024 (livekit-agents, ``livekit/agents/utils/images/image.py``). Pillow is given RGB by the SDK's own
  conversion, without a copy, and then ``Image.thumbnail``.
- A 720p JPEG becomes a JPEG of 512 px: what the encoder stage does, here through ``Encoder.process``, thread
  and all. Pillow does it with ``Image.thumbnail``, and once more with ``draft`` before, which lets libjpeg
  decode at half the size (Pillow, ``src/PIL/Image.py`` and ``src/PIL/JpegImagePlugin.py``).
"""

from __future__ import annotations

import asyncio
import io
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import cv2
import numpy as np
import simplejpeg
from livekit import rtc
from livekit.agents.utils.images import EncodeOptions, ResizeOptions, encode as livekit_encode
from PIL import Image

from harness import Figure, Options, Row, Spread, interleaved, main
from sightline import imaging
from sightline_encoder.profiles import Profile
from sightline_encoder.settings import EncoderSettings
from sightline_encoder.worker import Encoder
from sightline_ingest import jpeg
from sightline_ingest.picture import Picture, from_i420
from support.frames import frame as frame_of

WIDTH, HEIGHT = 1280, 720
WIDTHS = (1280, 1024, 512)
PROFILE = 512
QUALITY = 80
MAX_BYTES = 900_000
CLOSE = 4.0
"""Mean difference of a channel, of 255, between two ways of making the same small picture."""

LIVEKIT, PILLOW = "livekit.agents encode", "Pillow"
LIBJPEG = "libjpeg-turbo alone"
THUMBNAIL, DRAFT = "Pillow thumbnail", "Pillow draft, thumbnail"

Work = Callable[[], bytes]


def i420(seed: int = 0) -> bytearray:
    """A 720p picture with edges, gradients and a little noise, as cameras make them: 0.9 bits a pixel."""
    random = np.random.default_rng(seed)
    coarse = random.integers(16, 235, (18, 32), dtype=np.uint8)
    y = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.int16)
    y += random.normal(0, 2, y.shape).astype(np.int16)
    for place in random.integers(0, HEIGHT - 100, (12, 2)):
        y[place[0] : place[0] + 60, place[1] : place[1] + 90] = random.integers(16, 235)
    chroma = [cv2.resize(coarse[::-1], (WIDTH // 2, HEIGHT // 2)) for _ in range(2)]
    return bytearray(np.clip(y, 16, 235).astype(np.uint8).tobytes() + b"".join(map(bytes, chroma)))


def works(data: bytearray) -> dict[str, dict[str, Work]]:
    """Who -> job -> what does it once."""
    picture = from_i420(data, WIDTH, HEIGHT, datetime.now(UTC))
    frame = rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, data)
    whole = jpeg.encode(picture, WIDTH, QUALITY, MAX_BYTES).data
    found: dict[str, dict[str, Work]] = {"Sightline": {}, LIVEKIT: {}, PILLOW: {}}
    for width in WIDTHS:
        job = f"{width} px"
        found["Sightline"][job] = partial(_by_ingest, picture, width)
        found[LIVEKIT][job] = partial(_by_livekit, frame, width)
        found[PILLOW][job] = partial(_by_pillow, frame, width)
    profile = Profile(name="small", width=PROFILE, height=PROFILE, quality=QUALITY)
    encoder, of_track = Encoder(EncoderSettings(profiles=(profile,))), frame_of(whole)
    loop = asyncio.new_event_loop()
    found["Sightline"]["stage"] = lambda: loop.run_until_complete(encoder.process(of_track))[0].data
    found[THUMBNAIL] = {"stage": partial(_thumbnail, whole, draft=False)}
    found[DRAFT] = {"stage": partial(_thumbnail, whole, draft=True)}
    return found


def _by_ingest(picture: Picture, width: int) -> bytes:
    return jpeg.encode(picture, width, QUALITY, MAX_BYTES).data


def _by_livekit(frame: rtc.VideoFrame, width: int) -> bytes:
    resize = ResizeOptions(width, width, "scale_aspect_fit") if width < WIDTH else None
    return livekit_encode(frame, EncodeOptions(quality=QUALITY, resize_options=resize))


def _by_pillow(frame: rtc.VideoFrame, width: int) -> bytes:
    rgb = frame.convert(rtc.VideoBufferType.RGB24)
    # Whatever has a buffer will do, not only what its types say.
    picture = Image.frombuffer("RGB", (WIDTH, HEIGHT), rgb.data, "raw", "RGB", 0, 1)  # type: ignore[arg-type]
    if width < WIDTH:
        picture.thumbnail((width, width))
    return _saved(picture)


def _thumbnail(data: bytes, draft: bool) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        if draft:
            picture.draft("RGB", (PROFILE, PROFILE * HEIGHT // WIDTH))
        picture.thumbnail((PROFILE, PROFILE))
        return _saved(picture)


def _saved(picture: Image.Image) -> bytes:
    into = io.BytesIO()
    picture.save(into, "JPEG", quality=QUALITY)
    return into.getvalue()


def check_same(all_works: dict[str, dict[str, Work]]) -> None:
    """See that everybody makes the same pictures.

    Raises:
        RuntimeError: Somebody's picture is not the one that the others made, or not of its size.
    """
    for job, ours in all_works["Sightline"].items():
        mine = imaging.decode(ours()).astype(int)
        for name, theirs in all_works.items():
            picture = imaging.decode(theirs[job]()).astype(int) if job in theirs else mine
            if picture.shape != mine.shape or np.abs(picture - mine).mean() > CLOSE:
                raise RuntimeError(f"{job}: expected the same picture of {name} as of Sightline")


def milliseconds(jobs: dict[str, Work], pictures: int) -> dict[str, float]:
    """CPU time of one picture for each job, the median of so many."""
    found = {}
    for job, work in jobs.items():
        times = []
        for _ in range(pictures):
            began = time.process_time()
            work()
            times.append((time.process_time() - began) * 1000)
        found[job] = statistics.median(times)
    return found


async def measure(options: Options) -> list[Row]:
    """Row 8."""
    cv2.setNumThreads(1)
    data = i420()
    all_works = works(data)
    await asyncio.to_thread(check_same, all_works)
    planes = from_i420(data, WIDTH, HEIGHT, datetime.now(UTC))
    all_works[LIBJPEG] = {
        "1280 px": lambda: simplejpeg.encode_jpeg_yuv_planes(planes.y, planes.u, planes.v, QUALITY)
    }
    repetitions, pictures = (3, 8) if options.quick else (9, 24)
    found = await interleaved(
        {name: partial(asyncio.to_thread, milliseconds, jobs, pictures) for name, jobs in all_works.items()},
        repetitions,
        warm_up=True,
    )
    spreads = {
        name: {job: Spread.of(each[job] for each in times) for job in times[0]}
        for name, times in found.items()
    }
    return [row(spreads)]


def row(spreads: dict[str, dict[str, Spread]]) -> Row:
    """Row 8, of the milliseconds of everybody's jobs."""
    ours = spreads["Sightline"]
    figures = [_of_width(width, spreads) for width in WIDTHS]
    rates = {name: _a_second(each["stage"]) for name, each in spreads.items() if "stage" in each}
    stage = rates.pop("Sightline")
    figures.append(
        Figure(
            name=f"encoder stage, {PROFILE} px profile, a core",
            ours=stage,
            baselines=rates,
            unit="frames/s",
            better="more",
            aim="≥ 2 × Pillow",
            met=all(stage.over(each).median >= 2 for each in rates.values()),
            gates={THUMBNAIL: 2.0},
        )
    )
    share = spreads[LIBJPEG]["1280 px"].low / ours["1280 px"].low  # where both were disturbed the least
    notes = (
        "CPU time of one core; all make the same picture of the same 720p input. Not scaled, at 1280 px, "
        f"{share:.0%} of Sightline's time is libjpeg-turbo's own for ready planes, which LiveKit and Pillow "
        "use as well: with the conversions gone little is left to gain. Tried: libjpeg's fast DCT (5 % at a "
        "loss of quality), levels by multiplication instead of a table (twice as fast, kept), scaling in two "
        "steps (kept; docs/decisions/0009-scaled-in-two-steps.md)."
    )
    return Row(number=8, title="720p to JPEG", figures=figures, notes=notes)


def _of_width(width: int, spreads: dict[str, dict[str, Spread]]) -> Figure:
    job = f"{width} px"
    ours, livekit = spreads["Sightline"][job], spreads[LIVEKIT][job]
    return Figure(
        name=f"I420 to {job}" + (", not scaled" if width == WIDTH else ""),
        ours=ours,
        baselines={LIVEKIT: livekit, PILLOW: spreads[PILLOW][job]},
        unit="ms",
        aim="≥ 5 × LiveKit",
        met=livekit.over(ours).median >= 5,
        gates={LIVEKIT: 1.3 if width == WIDTH else 4.0},
    )


def _a_second(milliseconds: Spread) -> Spread:
    return Spread.of(1000 / each for each in milliseconds.samples)


if __name__ == "__main__":
    main("encoding", measure, __doc__)
