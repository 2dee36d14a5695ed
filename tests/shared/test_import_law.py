"""The import law, checked on the syntax tree of every source file.

Inside the shared library a module imports from its own layer or a lower one. Only ``sightline.bus``
imports nats. Services never import one another, nor does the library import them; but the gateway hosts
a VisionAgent, as anybody's program may. Video comes out of LiveKit in room-ingest alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]

LAYERS = (
    ("errors",),
    ("subjects", "imaging", "scaling", "wire", "turns", "changes"),
    ("messages",),
    ("worker", "config", "topology"),
    ("log", "metrics", "tracing"),
    ("bus",),
    ("health", "stages", "plugins"),
    ("runner", "sampling"),
    ("service",),
    ("embedded", "cli"),
)
"""The modules of the shared library, lowest first: messages <- bus <- runner <- service."""

LAYER_OF = {module: level for level, modules in enumerate(LAYERS) for module in modules}
SHARED = "sightline"
PUBLIC = "worker"
"""``sightline/__init__.py`` gathers what plugin authors need, up to here."""

HOSTS = {"sightline_gateway": {"sightline_agent"}}
"""Which service may import which other: docs/decisions/0007-the-gateway-hosts-a-vision-agent.md."""

LIVEKIT = {
    "livekit.rtc": {"sightline_ingest", "sightline_agent", "sightline_gateway"},
    "livekit.agents": {"sightline_agent", "sightline_gateway"},
    "livekit.plugins": {"sightline_agent"},
}
VIDEO = ("VideoStream", {"sightline_ingest"})


class Import(NamedTuple):
    """One imported name, absolute: ``sightline.bus.Bus`` for ``from sightline.bus import Bus``."""

    name: str
    line: int
    for_types_only: bool


class Source(NamedTuple):
    """A source file and the dotted name of its module."""

    path: Path
    module: str

    @property
    def package(self) -> str:
        return self.module.split(".")[0]


def sources(root: Path) -> list[Source]:
    """Every source file of the library and the services."""
    homes = [root / "shared" / "src", *sorted((root / "services").glob("*/src"))]
    return [
        Source(path, ".".join(path.relative_to(home).with_suffix("").parts))
        for home in homes
        for path in sorted(home.rglob("*.py"))
    ]


def imports(source: Source, tree: ast.AST, for_types_only: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, for_types_only)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(source, node)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, for_types_only)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from imports(source, ast.Module(node.body, []), for_types_only=True)
            yield from imports(source, ast.Module(node.orelse, []), for_types_only)
        else:
            yield from imports(source, node, for_types_only)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    # A package's __init__ counts its own name: one dot there is the package itself.
    parents = source.module.split(".")[: -node.level]
    return ".".join([*parents, *([node.module] if node.module else [])])


def violations(root: Path) -> list[str]:
    """Every breach of the law under ``root``, as ``file:line: what is wrong``."""
    found = []
    for source in sources(root):
        tree = ast.parse(source.path.read_text(), str(source.path))
        where = source.path.relative_to(root)
        breaches = [
            (each.line, why) for each in imports(source, tree) if (why := _judge(source, each)) is not None
        ]
        found += [f"{where}:{line}: {why}" for line, why in breaches + _video(source, tree)]
    return found


def _judge(source: Source, found: Import) -> str | None:
    def of(name: str) -> bool:
        return found.name == name or found.name.startswith(f"{name}.")

    if of("nats"):
        allowed = source.module.startswith(f"{SHARED}.bus")
        return None if allowed else "only sightline.bus talks to NATS"
    top = found.name.split(".")[0]
    if top.startswith(f"{SHARED}_") and top not in {source.package, *HOSTS.get(source.package, ())}:
        return f"{source.package} imports the service {top}; services meet in messages"
    for library, allowed_in in LIVEKIT.items():
        if of(library) and source.package not in allowed_in:
            return f"{library} belongs to {', '.join(sorted(allowed_in))}"
    if top == SHARED == source.package and not found.for_types_only:
        return _direction(source, found)
    return None


def _direction(source: Source, found: Import) -> str | None:
    own = _layered(source.module)
    other = _layered(found.name)
    if own not in LAYER_OF:
        return f"{own} has no layer: give it one in LAYERS"
    if LAYER_OF.get(other, 0) > LAYER_OF[own]:
        return f"{own} imports {other}, which is above it"
    return None


def _layered(name: str) -> str:
    """The part of a dotted name that has a layer; names in the package itself are the public ones."""
    part = [*name.split("."), ""][1]
    is_public = part in ("", "__init__") or (part not in LAYER_OF and part[:1].isupper())
    return PUBLIC if is_public else part


def _video(source: Source, tree: ast.AST) -> list[tuple[int, str]]:
    name, allowed_in = VIDEO
    if source.package in allowed_in:
        return []
    return [
        (node.lineno, f"{name} belongs to {', '.join(sorted(allowed_in))}")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names))
    ]


def test_no_source_file_breaks_the_import_law() -> None:
    assert violations(ROOT) == []


def test_the_law_is_checked_on_all_packages() -> None:
    packages = {source.package for source in sources(ROOT)}
    assert packages == {
        SHARED,
        "sightline_ingest",
        "sightline_captioner",
        "sightline_encoder",
        "sightline_agent",
        "sightline_gateway",
    }


def test_every_layer_names_modules_that_exist() -> None:
    existing = {source.module.split(".")[1] for source in sources(ROOT) if source.package == SHARED}
    assert set(LAYER_OF) == existing - {"__init__"}


BREACHES = {
    "shared/src/sightline/messages.py": [
        ("import json\nimport sightline.bus", "2: messages imports bus, which is above it"),
        ("from sightline.bus import Bus", "1: messages imports bus, which is above it"),
        ("from sightline import bus", "1: messages imports bus, which is above it"),
        ("from .bus import Bus", "1: messages imports bus, which is above it"),
        ("from . import bus", "1: messages imports bus, which is above it"),
        ("from sightline import Frame", "1: messages imports worker, which is above it"),
        ("def late():\n    from sightline import runner", "2: messages imports runner, which is above it"),
        ("try:\n    import nats.js\nexcept ImportError:\n    pass", "2: only sightline.bus talks to NATS"),
        (
            "import sightline_agent",
            "1: sightline imports the service sightline_agent; services meet in messages",
        ),
    ],
    "shared/src/sightline/bus/client.py": [
        ("from ..runner import Runner", "1: bus imports runner, which is above it"),
    ],
    "shared/src/sightline/novelty.py": [
        ("from sightline.errors import DecodeError", "1: novelty has no layer: give it one in LAYERS"),
    ],
    "services/encoder/src/sightline_encoder/worker.py": [
        ("from nats import connect", "1: only sightline.bus talks to NATS"),
        (
            "from sightline_captioner.worker import Captioner",
            "1: sightline_encoder imports the service sightline_captioner; services meet in messages",
        ),
        (
            "from livekit import rtc",
            "1: livekit.rtc belongs to sightline_agent, sightline_gateway, sightline_ingest",
        ),
        ("import livekit.agents", "1: livekit.agents belongs to sightline_agent, sightline_gateway"),
    ],
    "services/gateway/src/sightline_gateway/session/session.py": [
        (
            "from sightline_ingest.jpeg import encode",
            "1: sightline_gateway imports the service sightline_ingest; services meet in messages",
        ),
    ],
    "services/agent/src/sightline_agent/eyes.py": [
        (
            "import sightline_gateway.session",
            "1: sightline_agent imports the service sightline_gateway; services meet in messages",
        ),
        ("from livekit import rtc\nrtc.VideoStream(None)", "2: VideoStream belongs to sightline_ingest"),
        ("from livekit.rtc import VideoStream", "1: VideoStream belongs to sightline_ingest"),
    ],
}


@pytest.mark.parametrize(
    ("file", "code", "breach"), [(file, *case) for file, cases in BREACHES.items() for case in cases]
)
def test_a_breach_is_found_with_its_file_and_line(file: str, code: str, breach: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(code)
    assert violations(tmp_path) == [f"{file}:{breach}"]


LAWFUL = {
    "shared/src/sightline/__init__.py": "from sightline.worker import VisionWorker",
    "shared/src/sightline/subjects.py": "if TYPE_CHECKING:\n    from sightline.messages import Track",
    "shared/src/sightline/bus/client.py": "import nats\nfrom sightline.bus import names\nfrom . import names",
    "shared/src/sightline/service.py": "from sightline.runner import Runner\nimport natsort",
    "services/encoder/src/sightline_encoder/worker.py": "import sightline_encoder.encode as e\nimport cv2",
    "services/agent/src/sightline_agent/worker.py": "from livekit import agents, rtc",
    "services/room-ingest/src/sightline_ingest/room.py": "from livekit.rtc import VideoStream",
    "services/gateway/src/sightline_gateway/session/agent.py": "from sightline_agent import VisionAgent",
}


@pytest.mark.parametrize("file", LAWFUL)
def test_what_the_law_allows_is_left_alone(file: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(LAWFUL[file])
    assert violations(tmp_path) == []
