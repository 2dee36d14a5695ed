"""The trace context travels with the messages, through services that record nothing."""

from __future__ import annotations

import pytest

from sightline import subjects, tracing
from sightline.bus import Bus
from sightline.config import ServiceSettings
from sightline.errors import SettingsError
from sightline.messages import Frame
from support.buses import picture
from support.frames import ALICE

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


async def test_what_is_published_in_a_trace_carries_it(bus: Bus) -> None:
    with tracing.span("sample", PARENT):
        await bus.publish(picture(1))
    found = await bus.newest(Frame, subjects.frame(ALICE))
    assert found is not None
    assert found.headers["traceparent"].split("-")[1] == TRACE


async def test_without_a_trace_there_is_no_header(bus: Bus) -> None:
    with tracing.span("sample"):
        await bus.publish(picture(1))
    found = await bus.newest(Frame, subjects.frame(ALICE))
    assert found is not None
    assert "traceparent" not in found.headers


@pytest.mark.parametrize("header", ["", "garbage", "00-0-0-0", "ff-" + "0" * 32 + "-" + "0" * 16 + "-00"])
def test_a_broken_context_is_no_error(header: str) -> None:
    headers: dict[str, str] = {}
    with tracing.span("sample", {"traceparent": header}):
        tracing.inject(headers)
    assert headers == {}


def test_tracing_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"SIGHTLINE_TRACE=otlp needs .*sightline\[tracing\]"):
        tracing.configure(ServiceSettings(trace="otlp"), "test")
