"""Clips of cameras: what happens before them, or only in them.

Each is a generator of what a camera sees four times a second, together with the number of what there is
to see: it grows with each change that somebody who asks "what do you see?" should hear of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from scene_set.camera import Camera, Faults, Pixels
from scene_set.coded import RATE
from scene_set.views import HEIGHT, WIDTH, Random, View, lamp, person, recoloured, room, thing

CHANGES = 3
Shown = tuple[Pixels, int]
Clip = Callable[[Random], Iterator[Shown]]


def _hold(random: Random) -> int:
    """Pictures that a view is held for: five to seven seconds."""
    return int(random.integers(5 * RATE, 7 * RATE))


def _taken(random: Random, views: list[View], faults: Faults | None = None) -> Iterator[Shown]:
    """Each view for a while, as somebody's usual camera has it."""
    usual = Faults(noise=float(random.uniform(1, 4)), flicker=float(random.uniform(0, 3)))
    camera = Camera(random, faults or usual)
    taken = 0
    for state, view in enumerate(views):
        for _ in range(_hold(random)):
            yield camera.take(view, taken / RATE), state
            taken += 1


def cuts(random: Random) -> Iterator[Shown]:
    """Another room each time."""
    yield from _taken(random, [room(random) for _ in range(CHANGES + 1)])


def _things(random: Random, least: float, most: float) -> Iterator[Shown]:
    empty = room(random)
    shown = [thing(random, empty, random.uniform(least, most)) for _ in range(CHANGES - 1)]
    yield from _taken(random, [empty, *shown, empty])


def large_things(random: Random) -> Iterator[Shown]:
    """Something is held up, something else, and nothing: 10 to 30 % of the picture."""
    yield from _things(random, 0.1, 0.3)


def small_things(random: Random) -> Iterator[Shown]:
    """The same of 3 to 8 %: a cup, a phone."""
    yield from _things(random, 0.03, 0.08)


def people(random: Random) -> Iterator[Shown]:
    """Somebody comes, and goes, and another comes."""
    empty = room(random)
    yield from _taken(random, [empty, person(random, empty), empty, person(random, empty)])


def lights(random: Random) -> Iterator[Shown]:
    """The light goes out, and on."""
    lit = room(random)
    dark = (lit * random.uniform(0.12, 0.3)).astype(np.float32)
    yield from _taken(random, [lit, dark, lit, dark])


def lamps(random: Random) -> Iterator[Shown]:
    """A lamp in the room goes on, and off."""
    view = room(random)
    yield from _taken(random, [view, lamp(random, view), view, lamp(random, view)])


def colours(random: Random) -> Iterator[Shown]:
    """Something turns to another colour of the same brightness: 4 to 10 % of the picture."""
    view = room(random)
    turned = [recoloured(random, view, random.uniform(0.04, 0.1)) for _ in range(CHANGES)]
    yield from _taken(random, [view, *turned])


def pans(random: Random) -> Iterator[Shown]:
    """The camera turns by more than half a picture in two to four seconds, rests, and turns on."""
    wide = room(random, width=3 * WIDTH)
    yield from _panned(random, wide, [0, WIDTH * 2 // 3, WIDTH * 4 // 3], float(random.uniform(2, 4)))


def slow_pans(random: Random) -> Iterator[Shown]:
    """The same in twenty seconds: no two pictures differ by much."""
    yield from _panned(random, room(random, width=2 * WIDTH), [0, WIDTH * 2 // 3], 20)


def _panned(random: Random, wide: View, stops: list[int], seconds: float) -> Iterator[Shown]:
    camera, step = Camera(random, Faults()), WIDTH // 10
    places: list[int] = []
    for number, stop in enumerate(stops):
        begin = stops[number - 1] if number else stop
        moving = round(seconds * RATE) if number else 0
        places += [round(begin + (stop - begin) * part / moving) for part in range(1, moving + 1)]
        places += [stop] * _hold(random)
    for taken, left in enumerate(places):
        # A tenth of the picture further there is something else to see.
        yield camera.take(wide[:, left : left + WIDTH], taken / RATE), left // step


def zooms(random: Random) -> Iterator[Shown]:
    """The camera goes nearer by half, and back."""
    view = room(random)
    width, height = WIDTH * 2 // 3, HEIGHT * 2 // 3
    left, top = int(random.integers(0, WIDTH - width)), int(random.integers(0, HEIGHT - height))
    near = cv2.resize(view[top : top + height, left : left + width], (WIDTH, HEIGHT))
    yield from _taken(random, [view, np.asarray(near, np.float32), view])


def _still(random: Random, faults: Faults) -> Iterator[Shown]:
    view = room(random)
    yield from ((pixels, 0) for pixels, _ in _taken(random, [view] * 3, faults))


def noise(random: Random) -> Iterator[Shown]:
    """A dark room, and a camera that makes much noise of it."""
    yield from _still(random, Faults(noise=float(random.uniform(5, 10))))


def flicker(random: Random) -> Iterator[Shown]:
    """Bands of mains light run through the picture."""
    yield from _still(random, Faults(flicker=float(random.uniform(5, 9))))


def exposure(random: Random) -> Iterator[Shown]:
    """Exposure that cannot settle."""
    yield from _still(random, Faults(exposure=float(random.uniform(0.1, 0.22)), adapts=False))


def white_balance(random: Random) -> Iterator[Shown]:
    """White balance that drifts."""
    yield from _still(random, Faults(white_balance=float(random.uniform(4, 9))))


def trembling(random: Random) -> Iterator[Shown]:
    """A camera on a table that shakes, by a pixel to each side."""
    yield from _still(random, Faults(tremble=1.0))


def sunlight(random: Random) -> Iterator[Shown]:
    """Clouds before the sun: one side of the room grows brighter and darker."""
    yield from _still(random, Faults(sun=float(random.uniform(5, 10))))


def small_motion(random: Random) -> Iterator[Shown]:
    """A pendulum, less than one per cent of the picture, goes to and fro."""
    view, camera = room(random), Camera(random, Faults())
    across, down = int(random.integers(40, WIDTH - 40)), int(random.integers(30, HEIGHT - 30))
    for taken in range(18 * RATE):
        seen = view.copy()
        at = across + round(10 * float(np.sin(taken * 1.3)))
        cv2.circle(seen, (at, down), 7, (220, 210, 180), -1)
        yield camera.take(seen, taken / RATE), 0
