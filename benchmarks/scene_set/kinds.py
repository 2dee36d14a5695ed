"""All kinds of clips, and a camera before which little happens."""

from __future__ import annotations

from collections.abc import Iterator

from scene_set import cameras, screens
from scene_set.camera import Camera, Faults
from scene_set.cameras import Clip, Shown
from scene_set.coded import RATE
from scene_set.views import Random, room, thing

CAMERAS: tuple[Clip, ...] = (
    cameras.cuts,
    cameras.large_things,
    cameras.small_things,
    cameras.people,
    cameras.lights,
    cameras.lamps,
    cameras.colours,
    cameras.pans,
    cameras.slow_pans,
    cameras.zooms,
    cameras.noise,
    cameras.flicker,
    cameras.exposure,
    cameras.white_balance,
    cameras.trembling,
    cameras.sunlight,
    cameras.small_motion,
)
SCREENS: tuple[Clip, ...] = (
    screens.slides,
    screens.new_lines,
    screens.amounts,
    screens.words,
    screens.dialogs,
    screens.scrolls,
    screens.pointer,
    screens.spinner,
)

EVENT_SECONDS = 40


def mostly_still(random: Random, seconds: int) -> Iterator[Shown]:
    """A camera on a desk: every forty seconds something is put there, or taken away."""
    camera = Camera(random, Faults(noise=3, flicker=3, exposure=0.04, white_balance=3))
    empty = view = room(random)
    state, next_event = 0, EVENT_SECONDS
    for taken in range(seconds * RATE):
        if taken == next_event * RATE:
            view = thing(random, empty, random.uniform(0.04, 0.25)) if view is empty else empty
            state += 1
            next_event += int(random.integers(EVENT_SECONDS // 2, EVENT_SECONDS * 3 // 2))
        yield camera.take(view, taken / RATE), state
