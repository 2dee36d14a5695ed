"""``sightline doctor``: looks at everything that Sightline needs, and says how to mend it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable

from sightline.cli.connect import without_credentials
from sightline.cli.doctor import bus, livekit, llm, machine, trial
from sightline.cli.doctor.finding import Finding, State, fail
from sightline.cli.output import emit, printable, say

CHECK_SECONDS = 40.0
"""What one check may take: a few bounded steps, one after the other."""

Check = Callable[[], Awaitable[list[Finding]]]

CHECKS: dict[str, Check] = {
    "settings": machine.settings,
    "nats": bus.check,
    "livekit": livekit.check,
    "workers": trial.check,
    "llm": llm.check,
    "tools": machine.tools,
}
"""In the order in which they are shown; they run at the same time."""

COLOURS = {State.OK: "32", State.WARN: "33", State.FAIL: "31"}


async def doctor(as_json: bool) -> bool:
    """Run all checks and print what they find.

    Returns:
        Whether nothing failed; warnings do not count.
    """
    running = [asyncio.create_task(_bounded(name, check)) for name, check in CHECKS.items()]
    findings: list[Finding] = []
    for task in running:
        found = await task
        _show(found, as_json)
        findings += found
    failed = sum(finding.state is State.FAIL for finding in findings)
    warned = sum(finding.state is State.WARN for finding in findings)
    if not as_json:
        say(f"\n{failed} failed, {warned} with a warning, {len(findings) - failed - warned} fine")
    return not failed


async def _bounded(name: str, check: Check) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        text = f"the check did not end within {CHECK_SECONDS:g} s"
        return [fail(name, text, "is the network there? `sightline --debug doctor` logs what it waits for")]


def _show(findings: Iterable[Finding], as_json: bool) -> None:
    for finding in findings:
        text, mend = printable(without_credentials(finding.text)), printable(finding.mend)
        if as_json:
            emit({"check": finding.check, "state": finding.state.value, "text": text, "mend": mend})
            continue
        say(f"{_coloured(finding.state)}  {finding.check:<12} {text}")
        if mend:
            say(f"{'':20}-> {mend}")


def _coloured(state: State) -> str:
    word = f"{state.value:<4}"
    return f"\x1b[{COLOURS[state]}m{word}\x1b[0m" if sys.stdout.isatty() else word
