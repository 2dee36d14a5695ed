"""An OTLP/HTTP receiver: what services export as traces, decoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sightline.changes import Changes
from sightline.embedded import HOST

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Exported:
    """One span, and the service that it is of."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        return str(self.span.name)

    @property
    def trace(self) -> bytes:
        return bytes(self.span.trace_id)


class OtlpReceiver:
    """Attributes:
    url: For ``OTEL_EXPORTER_OTLP_ENDPOINT``.
    spans: All that came.
    """

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Exported] = []
        self._changes = Changes()

    async def take(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [Exported(named["service.name"], span) for span in scope.spans]
        self._changes.tell()
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")

    async def until(self, what: str, found: Callable[[list[Exported]], Exported | None]) -> Exported:
        """The span that ``found`` finds among all there are, now or later."""
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    version = self._changes.version
                    if (span := found(self.spans)) is not None:
                        return span
                    await self._changes.after(version)
        except TimeoutError:
            came = sorted({(each.service, each.name) for each in self.spans})
            raise AssertionError(f"no {what} within {SECONDS:g} s; there were {came}") from None


@asynccontextmanager
async def receiving() -> AsyncIterator[OtlpReceiver]:
    receiver = OtlpReceiver()
    app = web.Application()
    app.add_routes([web.post("/v1/traces", receiver.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        receiver.url = f"http://{HOST}:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()
