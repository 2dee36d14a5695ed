"""What vision adds to a voice turn, how old what the agent saw is, and how long its event loop stands still.

    python benchmarks/turns.py [--quick] [--gate] [--json FILE]

The whole system is real: NATS, livekit-server, room-ingest, captioner, agents in LiveKit's own sessions,
people with cameras and voices. The models are HTTP servers that speak the real protocols; describing a
picture takes 0.4 s there. A picture holds the moment at which it was before the camera, its description says
that moment, and so the age of what a model is shown is read from the request that reaches it. Every picture
differs from the one before.

All agents are in one process:

    no vision      livekit.agents.Agent
    sightline      VisionAgent
    recipe         LiveKit's recipe with Moondream: the newest frame is described as the turn is over
    async recipe   the same with what blocks in a thread
    image in turn  LiveKit's recipe for models that see: the newest frame is appended as the turn is over

Time added (row 1) is what the agent's own code takes on the way to its model so that the model knows what
is in view, all waiting included: ``Sight.see`` of ours, ``on_user_turn_completed`` of the recipes. From
outside it is measured, too: from the end of the turn, as LiveKit's recognition reports it to the session,
until the HTTP request to the language model begins, its body made, less the same without vision. Agents
with our vision and without any have their turns in the same seconds for that, in several rooms; the recipes
have theirs alone.

The stall (row 3) is the longest gap of a 5 ms ticker in the agents' process from when the user begins to
speak until what is in view is known, with one conversation at a time. For these rows turns are driven: the
session is told what its recognition of 1.5 s of speech would tell it, and 0.2 s later what was said. The
ages (row 2) are those of turns of 1.5 s of speech that are spoken into a microphone, and heard by Silero
and an endpoint of speech-to-text: a fast one, which takes 0.2 s after the last word, and for ours one that
takes 0.5 s, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from harness import Figure, Options, Row, Spread, interleaved, main, percentile, say
from voice_turns.system import HEARING_SECONDS, MODEL_SECONDS, Shown, Whole, whole_system

BLIND, OURS = "no vision", "sightline"
KINDS = {BLIND: "blind", OURS: "sightline", "recipe": "recipe"}
KINDS |= {"async recipe": "async_recipe", "image in turn": "image"}
RECIPES = ("recipe", "async recipe", "image in turn")
FAST, SLOW = HEARING_SECONDS
HEARD_SLOWLY = "sightline, heard slowly"
HEARD = (OURS, HEARD_SLOWLY)
BOTH = "no vision and sightline"
"""Conversations of both kinds at once; by itself each kind has one, and no other has a turn meanwhile."""

RESOLUTION = 0.1
"""Milliseconds: what is measured from outside counts as no less, so that ratios do not grow with noise."""

NOTHING = 60.0
"""Seconds: the age of what a turn was shown that was shown nothing."""

AGE_AIM = MODEL_SECONDS + 0.3

Runs = dict[str, list[list[Shown]]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        repetitions: Of everything.
        rooms: Conversations with ours, and as many with the agent without vision, all at once; their turns
            end one after another.
        turns: In each of these.
        alone: Turns of a conversation that is alone, of each kind.
        spoken: Turns that are spoken aloud, with each kind, and with ours at either speed of hearing.
        ours: Ours by how what is spoken is heard.
        recipes: Those that are compared.
    """

    repetitions: int
    rooms: int
    turns: int
    alone: int
    spoken: int
    ours: Sequence[str]
    recipes: Sequence[str]


FULL = Size(repetitions=3, rooms=4, turns=12, alone=6, spoken=5, ours=HEARD, recipes=RECIPES)
QUICK = Size(repetitions=1, rooms=2, turns=2, alone=1, spoken=1, ours=HEARD[:1], recipes=RECIPES[:1])


