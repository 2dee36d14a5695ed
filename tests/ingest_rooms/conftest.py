"""A room of each test's own: the LiveKit server is shared."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture
def room() -> str:
    return f"room {uuid.uuid4().hex[:8]}"
