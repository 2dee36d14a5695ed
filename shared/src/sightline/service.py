"""The life of every service: config > log > signals > bus > http > work > drain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator

from sightline import log as logging, tracing
from sightline.bus import Bus
from sightline.config import BusSettings, ServiceSettings, load
from sightline.errors import BusClosedError, NotPermittedError, SettingsError, SightlineError
from sightline.health import Health, HealthServer, watch_loop
from sightline.plugins import load_worker
from sightline.runner import Runner
from sightline.worker import VisionWorker

log = logging.get_logger()

EXIT_FAILED = 1
EXIT_SETTINGS = 2
LATE_SECONDS = 3.0
"""On top of the drain time, for what is neither work in hand nor bounded."""

REFUSED_PAUSE = 5.0


class Service:
    """What a service's work is given.

    Attributes:
        bus: Ready when the work begins.
        stopping: Set by the first SIGTERM or SIGINT: finish what is in hand, take nothing new.
        health: What keeps the service from being ready.
    """

    def __init__(self, name: str, settings: ServiceSettings, bus: Bus) -> None:
        self.name = name
        self.settings = settings
        self.bus = bus
        self.stopping = asyncio.Event()
        self.health = Health(bus)


Serve = Callable[[Service], Awaitable[None]]


def run(name: str, serve: Serve) -> None:
    """Run a service until it is done or told to stop; then exit.

    The exit status is 0 after a drain, 2 for a bad setting, 1 for anything else that ended it. A
    second SIGTERM exits at once.
    """
    with explained(name):
        sys.exit(asyncio.run(_live(_prepared(name), serve)))


def _prepared(name: str) -> Service:
    settings, bus_settings = load(ServiceSettings), load(BusSettings)
    logging.configure(settings, name)
    tracing.configure(settings, name)
    return Service(name, settings, Bus(bus_settings, name))


def run_worker(stage: str, worker_class: type[VisionWorker] | None = None) -> None:
    """Run one replica of a stage until SIGTERM. The body of every worker's ``__main__``.

    Args:
        stage: Its name, as in the group of entry points ``sightline.workers``.
        worker_class: The class itself, where no package registers it.
    """
    with explained(stage):
        service = _prepared(stage)
        # Here, so that a bad setting of the worker's ends it now and not once the bus is up.
        worker = (worker_class or load_worker(stage))()
        runner = Runner(worker, stage, service.bus, service.health)

        async def serve(_service: Service) -> None:
            await runner.run(service.stopping, service.settings.drain_seconds)

        sys.exit(asyncio.run(_live(service, serve)))


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """A bad setting ends the process with one line that names it, and no traceback."""
    try:
        yield
    except SettingsError as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(EXIT_SETTINGS)


async def _live(service: Service, serve: Serve) -> int:
    _handle_signals(service)
    http = HealthServer(service.health, service.settings)
    lag = asyncio.create_task(watch_loop())
    try:
        await http.start()
        await service.bus.start()
        log.info("service_started", port=http.port)
        await _work(service, serve)
    except SettingsError:
        raise
    except SightlineError as error:
        log.error("service_failed", error=type(error).__name__, reason=str(error))
        return EXIT_FAILED
    except Exception as error:
        log.exception("service_failed", error=type(error).__name__)
        return EXIT_FAILED
    finally:
        lag.cancel()
        await service.bus.close()
        await http.close()
        _exit_after(LATE_SECONDS)
    log.info("service_stopped")
    return 0


async def _work(service: Service, serve: Serve) -> None:
    """Wait for the bus, then serve; whichever ends first of the work, the bus and the patience."""
    work = asyncio.create_task(_serve_when_ready(service, serve))
    closed = asyncio.create_task(service.bus.wait_closed())
    overdue = asyncio.create_task(_overdue(service))
    try:
        await asyncio.wait([work, closed, overdue], return_when=asyncio.FIRST_COMPLETED)
        if closed.done() and not work.done():
            # An expired credential, for example. A new process reads the new one.
            raise BusClosedError(service.bus.problem)
        if overdue.done() and not work.done():
            raise SightlineError(f"work in hand took longer than SIGHTLINE_DRAIN_SECONDS={_drain(service):g}")
    finally:
        for task in (work, closed, overdue):
            task.cancel()
        results = await asyncio.gather(work, closed, overdue, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


async def _serve_when_ready(service: Service, serve: Serve) -> None:
    stopped = asyncio.create_task(service.stopping.wait())
    ready = asyncio.create_task(_wait_ready(service.bus))
    try:
        await asyncio.wait([stopped, ready], return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
            await serve(service)
    finally:
        stopped.cancel()
        ready.cancel()
        await asyncio.gather(stopped, ready, return_exceptions=True)


async def _wait_ready(bus: Bus) -> None:
    while True:
        try:
            return await bus.wait_ready()
        except NotPermittedError:
            # Live, not ready, and /readyz names the subject: rights can be granted while we wait.
            await asyncio.sleep(REFUSED_PAUSE)


async def _overdue(service: Service) -> None:
    await service.stopping.wait()
    await asyncio.sleep(_drain(service) + LATE_SECONDS)


def _drain(service: Service) -> float:
    return service.settings.drain_seconds


def _handle_signals(service: Service) -> None:
    loop = asyncio.get_running_loop()
    told = False

    def drain() -> None:
        log.info("service_stopping")
        service.stopping.set()

    def stop(_number: int, _frame: object) -> None:
        # Not the event loop's own handlers: a worker may have blocked the loop.
        nonlocal told
        if told:
            os._exit(EXIT_FAILED)
        told = True
        _exit_after(_drain(service) + 3 * LATE_SECONDS)
        loop.call_soon_threadsafe(drain)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _exit_after(seconds: float) -> None:
    """End the process then, whatever blocks its event loop or hangs in a thread of its own."""
    timer = threading.Timer(seconds, os._exit, [EXIT_FAILED])
    timer.daemon = True
    timer.start()
