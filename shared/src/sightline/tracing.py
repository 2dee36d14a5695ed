"""Traces: one frame is one trace, from its capture to what the stages made of it; a turn links those that it
was shown. Off unless configured.

The context travels in the messages' headers as W3C ``traceparent``. Only Sightline's own spans are exported:
those of other libraries may hold what people said. Where a program set up tracing by itself, ours go there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Literal

from opentelemetry import propagate, trace

from sightline.config import ServiceSettings
from sightline.errors import SettingsError

Kind = Literal["internal", "producer", "consumer"]

_own: trace.TracerProvider | None = None


def configure(settings: ServiceSettings, service: str) -> None:
    """Export spans, where the settings say so; the first call of a process counts.

    Raises:
        SettingsError: Tracing is wanted and its packages are not installed.
    """
    global _own
    if settings.trace == "off" or _own is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            "SIGHTLINE_TRACE=otlp needs the extra: pip install 'sightline[tracing]'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _own = provider


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current trace context to the headers of a message."""
    propagate.inject(headers)


def context_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The part of a message's headers that is its trace context; empty where it has none."""
    return {name: headers[name] for name in propagate.get_global_textmap().fields if name in headers}


@contextlib.contextmanager
def span(
    name: str,
    parent: Mapping[str, str] | None = None,
    *,
    kind: Kind = "internal",
    ago: float = 0.0,
    links: Iterable[Mapping[str, str]] = (),
    about: Mapping[str, str | int] | None = None,
) -> Iterator[None]:
    """A span around a piece of work.

    Args:
        parent: Headers of the message that caused it; None: the current span.
        kind: What it does with messages.
        ago: Seconds since it really began.
        links: Headers of messages that it used.
        about: Attributes: never a name, nor what was seen or said.
    """
    context = propagate.extract(parent) if parent else None
    tracer = trace.get_tracer("sightline", tracer_provider=_own)
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=trace.SpanKind[kind.upper()],
        start_time=time.time_ns() - round(max(0.0, ago) * 1e9),
        links=list(_links(links)),
        attributes=about,
    ):
        yield


def _links(links: Iterable[Mapping[str, str]]) -> Iterator[trace.Link]:
    for headers in links:
        found = trace.get_current_span(propagate.extract(headers)).get_span_context()
        if found.is_valid:
            yield trace.Link(found)
