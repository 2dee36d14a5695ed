"""Writes the table of rights into docs/security.md, between its markers; ``--check`` only compares.

The table is made of the very credentials that `sightline nats-config` writes.
"""

from __future__ import annotations

from pathlib import Path

from generated import between, write_or_check

from sightline.cli.nats_config.services import Service, services

WORKER = "your-worker"
PAGE = Path(__file__).with_name("security.md")

STREAM_CALLS = {"STREAM.CREATE": "creates", "STREAM.UPDATE": "changes", "STREAM.MSG.DELETE": "forgets one of"}


def table() -> str:
    """Who may do what, as Markdown."""
    all_services = services([WORKER])
    head = ["| credential | for | publishes | receives | streams |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, all_services)])


def _row(service: Service) -> str:
    allowed = service.rights
    messages = [each for each in allowed.publish if not each.startswith("$JS.")]
    heard = [each for each in allowed.subscribe if not each.startswith("$SRV.")]
    cells = (
        f"`{service.name}`",
        service.purpose,
        _listed(messages),
        _listed(heard),
        _streams(allowed.publish),
    )
    return f"| {' | '.join(cells)} |"


def _listed(subjects: list[str]) -> str:
    return ", ".join(f"`{subject}`" for subject in sorted(subjects)) or "nothing"


def _streams(publish: frozenset[str]) -> str:
    """What it may ask of JetStream, in words."""
    said: dict[str, set[str]] = {}
    for subject in publish:
        if (call := _call(subject)) is not None:
            said.setdefault(call[0], set()).add(call[1])
    order = ("reads", "gets from", "takes from", "prepares queues of", *STREAM_CALLS.values(), "measures")
    parts = [f"{verb} {_names(said[verb])}" for verb in order if verb in said]
    return "; ".join(parts) or "nothing"


def _call(subject: str) -> tuple[str, str] | None:
    tokens = subject.split(".")
    if tokens[:2] != ["$JS", "API"]:
        return None
    call = ".".join(tokens[2:-1])
    if call in STREAM_CALLS:
        return STREAM_CALLS[call], tokens[-1]
    match tokens[2:]:
        case ["CONSUMER", "CREATE", stream]:
            return "reads", stream
        case ["CONSUMER", "CREATE", stream, *_]:
            return "prepares queues of", stream
        case ["CONSUMER", "MSG", "NEXT", stream, queue]:
            return "takes from", f"{stream}/{queue}"
        case ["CONSUMER", "INFO", stream, "*"]:
            return "measures", stream
        case ["DIRECT", "GET", stream, *_]:
            return "gets from", stream
    return None


def _names(names: set[str]) -> str:
    short = {name.replace("SIGHTLINE_", "").replace("KV_sightline_stages", "stages") for name in names}
    return "all" if len(short) == 7 else ", ".join(sorted(short))


if __name__ == "__main__":
    write_or_check(__doc__, lambda: {PAGE: between(PAGE.read_text(encoding="utf-8"), "rights", table())})
