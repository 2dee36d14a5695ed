"""What the gateway counts."""

from __future__ import annotations

from prometheus_client import REGISTRY

from sightline.bus import Bus
from sightline_gateway import metrics
from support.gateway_clients import PICTURE, connected, counted, gateway
from support.model_servers import OpenAIServer, Status


class Growth:
    """How much counters grew since the last look."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def of(self, name: str, **labels: str) -> float:
        key = f"{name}{labels}"
        now = counted(name, **labels)
        grown = now - self._seen.get(key, 0.0)
        self._seen[key] = now
        return grown


async def test_frames_turns_bytes_and_errors_are_counted(bus: Bus, model: OpenAIServer) -> None:
    counts = Growth()
    taken = ("frames_total", {"trigger": "initial", "outcome": "taken"})
    same = ("frames_total", {"trigger": "timer", "outcome": "duplicate"})
    refused = ("frames_total", {"trigger": "timer", "outcome": "refused"})
    invalid = ("errors_total", {"code": "frame_invalid"})
    answered, failed = ("turns_total", {"outcome": "answered"}), ("turns_total", {"outcome": "failed"})
    came, went = ("bytes_total", {"direction": "in"}), ("bytes_total", {"direction": "out"})
    everything = (taken, same, refused, invalid, answered, failed, came, went)
    for name, labels in everything:
        counts.of(name, **labels)
    async with gateway(bus, model) as server, connected(server) as client:
        await client.frame(1, triggerReason="initial")
        await client.frame(2)
        await client.next("frame_received", lambda message: message["sequence"] == 2)
        await client.frame(3, b"no picture")
        await client.next("error")
        await client.asks()
        model.fault = Status(401)
        await client.send("transcript", text="And now?")
        await client.next("error")
        assert counts.of("sessions") == 1
    grown = [counts.of(name, **labels) for name, labels in everything]
    assert grown[:6] == [1, 1, 1, 1, 1, 1]
    assert grown[6] > 2 * len(PICTURE)
    assert grown[7] > 500


async def test_connections_are_counted_by_code(bus: Bus, model: OpenAIServer) -> None:
    counts = Growth()
    for code in ("1000", "1007", "other"):
        counts.of("connections_total", code=code)
    async with gateway(bus, model) as server:
        for close in (1000, 4321):
            async with connected(server) as client:
                await client.next("session_init")
                assert counted("open_connections") == 1
                await client.socket.close(code=close)
        async with connected(server) as client:
            await client.socket.send_str("no json")
            assert await client.closed() == 1007
    assert [counts.of("connections_total", code=code) for code in ("1000", "1007", "other")] == [1, 1, 1]
    assert counted("open_connections") == counted("sessions") == 0


def test_labels_are_bounded() -> None:
    for code in (None, 0, 2999, 4321, -5, 1006):
        metrics.closed(code)
    codes = {
        sample.labels["code"]
        for metric in REGISTRY.collect()
        if metric.name == "sightline_gateway_connections"
        for sample in metric.samples
    }
    assert codes <= {str(code) for code in metrics.CODES} | {"other"}
