"""What a check found, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is: fine, works with less, does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    Attributes:
        check: What was looked at.
        text: What was found. Never holds a secret.
        mend: What to do about it; empty where nothing needs doing.
    """

    check: str
    state: State
    text: str
    mend: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, State.OK, text)


def warn(check: str, text: str, mend: str) -> Finding:
    return Finding(check, State.WARN, text, mend)


def fail(check: str, text: str, mend: str) -> Finding:
    return Finding(check, State.FAIL, text, mend)
