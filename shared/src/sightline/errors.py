"""Every error of Sightline's own. Each knows whether trying again can help."""

from __future__ import annotations

from typing import ClassVar


class SightlineError(Exception):
    """The root of the tree. Its message says what was expected, what came, and what to do."""

    retryable: ClassVar[bool] = False


class SettingsError(SightlineError):
    """A setting is missing or has a value that cannot be used. Raised before anything starts."""


class DecodeError(SightlineError):
    """A message or picture is not what it claims to be. Trying again cannot help.

    Attributes:
        raw: The first bytes of what came, for the dead letter; never logged.
    """

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw[:4096]


class TooLargeError(SightlineError):
    """A message, with its headers, is larger than the bus takes. The connection is unharmed."""


class TopologyError(SightlineError):
    """A stream exists with other settings than Sightline needs. Names the field and both values."""


class BusError(SightlineError):
    """The bus did not do what was asked in time; the same request may work in a moment."""

    retryable = True


class StoreFullError(BusError):
    """The bus has no room left for a message. Names the stream; somebody has to make room."""


class BusClosedError(SightlineError):
    """The connection to the bus is closed for good: credentials expired or were refused."""


class NotPermittedError(SightlineError):
    """The credential lacks the right to a subject. Names the subject."""


class WorkerError(SightlineError):
    """A vision worker broke its contract: raised something unexpected or returned the wrong type."""


class RetryableError(SightlineError):
    """A worker's way to say: this frame failed, the next attempt may not (a reset, a 500)."""

    retryable = True


class DeadlineError(RetryableError):
    """The work took longer than its deadline."""


class RateLimitedError(RetryableError):
    """The model's owner asks for a pause. The runner holds all slots of this replica for it.

    Attributes:
        retry_after: How long to wait, in seconds.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CredentialError(SightlineError):
    """A key was refused (401, 403). Readiness fails until a call succeeds; the frame is not retried."""


class CaptureError(SightlineError):
    """A capture request could not be answered with a frame: nobody samples that participant."""
