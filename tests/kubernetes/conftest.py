"""One control plane for all tests of a process, and one with a node and KEDA."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.installed import IMAGES
from support.keda import keda
from support.kubernetes import ControlPlane, control_plane, define
from support.kubernetes_node import cluster_with_a_node


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """It takes objects; nothing runs them."""
    with control_plane() as plane:
        define(plane)
        plane.restrict("default")
        yield plane


@pytest.fixture(scope="session")
def node() -> Iterator[ControlPlane]:
    """It runs what it takes, on this machine."""
    with cluster_with_a_node(IMAGES) as plane, keda(plane):
        yield plane
