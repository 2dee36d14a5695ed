"""What vision adds to a voice turn, how old what the agent saw is, and how long its event loop stands still.

    python benchmarks/turns.py [--quick] [--gate] [--json FILE]

The whole system is real: NATS, livekit-server, room-ingest, captioner, agents in LiveKit's own sessions,
people with cameras and voices. The models are HTTP servers that speak the real protocols; describing a
picture takes 0.4 s there. A picture holds the moment at which it was before the camera, its description says
that moment, and so the age of what a model is shown is read from the request that reaches it. Every picture
differs from the one before.

All agents are in one process and have their turns one kind after another:

    no vision      livekit.agents.Agent
    sightline      VisionAgent
    recipe         LiveKit's recipe with Moondream: the newest frame is described as the turn is over
    async recipe   the same with what blocks in a thread
    image in turn  LiveKit's recipe for models that see: the newest frame is appended as the turn is over

Time added (row 1) is from the end of the turn, as LiveKit's recognition reports it to the session, until the
HTTP request to the language model begins, its body made, less the same of the agent without vision: p50 less
its p50, p99 less its p99. The stall (row 3) is the longest gap of a 5 ms ticker in the agents' process from
when the user begins to speak until that request. For these, turns are driven: the session is told what its
recognition of 1.5 s of speech would tell it. The ages (row 2) are those of turns of 1.5 s of speech that are
spoken into a microphone, and heard by Silero and an endpoint of speech-to-text: a fast one, which takes 0.2 s
after the last word, and for ours one that takes 0.5 s, too.
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
ALONE = " alone"
"""One conversation in the process and no other: where the event loop is watched."""

RESOLUTION = 0.1
"""Milliseconds: what was added counts as no less, so that ratios do not grow with noise."""

NOTHING = 60.0
"""Seconds: the age of what a turn was shown that was shown nothing."""

AGE_AIM = MODEL_SECONDS + 0.3

Runs = dict[str, list[list[Shown]]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        repetitions: Of everything.
        rooms: Conversations at once with ours, and with the agent without vision; their turns end one after
            another.
        turns: In each of these.
        alone: Turns of a conversation that is alone, as those of the recipes are.
        callers: People who speak aloud with ours at once; with each recipe it is one.
        spoken: Turns of each.
    """

    repetitions: int
    rooms: int
    turns: int
    alone: int
    callers: int
    spoken: int


FULL = Size(repetitions=3, rooms=8, turns=12, alone=4, callers=2, spoken=4)
QUICK = Size(repetitions=1, rooms=4, turns=2, alone=2, callers=1, spoken=1)


async def measure(options: Options) -> list[Row]:
    size = QUICK if options.quick else FULL
    async with whole_system() as system:
        rooms = {name: rooms_of(name, size) for name in KINDS}
        async with system.stage([room for each in rooms.values() for room in each]) as stage:
            runs: dict[str, Callable[[], Awaitable[list[Shown]]]] = {}
            for name in (BLIND, OURS):
                runs[name] = lambda at=rooms[name]: stage.driven(at, size.turns)
                runs[name + ALONE] = lambda at=rooms[name][:1]: stage.driven(at, size.alone)
            for name in RECIPES:
                runs[name] = lambda at=rooms[name]: stage.driven(at, size.alone)
            say("turns that are driven")
            driven = await interleaved(runs, size.repetitions)
        rows = [added(driven), stalls(driven)]
        if not options.gate:
            wanted = 2 * size.repetitions * size.callers * size.spoken
            rows.insert(1, ages(await spoken(system, size), wanted))
    return rows


def rooms_of(name: str, size: Size) -> list[str]:
    count = size.rooms if name in (BLIND, OURS) else 1
    return [f"{KINDS[name]}-{number}" for number in range(count)]


async def spoken(system: Whole, size: Size) -> Runs:
    """Turns that are spoken into a microphone."""
    names = {name: size.callers if name == OURS else 1 for name in (OURS, *RECIPES)}
    rooms = {name: [f"{KINDS[name]}-{number}-aloud" for number in range(names[name])] for name in names}
    async with system.spoken([room for each in rooms.values() for room in each]) as (stage, callers):
        say("turns that are spoken")
        runs = {
            name: lambda at=at: stage.aloud([callers[room] for room in at], at, size.spoken, FAST)
            for name, at in rooms.items()
        }
        ours = rooms[OURS]
        runs[HEARD_SLOWLY] = lambda: stage.aloud([callers[room] for room in ours], ours, size.spoken, SLOW)
        return await interleaved(runs, size.repetitions)


