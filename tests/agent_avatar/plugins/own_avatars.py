"""A developer's own avatar, which takes whatever it is given and never gets ready."""

from __future__ import annotations

import asyncio
from typing import Any


class Slow:
    def __init__(self, **options: Any) -> None:
        self.options = options

    async def start(self, session: object, room: object) -> None:
        await asyncio.Event().wait()


NOT_A_CLASS = "an avatar"
