"""Names are anybody's: each track is captioned as its own, and the model reads who it is."""

from __future__ import annotations

from sightline import subjects
from sightline.bus import Bus
from sightline.messages import Track
from support.stage import Looker, Source, captions, replica

NAMES = [
    "a.b",
    "a*",
    ">",
    "a b",
    " a b",
    "nul\x00nul",
    "grüße 🙂",
    "café",  # one letter, and
    "cafe\u0301",  # two that look like it
    "А",  # Cyrillic, and
    "A",  # Latin
    "x" * 5_000,
    "x" * 4_999 + "y",
]


async def test_tracks_of_any_names_are_captioned_each_under_its_own(bus: Bus) -> None:
    tracks = [Track(room=name, participant=name, id=name) for name in NAMES]
    source = Source(bus)
    async with captions(bus) as found, replica(Looker(4), bus):
        for track in tracks:
            await source.show(track)
        await found.has(len(tracks))
    assert {caption.frame.track for caption in found.messages} == set(tracks)
    assert len({caption.subject for caption in found.messages}) == len(tracks)
    longest = max(len(token) for track in tracks for token in subjects.frame(track).split("."))
    assert longest <= subjects.MAX_TOKEN
