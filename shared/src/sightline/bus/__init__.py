"""The bus: the only package that knows NATS."""

from sightline.bus.bus import Bus
from sightline.bus.ensure import Change
from sightline.bus.queue import Lag, Taken, WorkQueue
from sightline.bus.received import Received
from sightline.bus.replicas import Replica

__all__ = ["Bus", "Change", "Lag", "Received", "Replica", "Taken", "WorkQueue"]
