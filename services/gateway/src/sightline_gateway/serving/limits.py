"""How much a client may send: token buckets for each session, and for each address.

What is over a limit is refused with an error, and the session lives on; who goes on and on is cut off.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from sightline_gateway.settings import GatewaySettings

Clock = Callable[[], float]

BURST_SECONDS = 2.0
BYTES_SECONDS = 10.0
"""What a client may send is averaged over these."""

MESSAGES_PER_SECOND = 20.0
"""On top of frames: words, interruptions, mistakes."""

PATIENCE = 100
"""Refused messages until a client is cut off; it is forgiven as many a second as it may send frames."""

OFFENCES = 10
"""Messages that make no sense until a client is cut off; one is forgiven in ten seconds."""

FAILURES = 10
"""Failed authentications of one address until it has to wait; one is forgiven in five seconds."""

REMEMBERED = 10_000
"""Addresses whose failures are remembered; the oldest are forgotten first."""


class Bucket:
    """Holds tokens up to its capacity and gets new ones all the time. Starts full."""

    def __init__(self, rate: float, capacity: float, clock: Clock = time.monotonic) -> None:
        """
        Args:
            rate: New tokens a second.
        """
        self._rate, self._capacity, self._clock = rate, capacity, clock
        self._level, self._then = capacity, clock()

    def take(self, amount: float = 1) -> bool:
        """Take tokens, if there are enough. What is larger than the bucket needs a full one, and is owed."""
        if self._refilled() < min(amount, self._capacity):
            return False
        self._level -= amount
        return True

    @property
    def empty(self) -> bool:
        """There is not one whole token."""
        return self._refilled() < 1

    def _refilled(self) -> float:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._then) * self._rate)
        self._then = now
        return self._level


class Flow:
    """What one session may send. It outlives a connection, so that a new one does not begin anew."""

    def __init__(self, settings: GatewaySettings, clock: Clock = time.monotonic) -> None:
        fps, volume = settings.max_fps, settings.max_bytes_per_second
        self._frames = Bucket(fps, max(1.0, fps * BURST_SECONDS), clock)
        self._bytes = Bucket(volume, volume * BYTES_SECONDS, clock)
        messages = fps + MESSAGES_PER_SECOND
        self._messages = Bucket(messages, messages * BURST_SECONDS, clock)
        self._patience = Bucket(fps, PATIENCE, clock)
        self._excess = Bucket(volume, volume * BYTES_SECONDS, clock)
        self._offences = Bucket(0.1, OFFENCES, clock)
        self._told = Bucket(1, 1, clock)
        self.frames_per_second, self.bytes_per_second = fps, volume

    def message(self, size: int) -> bool:
        """Whether a message of so many bytes is taken; to be asked before it is looked into."""
        return self._bytes.take(size) and self._messages.take()

    def frame(self) -> bool:
        """Whether one more frame is taken."""
        return self._frames.take()

    def refused(self, size: int = 0) -> bool:
        """Count what was refused. Returns False when it is enough: cut the client off."""
        return self._patience.take() and (not size or self._excess.take(size))

    def offence(self) -> bool:
        """Count a message that makes no sense. Returns False when it is enough."""
        return self._offences.take()

    def tell(self) -> bool:
        """Whether to tell the client that it is too fast: at most once a second."""
        return self._told.take()


class Admission:
    """Who may connect: connections in all and of each address, and addresses that failed too often."""

    def __init__(self, settings: GatewaySettings, clock: Clock = time.monotonic) -> None:
        self._most, self._most_of_one = settings.max_sessions, settings.max_sessions_per_address
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._failures: OrderedDict[str, Bucket] = OrderedDict()

    def enter(self, address: str) -> str:
        """Count a connection. Returns why it is not taken; "" when it is, and has to ``leave``."""
        group = group_of(address)
        if self._open.total() >= self._most:
            return "the gateway is full: try again later"
        if group and self._open[group] >= self._most_of_one:
            return "too many connections from this address: close one, or try again later"
        if group in self._failures and self._failures[group].empty:
            return "too many failed attempts from this address: try again later"
        self._open[group] += 1
        return ""

    def leave(self, address: str) -> None:
        """A connection that was taken is over."""
        group = group_of(address)
        self._open[group] -= 1
        if self._open[group] <= 0:
            del self._open[group]

    def failed(self, address: str) -> None:
        """It did not authenticate."""
        if not (group := group_of(address)):
            return
        bucket = self._failures.pop(group, None) or Bucket(0.2, FAILURES, self._clock)
        bucket.take()
        self._failures[group] = bucket
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)


def group_of(address: str) -> str:
    """What counts as one address: of IPv6 the network that one customer gets; "" for this machine."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    parsed = mapped or parsed
    if parsed.is_loopback:
        return ""
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, 64), strict=False))
