"""Installations of the chart: each of the files of values, rendered once for all tests of a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.helm import VALUES, Object, render

_RENDERED: dict[Path, list[Object]] = {}


@pytest.fixture(params=VALUES, ids=lambda path: path.stem)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    """What Kubernetes is given, with one file of values after the other."""
    path: Path = request.param
    if path not in _RENDERED:
        _RENDERED[path] = render(path)
    return _RENDERED[path]
