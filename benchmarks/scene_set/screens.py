"""Clips of shared screens; made and numbered as those of ``cameras``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scene_set.cameras import CHANGES, Shown
from scene_set.coded import RATE
from scene_set.screen import BAR, HEIGHT, WIDTH, Screen, amount, page, sentence
from scene_set.views import Random


def _shared(random: Random, screens: list[Screen]) -> Iterator[Shown]:
    """Each for five to seven seconds, while the pointer moves now and then and a caret blinks."""
    pointer, taken = _anywhere(random), 0
    caret = len(screens[0].lines) // 2
    for state, screen in enumerate(screens):
        for _ in range(int(random.integers(5 * RATE, 7 * RATE))):
            if random.random() < 0.25:
                pointer = _anywhere(random)
            shown = replace(screen, pointer=pointer, caret=caret if taken % 4 < 2 else None)
            yield shown.paint(), state
            taken += 1


def _anywhere(random: Random) -> tuple[int, int]:
    return int(random.integers(0, WIDTH - 12)), int(random.integers(0, HEIGHT - 20))


def slides(random: Random) -> Iterator[Shown]:
    """The next slide: the bar stays, the text and the diagram are others."""
    screens = []
    for _ in range(CHANGES + 1):
        left, top = int(random.integers(600, 800)), int(random.integers(150, 400))
        screens.append(replace(page(random, 0.4), dark=False, block=(left, top, left + 300, top + 200)))
    yield from _shared(random, screens)


def new_lines(random: Random) -> Iterator[Shown]:
    """A line comes to a chat, a terminal, a document: 20 to 60 letters of 15 to 22 pixels."""
    screens = [page(random, 0.5)]
    for _ in range(CHANGES):
        line = sentence(random, int(random.integers(20, 60)))
        screens.append(replace(screens[-1], lines=(*screens[-1].lines, line)))
    yield from _shared(random, screens)


def amounts(random: Random) -> Iterator[Shown]:
    """One figure of a table becomes another: seven to nine characters."""
    table = page(random, 0.7)
    table = replace(table, lines=tuple(f"{line[:12]}   {amount(random)}" for line in table.lines))
    row, screens = int(random.integers(len(table.lines))), [table]
    for _ in range(CHANGES):
        screens.append(screens[-1].with_line(row, f"{table.lines[row][:12]}   {amount(random)}"))
    yield from _shared(random, screens)


def words(random: Random) -> Iterator[Shown]:
    """One line of a page is another: what is in a field, what a button says."""
    screens = [page(random)]
    for _ in range(CHANGES):
        row = int(random.integers(len(screens[-1].lines)))
        screens.append(screens[-1].with_line(row, sentence(random, int(random.integers(12, 30)))))
    yield from _shared(random, screens)


def dialogs(random: Random) -> Iterator[Shown]:
    """A window opens, and closes."""
    plain = page(random)
    left, top = int(random.integers(200, 700)), int(random.integers(150, 400))
    asked = replace(plain, window=(left, top, left + 360, top + 180))
    yield from _shared(random, [plain, asked, plain])


def scrolls(random: Random) -> Iterator[Shown]:
    """The page goes on by a few lines."""
    long = page(random, 2)
    step = long.size * 3 // 2 * int(random.integers(3, 8))
    yield from _shared(random, [replace(long, scroll=step * number) for number in range(CHANGES + 1)])


def pointer(random: Random) -> Iterator[Shown]:
    """Nothing but the pointer and the caret."""
    screen = page(random)
    yield from ((pixels, 0) for pixels, _ in _shared(random, [screen] * 3))


def spinner(random: Random) -> Iterator[Shown]:
    """Something turns in its place, 24 pixels wide, while one waits."""
    screen, at = page(random), _anywhere(random)
    for taken in range(18 * RATE):
        pixels = screen.paint().copy()
        top, left = max(BAR, at[1] - 24), at[0] - at[0] % 2
        turned = pixels[top : top + 24, left : left + 24]
        turned[:] = 128
        turned[8 * (taken % 3) : 8 * (taken % 3) + 8] = 230
        yield pixels, 0
