"""One replica of a stage: its slots, its registration, its answers."""

from __future__ import annotations

import asyncio
import platform
from importlib.metadata import version
from typing import Any

from sightline import subjects
from sightline.bus import Bus, Taken, WorkQueue
from sightline.bus.queue import PULL_SECONDS
from sightline.errors import BusClosedError, BusError, CredentialError, NotPermittedError, SightlineError
from sightline.health import Health
from sightline.log import get_logger
from sightline.messages import Lane, Wire
from sightline.runner.ask import answer
from sightline.runner.memory import Memory
from sightline.runner.pause import Pause
from sightline.runner.ticket import REFUSED_SECONDS, Replica, serve_ticket
from sightline.runner.waiting import watch_waiting
from sightline.stages import StageEntry, announce
from sightline.topology import lane_queue
from sightline.worker import VisionWorker

log = get_logger()

MIN_GRACE = 0.5
_VERSION = version("sightline")


class Runner:
    """Runs one worker as a replica of a stage."""

    def __init__(self, worker: VisionWorker, stage: str, bus: Bus, health: Health | None = None) -> None:
        self._worker = worker
        self._stage = stage
        self._bus = bus
        self.health = health or Health()
        self._replica = Replica(worker, stage, bus, Memory(), Pause(stage), self._note)
        self._counts = {"served": 0, "failed": 0}
        self._problem: str | None = None

    async def run(self, stopping: asyncio.Event, grace: float = 10.0) -> None:
        """Serve tickets until told to stop; then finish what is in hand, or hand it back.

        Args:
            stopping: Set it to stop.
            grace: Seconds that work in hand has after that.

        Raises:
            SightlineError: The worker could not start, or the bus refuses this stage.
        """
        await self._start_worker()
        try:
            await self._run(stopping, grace)
        finally:
            await self._close_worker()

    async def _run(self, stopping: asyncio.Event, grace: float) -> None:
        unregister = await self._register()
        entry = StageEntry(stage=self._stage, wants=self._worker.wants)
        announcing = asyncio.create_task(announce(self._bus, entry))
        watching = asyncio.create_task(watch_waiting(self._bus, self._stage))
        lanes = [*Lane] * self._worker.concurrency
        slots = [asyncio.create_task(self._slot(lane, stopping)) for lane in lanes]
        log.info("stage_started", stage=self._stage, slots=self._worker.concurrency)
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([stopped, *slots], return_when=asyncio.FIRST_COMPLETED)
            announcing.cancel()
            await asyncio.wait(slots, timeout=max(MIN_GRACE, grace))
        finally:
            tasks = (announcing, watching, stopped, *slots)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await unregister()
        for result in ended:
            if isinstance(result, Exception):
                raise result

    async def _slot(self, lane: Lane, stopping: asyncio.Event) -> None:
        """One ticket at a time. The urgent lane has slots of its own: it never queues behind timers."""
        queue = self._bus.queue(lane_queue(self._stage, lane))
        try:
            while not stopping.is_set():
                if self._replica.pause.seconds > 0:
                    await self._paused(stopping)
                    continue
                taken = await self._take(queue)
                if taken is None:
                    continue
                if stopping.is_set():
                    # Not before the pulls of the other slots are over: each would take it, and count.
                    await taken.retry(PULL_SECONDS)
                else:
                    await serve_ticket(self._replica, lane, taken)
        except (BusError, BusClosedError) as error:
            log.debug("slot_ended", stage=self._stage, reason=str(error))
        finally:
            await queue.close()

    async def _take(self, queue: WorkQueue) -> Taken | None:
        try:
            taken = await queue.take()
        except NotPermittedError as error:
            # Rights can be granted while we wait; readiness names the subject.
            self.health.set("work", str(error))
            await asyncio.sleep(REFUSED_SECONDS)
            return None
        self.health.set("work", None)
        return taken

    async def _paused(self, stopping: asyncio.Event) -> None:
        over = asyncio.create_task(self._replica.pause.over())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait([over, stopped], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        stopped.cancel()

    def _note(self, error: SightlineError | None) -> None:
        self._counts["failed" if error else "served"] += 1
        if isinstance(error, CredentialError):
            self._problem = str(error)
        elif error is None:
            self._problem = None
        self.health.set(self._stage, self._problem)

    async def _register(self) -> Any:
        async def asked(wire: Wire) -> Wire:
            return await answer(self._replica, wire)

        endpoints = {subjects.ask(self._stage): asked} if self._worker.answers else {}
        status = subjects.status(self._stage)
        return await self._bus.register(self._stage, _VERSION, status, self._status, endpoints)

    def _status(self) -> dict[str, Any]:
        return {
            **self._counts,
            "problem": self._problem or "",
            "host": platform.node(),
            "worker": type(self._worker).__name__,
            "identity": self._worker.identity,
            "slots": self._worker.concurrency,
        }

    async def _start_worker(self) -> None:
        try:
            await self._worker.start()
        except SightlineError:
            raise
        except Exception as error:
            name = type(self._worker).__name__
            raise SightlineError(f"{name} could not start: {type(error).__name__}: {error}") from error

    async def _close_worker(self) -> None:
        try:
            await self._worker.close()
        except Exception:
            log.exception("worker_close_failed", stage=self._stage)