def added(driven: Runs) -> Row:
    """Row 1."""
    figures = []
    for percent, aim in ((50, 1.0), (99, 5.0)):
        blind = of_each(driven[BLIND], lambda shown: shown.added, percent)
        spreads = {}
        for name in (OURS, *RECIPES):
            seeing = of_each(driven[name], lambda shown: shown.added, percent)
            spreads[name] = Spread.of(
                max(1000 * (mine - theirs), RESOLUTION) for mine, theirs in zip(seeing, blind, strict=True)
            )
        ours = spreads.pop(OURS)
        ratio = spreads["recipe"].over(ours).median
        wanted = f"under {aim:g} ms" + (" and 300 times less than the recipe" if percent == 50 else "")
        met = ours.median < aim and (percent != 50 or ratio >= 300)
        gates = {"recipe": 8.0} if percent == 50 else {}
        name = f"time added to a turn, p{percent}"
        figures.append(
            Figure(name=name, ours=ours, baselines=spreads, unit="ms", aim=wanted, met=met, gates=gates)
        )
    return Row(
        number=1, title="time added to a voice turn by vision", figures=figures, notes=added_notes(driven)
    )


def added_notes(driven: Runs) -> str:
    turns = {name: sum(map(len, driven[name])) for name in (OURS, "recipe")}
    blind = 1000 * statistics.median(of_each(driven[BLIND], lambda shown: shown.added, 99))
    unseen = sum(shown.age is None for run in driven[OURS] for shown in run)
    return (
        "From the end of the turn to the request to the model, less the same without vision in the "
        f"same repetition; less than {RESOLUTION} ms counts as that. {turns[OURS]} turns of ours, {unseen} "
        f"of them shown nothing; {turns['recipe']} of each recipe. The p99 without vision is {blind:.1f} ms. "
        "The reply is begun as the turn is over in all of them. The time that a model takes to look at an "
        "image in the turn is not in here."
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

    both = [*said[OURS], *said[HEARD_SLOWLY]]
    share = of_the_turn(both)
    every = statistics.fmean(share.samples)
    figures = [
        Figure(
            name=f"age of what the model is shown, p95, speech-to-text in {hearing:g} s",
            ours=(age := oldest(said[name])),
            baselines={name: oldest(said[name]) for name in RECIPES} if name == OURS else {},
            unit="s",
            aim=f"at most {AGE_AIM:g} s, the model's latency and 0.3 s",
            met=age.median <= AGE_AIM,
        )
        for name, hearing in ((OURS, FAST), (HEARD_SLOWLY, SLOW))
    ] + [
        Figure(
            name="turns that are shown a frame taken after speech began",
            ours=share,
            baselines={name: of_the_turn(said[name]) for name in RECIPES},
            unit="%",
            better="more",
            aim="at least 99 %",
            met=every >= 99,
        ),
    ]
    heard = sum(map(len, both))
    delays = {
        hearing: statistics.median(s.turn.ended - s.spoke_at for run in said[name] for s in run)
        for name, hearing in ((OURS, FAST), (HEARD_SLOWLY, SLOW))
    }
    notes = (
        "Ages are those of the pixels, as the request to the model begins: at the end of the turn for ours, "
        f"after the description for the recipes. {wanted} turns of ours, of which {heard} were heard. A turn "
        f"is over {delays[FAST]:.1f} s after its first word where speech-to-text takes {FAST:g} s, "
        f"{delays[SLOW]:.1f} s where it takes {SLOW:g} s. The camera never shows the same picture twice. "
        "The frame of a turn is asked for as the user begins to speak; while they speak, newer ones are "
        "sampled once a second. The recipes describe after the turn, which row 1 counts."
    )
    return Row(number=2, title="age of what a voice turn is shown", figures=figures, notes=notes)


def stalls(driven: Runs) -> Row:
    """Row 3."""
    names = {BLIND: BLIND + ALONE, **{name: name for name in RECIPES}}
    figures = []
    for name, percent in (
        ("longest gap of the ticker in a turn, p50", 50),
        ("the same, longest of all", 100),
    ):

        def gaps(run: str, percent: int = percent) -> Spread:
            return Spread.of(1000 * each for each in of_each(driven[run], lambda s: s.turn.stall, percent))

        ours = gaps(OURS + ALONE)
        figures.append(
            Figure(
                name=name,
                ours=ours,
                baselines={baseline: gaps(run) for baseline, run in names.items()},
                unit="ms",
                aim="under 10 ms",
                met=ours.median < 10,
                gates={"recipe": 2.0} if percent == 50 else {},
            )
        )
    notes = (
        "A ticker of 5 ms in the agents' process, from when the user begins to speak until the request to "
        "the model; the process's other conversations rest. The gap holds the 5 ms themselves. What the "
        "process has imported is frozen for the garbage collector, in all of them alike, as LiveKit freezes "
        "what it preloads for jobs; else a full collection stops the loop for a sixth of a second."
    )
    return Row(number=3, title="event-loop stall while captioning", figures=figures, notes=notes)


def of_each(runs: Sequence[Sequence[Shown]], value: Callable[[Shown], float], percent: float) -> list[float]:
    """Of each repetition, this percentile."""
    return [percentile([value(shown) for shown in run], percent) for run in runs]


if __name__ == "__main__":
    main("turns", measure, __doc__)
