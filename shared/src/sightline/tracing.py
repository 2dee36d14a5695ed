"""Traces: one frame is one trace, from the sampler to the turn. Off unless configured.

The context travels in the messages' headers as W3C ``traceparent``. Without the extra ``tracing``
nothing is recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from opentelemetry import propagate, trace

from sightline.config import ServiceSettings
from sightline.errors import SettingsError


def configure(settings: ServiceSettings, service: str) -> None:
    """Export spans, where the settings say so.

    Raises:
        SettingsError: Tracing is wanted and its packages are not installed.
    """
    if settings.trace == "off":
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
    trace.set_tracer_provider(provider)


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current trace context to the headers of a message."""
    propagate.inject(headers)


@contextlib.contextmanager
def span(name: str, parent: Mapping[str, str] | None = None, **attributes: Any) -> Iterator[None]:
    """A span around a piece of work.

    Args:
        parent: Headers of the message that caused it; None: the current span.
    """
    context = propagate.extract(parent) if parent else None
    tracer = trace.get_tracer("sightline")
    with tracer.start_as_current_span(name, context=context, attributes=attributes):
        yield
