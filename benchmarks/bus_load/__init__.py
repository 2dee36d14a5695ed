"""Load for benchmarks of the bus: simulated tracks, and replicas of a stage that take a fixed time.

Bus, runner, topology and messages are the real ones; of a camera there is the JPEG, of a model the time
that it takes. Replicas run as tasks of a few processes of their own (``python -m bus_load.replicas``), each
with its own connection, so that many of them fit on a machine of two cores.
"""

import sys
from pathlib import Path

from sightline import log
from sightline.config import ServiceSettings

# As in `harness`, which programs that are only load do without: it plots.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
log.configure(ServiceSettings(log_level="warning"), "benchmark")
