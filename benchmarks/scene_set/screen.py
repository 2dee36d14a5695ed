"""What people share of their screens: pages of text, tables, windows and a pointer; 1280 × 720."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from scene_set.views import Random

WIDTH, HEIGHT = 1280, 720
POINTER = ((0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12))
"""As desktops draw it, in pixels."""

BAR, MARGIN = 28, 40
BAR_COLOUR = (60, 90, 150)
LETTERS = "etaoinshrdlucmfwypvbgkqjxz"

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Screen:
    """One screen, with a bar along its upper edge.

    Attributes:
        lines: Text, from top to bottom.
        size: Of the text, in pixels.
        dark: Light text on dark.
        window: A window in front: left, top, right, bottom.
        block: A diagram on the page.
        pointer: Where the pointer is.
        caret: The line at whose end a caret stands.
        scroll: Pixels that the text has moved up.
    """

    lines: tuple[str, ...]
    size: int = 18
    dark: bool = False
    window: Box | None = None
    block: Box | None = None
    pointer: tuple[int, int] | None = None
    caret: int | None = None
    scroll: int = 0

    def paint(self) -> Pixels:
        """Height × width × 3, uint8, RGB."""
        still = replace(self, pointer=None, caret=None)
        picture = Image.fromarray(_still(still))
        draw = ImageDraw.Draw(picture)
        if self.caret is not None:
            left = MARGIN + 3 + int(_font(self.size).getlength(self.lines[self.caret]))
            top = BAR + 16 + self.place(self.caret)
            draw.rectangle((left, top, left + 1, top + self.size), fill=self.ink)
        if self.pointer is not None:
            at = [(self.pointer[0] + x, self.pointer[1] + y) for x, y in POINTER]
            draw.polygon(at, fill=(0, 0, 0), outline=(255, 255, 255))
        return np.asarray(picture)

    @property
    def ink(self) -> Colour:
        return (215, 215, 215) if self.dark else (25, 25, 25)

    def place(self, line: int) -> int:
        """How far below the bar a line begins, in pixels."""
        return line * (self.size * 3 // 2) - self.scroll

    @property
    def room(self) -> int:
        """Lines that fit."""
        return (HEIGHT - BAR - 40) // (self.size * 3 // 2)

    def with_line(self, number: int, text: str) -> Screen:
        lines = [*self.lines]
        lines[number] = text
        return replace(self, lines=tuple(lines))


def sentence(random: Random, letters: int) -> str:
    """Words of about so many letters together; letters are as frequent as in English."""
    weights = 1 / (np.arange(len(LETTERS)) + 3)
    words: list[str] = []
    while sum(map(len, words)) + len(words) < letters:
        size = int(random.integers(2, 10))
        words.append("".join(random.choice(list(LETTERS), size, p=weights / weights.sum())))
    return " ".join(words)[:letters].strip().capitalize()


def amount(random: Random) -> str:
    """A figure as tables show it: seven to nine characters."""
    return f"{random.integers(1_000, 99_999):,}.{random.integers(10, 99)}"


def page(random: Random, share: float = 0.8) -> Screen:
    """A page of text that fills this share of the screen."""
    screen = Screen((), size=int(random.integers(15, 23)), dark=bool(random.random() < 0.4))
    lines = [sentence(random, int(random.integers(20, 70))) for _ in range(round(share * screen.room))]
    return replace(screen, lines=tuple(lines))


@lru_cache(maxsize=8)
def _still(screen: Screen) -> Pixels:
    """What of a screen does not move."""
    paper = (30, 30, 30) if screen.dark else (245, 245, 245)
    picture = Image.new("RGB", (WIDTH, HEIGHT), paper)
    draw, font = ImageDraw.Draw(picture), _font(screen.size)
    for number, line in enumerate(screen.lines):
        draw.text((MARGIN, BAR + 16 + screen.place(number)), line, fill=screen.ink, font=font)
    if screen.block is not None:
        draw.rectangle(screen.block, fill=(150, 120, 70), outline=screen.ink)
    if screen.window is not None:
        draw.rectangle(screen.window, fill=(215, 215, 220), outline=(90, 90, 90), width=2)
        at = (screen.window[0] + 16, screen.window[1] + 16)
        draw.text(at, "Save changes?", fill=(20, 20, 20), font=font)
    draw.rectangle((0, 0, WIDTH, BAR), fill=BAR_COLOUR)
    return np.asarray(picture)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
