"""Which trace each caption and image came in, so that a turn can say which frames it was shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from sightline import tracing
from sightline.messages import Shown

REMEMBERED = 1_000


class Traces:
    """The trace contexts of a room's newest captions and images, by the id of the message. Bounded."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[str, dict[str, str]] = OrderedDict()

    def keep(self, message_id: str, headers: Mapping[str, str]) -> None:
        """Remember the context that a message came with, if any."""
        context = tracing.context_of(headers)
        if not context:
            return
        self._contexts[message_id] = context
        if len(self._contexts) > REMEMBERED:
            self._contexts.popitem(last=False)

    def of(self, shown: Iterable[Shown]) -> list[Mapping[str, str]]:
        """The contexts of what a turn was shown."""
        return [self._contexts[each.id] for each in shown if each.id in self._contexts]
