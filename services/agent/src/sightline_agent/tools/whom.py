"""Which cameras and screens a model means by a name that it heard: ``Alice``, ``bobs screen``, ``me``.

Pure: nothing here does I/O.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

from sightline.messages import FrameInfo, Source
from sightline_agent.tools.answers import NO_NAMES, NotPossibleError, listed, name, whose

ALIKE = 0.7
"""Of two names, 1 being the same: what speech-to-text makes of a name still finds it."""

CAMERA = frozenset({"camera", "cam", "webcam", "video"})
SCREEN = frozenset({"screen", "screenshare", "share", "desktop", "monitor", "slides", "presentation"})
SPEAKER = frozenset({"me", "my", "i", "mine", "myself", "user", "speaker"})
EVERYBODY = frozenset({"all", "everyone", "everybody", "anyone", "anybody", "any", "room"})
FILLING = frozenset({"the", "of", "a", "s"})

_WORD = re.compile(r"[^\W_]+")
_OWNER = re.compile(r"['’]s?\b")


def choose(
    in_view: Sequence[FrameInfo], who: str, speaker: str = "", names: Mapping[str, str] = NO_NAMES
) -> list[FrameInfo]:
    """The tracks that are meant.

    Args:
        in_view: The newest frame of each track, in any order.
        who: Whose, and which of theirs; empty: the speaker's, or everybody's where nobody is known to speak.
        speaker: The identity of whoever the agent talks with.
        names: Display names of those in the room, by identity.

    Returns:
        At least one: the freshest first.

    Raises:
        NotPossibleError: Nothing is in view, nobody is called that, or several are.
    """
    if not in_view:
        raise NotPossibleError(
            "Nothing is in view: nobody in this call shows a camera or a screen right now, or it is not seen "
            "yet. Tell the user so, and ask them to turn the camera on or to share the screen."
        )
    people, source = _meant(in_view, words(who), speaker, names)
    chosen = [
        frame for frame in in_view if frame.track.participant in people and source in (None, _of(frame))
    ]
    if not chosen:
        raise NotPossibleError(_shows_none(in_view, people, source, names))
    return sorted(chosen, key=lambda frame: frame.captured_at, reverse=True)


def words(text: str) -> tuple[str, ...]:
    """The words of a name: without accents, case and punctuation.

    >>> words("Zoë's Screen")
    ('zoe', 'screen')
    """
    decomposed = unicodedata.normalize("NFKD", _OWNER.sub(" ", text))
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return tuple(_WORD.findall(plain.casefold()))


def _meant(
    in_view: Sequence[FrameInfo], asked: tuple[str, ...], speaker: str, names: Mapping[str, str]
) -> tuple[set[str], Source | None]:
    """Identities, and which of their tracks; None: any."""
    showing = {frame.track.participant for frame in in_view}
    known = showing | set(names)
    # Somebody may be called "screen": names come before words about them.
    if exact := _called(asked, known, names, exactly=True):
        return exact, None
    source = _source(asked)
    rest = tuple(word for word in asked if word not in CAMERA | SCREEN | FILLING)
    if not rest:
        alone = {speaker} if speaker in showing else showing
        if source is not None and not any(_of(f) is source for f in in_view if f.track.participant in alone):
            alone = showing
        return alone, source
    if set(rest) <= EVERYBODY:
        return showing, source
    if set(rest) <= SPEAKER:
        return ({speaker} if speaker else showing), source
    found = _called(rest, known, names)
    if not found:
        raise NotPossibleError(
            f'Nobody in this call is called "{name(" ".join(rest))}". '
            f"In view are {_in_view(in_view, names)}. "
            "Call look again with one of these, or ask the user whom they mean."
        )
    if len(found) > 1:
        raise NotPossibleError(
            f'"{name(" ".join(rest))}" may be any of {listed(map(name, sorted(found)))}. '
            "Call look again with one of these, or ask the user whom they mean."
        )
    return found, source


def _called(
    asked: tuple[str, ...], known: Iterable[str], names: Mapping[str, str], exactly: bool = False
) -> set[str]:
    """Those whose name, or identity, comes closest; several where it fits them equally."""
    scores: dict[str, float] = {}
    for identity in known:
        own = (identity, names.get(identity, ""))
        scores[identity] = max(_alike(asked, words(each)) for each in own if each)
    best = max(scores.values(), default=0.0)
    if best < (2.0 if exactly else ALIKE):
        return set()
    return {identity for identity, score in scores.items() if score == best}


def _alike(asked: tuple[str, ...], own: tuple[str, ...]) -> float:
    """How well a name fits: 2 is the same, above 1 some of its words, 0 to 1 its letters."""
    if not asked or not own:
        return 0.0
    if asked == own:
        return 2.0
    if set(asked) <= set(own) or set(own) <= set(asked):
        return 1.5
    whole, other = "".join(asked), "".join(own)
    if whole == other:
        return 1.9
    if min(len(whole), len(other)) >= 3 and (other.startswith(whole) or whole.startswith(other)):
        return 1.2
    parts = (*own, other)
    return max(SequenceMatcher(None, whole, part).ratio() for part in parts)


def _source(asked: Iterable[str]) -> Source | None:
    said = set(asked)
    if said & SCREEN:
        return Source.SCREEN
    return Source.CAMERA if said & CAMERA else None


def _of(frame: FrameInfo) -> Source:
    # What is neither a screen nor a camera by its name is asked for as a camera.
    return Source.SCREEN if frame.track.source is Source.SCREEN else Source.CAMERA


def _shows_none(
    in_view: Sequence[FrameInfo], people: set[str], source: Source | None, names: Mapping[str, str]
) -> str:
    what = {Source.SCREEN: "shares no screen", Source.CAMERA: "shows no camera"}
    missing = what[source] if source is not None else "shows no camera and no screen"
    return (
        f"{listed(map(name, sorted(people)))} {missing}. In view are {_in_view(in_view, names)}. "
        "Tell the user so, or call look again with one of these."
    )


def _in_view(frames: Iterable[FrameInfo], names: Mapping[str, str]) -> str:
    return listed(sorted(whose(frame.track, names) for frame in frames))