async def measure(options: Options) -> list[Row]:
    size = QUICK if options.quick else FULL
    async with whole_system() as system:
        rooms = {name: rooms_of(name, size) for name in (BLIND, OURS, *size.recipes)}
        async with system.stage([room for each in rooms.values() for room in each]) as stage:
            mixed = [room for pair in zip(rooms[BLIND], rooms[OURS], strict=True) for room in pair]
            runs: dict[str, Callable[[], Awaitable[list[Shown]]]] = {
                BOTH: lambda: stage.driven(mixed, size.turns)
            }
            for name in rooms:
                runs[name] = lambda at=rooms[name][:1]: stage.driven(at, size.alone)
            say("turns that are driven")
            driven = await interleaved(runs, size.repetitions)
        rows = [added(driven), stalls(driven)]
        if not options.gate:
            wanted = len(size.ours) * size.repetitions * size.spoken
            rows.insert(1, ages(await spoken(system, size), wanted))
    return rows


def rooms_of(name: str, size: Size) -> list[str]:
    count = size.rooms if name in (BLIND, OURS) else 1
    return [f"{KINDS[name]}-{number}" for number in range(count)]


async def spoken(system: Whole, size: Size) -> Runs:
    """Turns that are spoken into a microphone."""
    names = (*size.ours, *size.recipes)
    rooms = {name: f"{KINDS.get(name, KINDS[OURS])}-{hearing_of(name)}-aloud" for name in names}
    async with system.spoken(list(rooms.values())) as (stage, people):
        say("turns that are spoken")
        runs = {
            name: lambda room=room, name=name: stage.aloud(
                [people[room]], [room], size.spoken, hearing_of(name)
            )
            for name, room in rooms.items()
        }
        return await interleaved(runs, size.repetitions)


def hearing_of(name: str) -> float:
    return SLOW if name == HEARD_SLOWLY else FAST


def added(driven: Runs) -> Row:
    """Row 1."""
    figures = []
    for percent, aim in ((50, 1.0), (99, 5.0)):
        spreads = {
            name: milliseconds(of_each(driven[name], lambda shown: shown.turn.seeing, percent))
            for name in recipes_of(driven)
        }
        ours = milliseconds(of_each(kind(driven, OURS), lambda shown: shown.turn.seeing, percent))
        ratio = spreads["recipe"].over(ours).median
        wanted = f"under {aim:g} ms" + (" and 300 times less than the recipe" if percent == 50 else "")
        met = ours.median < aim and (percent != 50 or ratio >= 300)
        gates = {"recipe": 8.0} if percent == 50 else {}
        name = f"time added to a turn, p{percent}"
        figures.append(
            Figure(name=name, ours=ours, baselines=spreads, unit="ms", aim=wanted, met=met, gates=gates)
        )
    later = Figure(
        name="how much later the request to the model begins than without vision, p50",
        ours=later_than(kind(driven, OURS), kind(driven, BLIND)),
        baselines={name: later_than(driven[name], driven[BLIND]) for name in recipes_of(driven)},
        unit="ms",
    )
    return Row(
        number=1,
        title="time added to a voice turn by vision",
        figures=[*figures, later],
        notes=added_notes(driven),
    )


def recipes_of(runs: Runs) -> list[str]:
    """Those of the recipes that were run."""
    return [name for name in RECIPES if name in runs]


def kind(driven: Runs, name: str) -> list[list[Shown]]:
    """The turns of one kind where both had theirs at once."""
    return [[shown for shown in run if shown.turn.room.startswith(KINDS[name])] for run in driven[BOTH]]


def later_than(seeing: Sequence[Sequence[Shown]], blind: Sequence[Sequence[Shown]]) -> Spread:
    """How much later the request begins, of each repetition p50 less p50."""
    medians = [of_each(runs, lambda shown: shown.added, 50) for runs in (seeing, blind)]
    return Spread.of(max(1000 * (mine - theirs), RESOLUTION) for mine, theirs in zip(*medians, strict=True))


def milliseconds(seconds: Sequence[float]) -> Spread:
    return Spread.of(1000 * each for each in seconds)


def added_notes(driven: Runs) -> str:
    ours = [shown for run in kind(driven, OURS) for shown in run]
    blind = of_each(kind(driven, BLIND), lambda shown: shown.added, 50)
    return (
        "What the agent does on the way to its model so that it knows what is in view, waits included. "
        "From outside, from the end of the turn to the request, it is a difference of two times with much "
        f"of LiveKit's own work in them ({1000 * statistics.median(blind):.0f} ms without vision), and less "
        f"than {RESOLUTION} ms counts as that; there the image in the turn is encoded, too. {len(ours)} "
        f"turns of ours, {sum(shown.age is None for shown in ours)} of them shown nothing; "
        f"{sum(map(len, driven['recipe']))} of each recipe. The reply is begun as the turn is over in all "
        "of them. The time that a model takes to look at an image in the turn is not in here."
    )


