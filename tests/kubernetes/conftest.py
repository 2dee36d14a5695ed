"""One control plane for all tests of a process, with the definitions that the chart's objects need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.kubernetes import ControlPlane, control_plane, definitions


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """It takes objects; nothing runs them."""
    with control_plane() as plane:
        files = [option for file in definitions() for option in ("--filename", str(file))]
        made = plane.done("apply", "--server-side", "--output=name", *files).split()
        plane.done("wait", "--for=condition=Established", "--timeout=30s", *made)
        plane.restrict("default")
        yield plane
