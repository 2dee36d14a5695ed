"""One control plane for all tests of a process, and one with a node and KEDA."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.installed import IMAGES
from support.keda import keda
from support.kubernetes import ControlPlane, control_plane, definitions
from support.kubernetes_node import cluster_with_a_node


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """It takes objects; nothing runs them."""
    with control_plane() as plane:
        files = [option for file in definitions() for option in ("--filename", str(file))]
        made = plane.done("apply", "--server-side", "--output=name", *files).split()
        plane.done("wait", "--for=condition=Established", "--timeout=30s", *made)
        plane.restrict("default")
        yield plane


@pytest.fixture(scope="session")
def node() -> Iterator[ControlPlane]:
    """It runs what it takes, on this machine."""
    with cluster_with_a_node(IMAGES) as plane, keda(plane):
        yield plane
