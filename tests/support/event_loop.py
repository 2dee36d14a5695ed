"""A blocking call on the event loop, made by Sightline's code, is an error in every test.

It raises `blockbuster.BlockingError` where the call was made. What the tests themselves read and
write is theirs. A test that blocks on purpose says so: `@pytest.mark.blocks_the_loop`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from blockbuster import BlockBuster

PACKAGES = (
    "sightline",
    "sightline_ingest",
    "sightline_captioner",
    "sightline_encoder",
    "sightline_agent",
    "sightline_gateway",
)

# File and functions that may block, and why.
ALLOWED = (
    # How structlog shows a traceback where nobody configured it, which is in tests.
    ("rich/traceback.py", ("_render_stack",)),
    # A key of some hundred bytes, read again at each connection so that it can be rotated.
    ("nats/aio/client.py", ("_get_nkeys_seed", "get_user_seed", "get_user_jwt")),
    # A metric's lock is held for the time of one addition; another thread may just have it.
    ("prometheus_client/values.py", ("inc", "set", "get", "set_exemplar")),
    ("prometheus_client/metrics.py", ("labels", "remove", "clear", "_multi_samples")),
    ("prometheus_client/registry.py", ("collect", "register", "unregister")),
)


@contextmanager
def watched() -> Iterator[None]:
    """Refuse blocking calls below Sightline's code on any event loop of this process."""
    detector = _detector()
    detector.activate()
    try:
        yield
    finally:
        detector.deactivate()


@cache
def _detector() -> BlockBuster:
    detector = BlockBuster(scanned_modules=[_located(name) for name in PACKAGES])
    for function in detector.functions.values():
        for file, names in ALLOWED:
            function.can_block_in(file, names)
    return detector


def _located(package: str) -> ModuleType:
    """The package as a path only: importing it is the business of the tests that need it."""
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed: run `uv sync --all-packages`"
    assert spec.origin is not None
    module = ModuleType(package)
    # The separator, because paths are compared by their beginning.
    module.__path__ = [f"{Path(spec.origin).parent}/"]
    return module
