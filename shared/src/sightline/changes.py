"""Waiting until something is no longer what it was."""

from __future__ import annotations

import asyncio


class Changes:
    """Counts changes, so that nobody who looks, and then waits, misses one in between.

    >>> # version = state.changes.version; look at the state; await state.changes.after(version)
    """

    def __init__(self) -> None:
        self.version = 0
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Something changed. Safe from any callback of the event loop."""
        self.version += 1
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, version: int) -> int:
        """The version now, once it is later than ``version``."""
        while self.version <= version:
            await self._next.wait()
        return self.version
