"""Rooms with a camera in each, in a process of its own: encoding is not what is measured.

``python -m rooms.publisher ROOM…``, in ``benchmarks``; LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET
in the environment, and one JSON object on stdin: ``{"simulcast": true, "fps": 30}``. Says ``ready`` when
all are published, and goes on until stdin is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import cv2
import numpy as np
from livekit import api, rtc

from rooms.watcher import token
from scene_set.views import person, room

WIDTH, HEIGHT = 1280, 720
PICTURES = 12
NOISE, SWAY = 2.0, 5.0


def pictures() -> list[rtc.VideoFrame]:
    """Somebody before a camera who sways a little, with its noise: I420, to be shown to and fro."""
    random = np.random.default_rng(7)
    behind = room(random, WIDTH, HEIGHT)
    before = person(random, behind)
    mask = np.abs(before - behind).max(axis=2, keepdims=True) > 0
    made = []
    noise = random.normal(0, NOISE, behind.shape).astype(np.float32)
    for number in range(PICTURES):
        right = SWAY * np.sin(np.pi * number / PICTURES)
        shift = np.array([[1, 0, right], [0, 1, right / 3]])
        moved = cv2.warpAffine(before, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        where = cv2.warpAffine(np.float32(mask), shift, (WIDTH, HEIGHT))[:, :, None] > 0.5
        seen = np.where(where, moved, behind) + np.roll(noise, 61 * number, axis=0)
        planes = cv2.cvtColor(np.clip(seen, 0, 255).astype(np.uint8), cv2.COLOR_RGB2YUV_I420)
        made.append(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, planes.tobytes()))
    return made + made[-2:0:-1]


async def publish(name: str, simulcast: bool) -> tuple[rtc.Room, rtc.VideoSource]:
    """Join a room, and publish a camera there as clients do."""
    joined = rtc.Room()
    grants = api.VideoGrants(room_join=True, room=name)
    await joined.connect(
        os.environ["LIVEKIT_URL"], token(grants, "alice"), rtc.RoomOptions(auto_subscribe=False)
    )
    source = rtc.VideoSource(WIDTH, HEIGHT)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA, simulcast=simulcast, video_codec=rtc.VideoCodec.VP8
    )
    await joined.local_participant.publish_track(track, options)
    return joined, source


async def main() -> None:
    asked = json.loads(sys.stdin.readline())
    shown = pictures()
    published = [await publish(name, asked["simulcast"]) for name in sys.argv[1:]]
    print("ready", flush=True)
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    began, number = asyncio.get_running_loop().time(), 0
    while not over.done():
        for _, source in published:
            source.capture_frame(shown[number % len(shown)])
        number += 1
        await asyncio.wait({over}, timeout=began + number / asked["fps"] - asyncio.get_running_loop().time())
    # The native library may abort as it is taken apart; the server sees the connection go.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
