"""Each pod reaches what it needs, and is reached by whom it serves."""

from __future__ import annotations

from typing import Any

from support.helm import Object, of_kind, render, values_file

Rule = dict[str, Any]


def policies(values: str, *settings: str) -> dict[str, Object]:
    return of_kind(render(values_file(values), *settings), "NetworkPolicy")


def reaches(rule: Rule, port: int) -> bool:
    return any(each["port"] <= port <= each.get("endPort", each["port"]) for each in rule["ports"])


def beyond(policy: Object) -> list[Rule]:
    """What it may reach besides names and the bus."""
    return [rule for rule in policy["spec"]["egress"] if not reaches(rule, 53) and not reaches(rule, 4222)]


def test_everything_that_runs_has_a_policy_for_both_directions() -> None:
    objects = render(values_file("everything"))
    found = of_kind(objects, "NetworkPolicy")
    assert set(found) == set(of_kind(objects, "Deployment")) | {"nats", "init"}
    for each in found.values():
        assert each["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_encoder_and_custom_workers_reach_the_bus_and_nothing_else() -> None:
    found = policies("workers")
    for name in ("encoder", "plates", "signs-and-posters"):
        assert beyond(found[name]) == []


def test_models_are_public_addresses_unless_a_section_says_more() -> None:
    minimal, everything = policies("minimal")["captioner"], policies("everything")["captioner"]
    [models] = beyond(minimal)
    [peer] = models["to"]
    assert reaches(models, 443)
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"} <= set(peer["ipBlock"]["except"])
    assert any(reaches(rule, 8000) for rule in beyond(everything))


def test_those_who_join_rooms_reach_livekits_signalling_and_media() -> None:
    found = policies("everything")
    for name, each in found.items():
        joins = any(reaches(rule, 50_000) for rule in beyond(each))
        assert joins == (name in ("room-ingest", "agent")), name
    # The URL's own port is among them.
    odd = policies("minimal", "livekit.url=ws://livekit.example.com:9443/rtc")["room-ingest"]
    assert any(reaches(rule, 9443) for rule in beyond(odd))


def test_traces_find_their_way() -> None:
    for name, each in policies("everything").items():
        assert any(reaches(rule, 4318) for rule in beyond(each)) == (name not in ("nats", "init")), name


def test_nats_serves_this_release_and_whom_the_values_name() -> None:
    clients, routes, lag = policies("everything")["nats"]["spec"]["ingress"]
    assert [each["port"] for each in clients["ports"]] == ["nats"]
    ours, mine = clients["from"]
    assert ours["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "sightline",
        "app.kubernetes.io/instance": "eyes",
    }
    assert mine == {"podSelector": {"matchLabels": {"app": "my-agent"}}}
    assert [each["port"] for each in routes["ports"]] == ["routes"]
    # Its monitoring has no password.
    assert [each["port"] for each in lag["ports"]] == ["monitor"]
    assert lag["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}]


def test_without_keda_nobody_reads_what_nats_tells() -> None:
    rules = policies("minimal")["nats"]["spec"]["ingress"]
    assert "monitor" not in {port["port"] for rule in rules for port in rule["ports"]}


def test_only_the_gateway_takes_connections_from_elsewhere() -> None:
    for name, each in policies("everything").items():
        ports = {port["port"] for rule in each["spec"].get("ingress", ()) for port in rule["ports"]}
        assert ports == {
            "gateway": {"http", "websocket"},
            "nats": {"nats", "routes", "monitor"},
            "init": set(),
        }.get(name, {"http"}), name


def test_a_bus_of_somebody_elses_is_reached_at_the_ports_of_its_url() -> None:
    [bus] = [rule for rule in policies("external-nats")["encoder"]["spec"]["egress"] if reaches(rule, 4222)]
    assert [each["port"] for each in bus["ports"]] == [4222, 4443]
