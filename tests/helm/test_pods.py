"""Every pod: confined, probed, sized, spread, and with time enough to end."""

from __future__ import annotations

import pytest

from sightline import service
from support.helm import Object, container, environment, of_kind, pods, render, values_file


def test_every_pod_is_confined(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_every_pod_can_write_tmp_and_nothing_else_of_its_image(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        assert mounts["tmp"] == "/tmp", name
        assert volumes["tmp"]["emptyDir"]["sizeLimit"], name
        # The folder of NATS's data is a claim.
        assert set(mounts) - {"data"} == set(volumes), name


def test_every_pod_is_sized(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        resources = container(pod)["resources"]
        assert set(resources["requests"]) >= {"cpu", "memory"}, name
        assert "memory" in resources["limits"], name


def test_every_pod_that_goes_on_is_probed_on_a_port_that_it_has(objects: list[Object]) -> None:
    for kind in ("Deployment", "StatefulSet"):
        for name, each in of_kind(objects, kind).items():
            one = container(each["spec"]["template"])
            ports = {port["name"] for port in one["ports"]}
            for probe in ("livenessProbe", "readinessProbe"):
                assert one[probe]["httpGet"]["port"] in ports, name


def test_services_are_probed_where_they_tell(objects: list[Object]) -> None:
    for name, each in of_kind(objects, "Deployment").items():
        pod = each["spec"]["template"]
        one, variables = container(pod), environment(pod)
        ports = {port["name"]: port["containerPort"] for port in one["ports"]}
        paths = [one[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")]
        if name == "agent":  # A worker of LiveKit's.
            assert paths == ["/worker", "/"]
            assert (variables["AGENT_HTTP_HOST"], variables["AGENT_HTTP_PORT"]) == (
                "0.0.0.0",
                str(ports["health"]),
            )
            assert variables["AGENT_METRICS_PORT"] == str(ports["http"])
        else:
            assert paths == ["/livez", "/readyz"]
            assert (variables["SIGHTLINE_HTTP_HOST"], variables["SIGHTLINE_HTTP_PORT"]) == (
                "0.0.0.0",
                str(ports["http"]),
            )


def test_grace_is_longer_than_what_a_pod_takes_to_end(objects: list[Object]) -> None:
    for name, each in of_kind(objects, "Deployment").items():
        pod = each["spec"]["template"]
        variables = environment(pod)
        waits = container(pod).get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})["preStop"]["sleep"]
        drain = variables["AGENT_DRAIN_SECONDS" if name == "agent" else "SIGHTLINE_DRAIN_SECONDS"]
        # A service ends itself by then, whatever hangs.
        last = float(drain) + 3 * service.LATE_SECONDS
        assert pod["spec"]["terminationGracePeriodSeconds"] > waits["seconds"] + last, name


@pytest.mark.parametrize(
    ("setting", "name", "grace"),
    [
        ("captioner.replicas=1", "captioner", 36),  # 25.5 in the values,
        ("captioner.drainSeconds=120", "captioner", 130),
        ("agent.drainSeconds=3600", "agent", 3620),
        ("gateway.preStopSeconds=30", "gateway", 50),
        ("workerDefaults.drainSeconds=300", "plates", 310),
    ],
)
def test_grace_follows_the_drain(setting: str, name: str, grace: int) -> None:
    found = of_kind(render(values_file("everything"), setting), "Deployment")
    assert found[name]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == grace


def test_the_gateway_leaves_its_service_before_it_is_told_to_stop() -> None:
    gateway = of_kind(render(values_file("everything")), "Deployment")["gateway"]["spec"]["template"]
    assert container(gateway)["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_replicas_are_spread_over_hosts_and_zones() -> None:
    for name, each in of_kind(render(values_file("everything")), "Deployment").items():
        constraints = each["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in constraints] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ], name
        for one in constraints:
            assert one["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == name


def test_a_disruption_takes_one_replica_of_each_at_a_time() -> None:
    objects = render(values_file("everything"))
    budgets = of_kind(objects, "PodDisruptionBudget")
    assert set(budgets) == set(of_kind(objects, "Deployment")) | {"nats"}
    assert {each["spec"]["maxUnavailable"] for each in budgets.values()} == {1}


def test_a_workers_section_counts_more_than_the_defaults_also_where_it_says_nothing_or_none() -> None:
    found = of_kind(render(values_file("workers"), "autoscaling.kind=none"), "Deployment")
    plates, signs = found["plates"]["spec"], found["signs-and-posters"]["spec"]
    assert (plates["replicas"], signs["replicas"]) == (0, 1)
    assert container(plates["template"])["command"] == ["python", "-m", "plates"]
    assert container(signs["template"])["command"] == ["sightline", "run", "signs-and-posters"]


def test_images_are_those_of_the_registry_unless_a_section_names_another() -> None:
    found = of_kind(render(values_file("everything"), "encoder.image=mine:7"), "Deployment")
    images = {name: container(each["spec"]["template"])["image"] for name, each in found.items()}
    assert images["captioner"] == "registry.example.com/team/sightline-captioner:1.2.3"
    assert images["encoder"] == "mine:7"
    assert images["plates"] == "registry.example.com/plates:1.0"
