"""A whole worker process."""

from __future__ import annotations

from sightline.plugins import load_worker
from sightline.runner.runner import Runner
from sightline.service import Service, explained, run
from sightline.worker import VisionWorker


def run_worker(stage: str, worker_class: type[VisionWorker] | None = None) -> None:
    """Run one replica of a stage until SIGTERM. The body of every worker's ``__main__``.

    Args:
        stage: Its name, as in the group of entry points ``sightline.workers``.
        worker_class: The class itself, where no package registers it.
    """
    with explained(stage):
        found = worker_class or load_worker(stage)

    async def serve(service: Service) -> None:
        worker = found()
        runner = Runner(worker, stage, service.bus, service.health)
        await runner.run(service.stopping, service.settings.drain_seconds)

    run(stage, serve)
