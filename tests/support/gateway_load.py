"""What must hold of many sessions at once, whoever ran them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from support.load_models import Answered, reply_to
from support.visitor import Asked, Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of all visits.

    Attributes:
        frames: That were sent.
        answered: Seconds from each frame that was answered to its answer.
        asked: The questions, in the order of the clients.
        shown: What came with them to the language model.
        problems: What must not be; empty when all is well.
    """

    frames: int
    answered: list[float]
    asked: list[Asked]
    shown: list[Answered]
    problems: list[str]


def judged(outcomes: Sequence[Outcome], shown: list[Answered]) -> Verdict:
    """Look for lost and mixed-up replies, refused frames, and turns that were shown another's camera."""
    problems = [
        *(f"client {each.client}: {problem}" for each in outcomes for problem in _problems(each)),
        *(f"{each.question} was shown cameras {each}" for each in shown if each.mixed_up),
    ]
    return Verdict(
        frames=sum(each.frames for each in outcomes),
        answered=[seconds for each in outcomes for seconds in each.answered],
        asked=[asked for each in outcomes for asked in each.asked],
        shown=shown,
        problems=problems,
    )


def _problems(outcome: Outcome) -> list[str]:
    problems = [f"was told {error}" for error in outcome.errors]
    problems += [f"got {text!r}, which answers nothing" for text in outcome.surplus]
    if len(outcome.answered) != outcome.frames:
        problems.append(f"sent {outcome.frames} frames, of which {len(outcome.answered)} were answered")
    for asked in outcome.asked:
        if asked.reply is None:
            problems.append(f"asked {asked.question!r} and got no reply")
        elif asked.reply != reply_to(asked.question):
            problems.append(f"asked {asked.question!r} and got {asked.reply!r}")
    if outcome.closed is not None:
        problems.append(f"was sent away with {outcome.closed}")
    return problems