def ages(said: Runs, wanted: int) -> Row:
    """Row 2.

    Args:
        wanted: Turns of ours that were spoken, at either speed of hearing.
    """

    def oldest(runs: Sequence[Sequence[Shown]]) -> Spread:
        return Spread.of(of_each(runs, lambda shown: NOTHING if shown.age is None else shown.age, 95))

    def of_the_turn(runs: Sequence[Sequence[Shown]]) -> Spread:
        return Spread.of(100 * sum(shown.is_of_the_turn for shown in run) / len(run) for run in runs)

    recipes = recipes_of(said)
    ours = [name for name in HEARD if name in said]
    all_of_ours = [run for name in ours for run in said[name]]
    share = of_the_turn(all_of_ours)
    every = statistics.fmean(share.samples)
    figures = [
        Figure(
            name=f"age of what the model is shown, p95, speech-to-text in {hearing_of(name):g} s",
            ours=(age := oldest(said[name])),
            baselines={name: oldest(said[name]) for name in recipes} if name == OURS else {},
            unit="s",
            aim=f"at most {AGE_AIM:g} s, the model's latency and 0.3 s",
            met=age.median <= AGE_AIM,
        )
        for name in ours
    ] + [
        Figure(
            name="turns that are shown a frame taken after speech began",
            ours=share,
            baselines={name: of_the_turn(said[name]) for name in recipes},
            unit="%",
            better="more",
            aim="at least 99 %",
            met=every >= 99,
        ),
    ]
    heard = sum(map(len, all_of_ours))
    delays = {
        hearing_of(name): statistics.median(s.turn.ended - s.spoke_at for run in said[name] for s in run)
        for name in ours
    }
    over = ", ".join(f"{delay:.1f} s where it takes {seconds:g} s" for seconds, delay in delays.items())
    notes = (
        "Ages are those of the pixels, as the request to the model begins: at the end of the turn for ours, "
        f"after the description for the recipes. {wanted} turns of ours, of which {heard} were heard. A turn "
        f"is over so long after its first word, by the time that speech-to-text takes: {over}. The camera "
        "never shows the same picture twice. "
        "A frame is asked for as the user begins to speak, and one more as they pause or stop: at the last "
        "of these signs that left time enough in the turns before. While they speak, more are sampled once "
        "a second. The recipes describe after the turn, which row 1 counts."
    )
    return Row(number=2, title="age of what a voice turn is shown", figures=figures, notes=notes)


def stalls(driven: Runs) -> Row:
    """Row 3."""

    def gaps(run: str, percent: int) -> Spread:
        return milliseconds(of_each(driven[run], lambda shown: shown.turn.stall, percent))

    figures = []
    for name, percent in (
        ("longest gap of the ticker in a turn, p50", 50),
        ("the same, longest of all", 100),
    ):
        ours = gaps(OURS, percent)
        figures.append(
            Figure(
                name=name,
                ours=ours,
                baselines={each: gaps(each, percent) for each in (BLIND, *recipes_of(driven))},
                unit="ms",
                aim="under 10 ms",
                met=ours.median < 10,
                gates={"recipe": 2.0} if percent == 50 else {},
            )
        )
    notes = (
        "A ticker of 5 ms in the agents' process, from when the user begins to speak until it is known what "
        "is in view, as the model is about to be asked; the process's other conversations rest. The gap "
        "holds the 5 ms themselves. What the process has imported is frozen for the garbage collector, in "
        "all of them alike, as LiveKit freezes what it preloads for jobs; else a full collection stops the "
        "loop for a sixth of a second."
    )
    return Row(number=3, title="event-loop stall while captioning", figures=figures, notes=notes)


def of_each(runs: Sequence[Sequence[Shown]], value: Callable[[Shown], float], percent: float) -> list[float]:
    """Of each repetition, this percentile."""
    return [percentile([value(shown) for shown in run], percent) for run in runs]


if __name__ == "__main__":
    main("turns", measure, __doc__)
