"""Values that make no sense are refused, and the refusal names them."""

from __future__ import annotations

import json

import pytest
import yaml

from support.helm import CHART, template, values_file

MISSPELT = [
    ("captioner.replcas=3", "/captioner", "replcas"),
    ("captainer.replicas=3", "", "captainer"),
    ("nats.storage.class=fast", "/nats/storage", "class"),
    ("workers.plates.imag=x", "/workers/plates", "imag"),
    ("captioner.autoscaling.tracks=4", "/captioner/autoscaling", "tracks"),
    ("workers.Plates.image=x", "/workers", "Plates"),
    ("captioner.env.MAX-FPS=1", "/captioner/env", "MAX-FPS"),
    ("workerDefaults.image=x", "/workerDefaults", "image"),
]
WRONG = [
    ("captioner.replicas=many", "/captioner/replicas"),
    ("captioner.replicas=-1", "/captioner/replicas"),
    ("captioner.drainSeconds=0", "/captioner/drainSeconds"),
    ("captioner.env.X.y=1", "/captioner/env/X"),
    ("livekit.url=livekit", "/livekit/url"),
    ("nats.replicas=2", "/nats/replicas"),
    ("nats.external.url=127.0.0.1:4222", "/nats/external/url"),
    ("autoscaling.kind=KEDA", "/autoscaling/kind"),
    ("workers.plates.replicas=1", "/workers/plates"),
    ("logLevel=trace", "/logLevel"),
    ("gateway.service.port=0", "/gateway/service/port"),
]
TOGETHER = [
    ("minimal", ["livekit.existingSecret="], "livekit.url and livekit.existingSecret: expected"),
    ("minimal", ["workers.captioner.image=x"], "workers.captioner: expected a name of its own"),
    ("minimal", ["agent.envFromSecrets=null"], "agent: expected a language model"),
    ("minimal", ["gateway.enabled=true"], "gateway.jwt.existingSecret: expected"),
    ("workers", ["gateway.ingress.enabled=true"], "gateway.ingress.host: expected"),
    ("minimal", ["nats.auth.seedSecret=seeds"], "nats.auth: expected both"),
    ("external-nats", ["nats.auth.configSecret=x"], "nats.auth.configSecret: expected none"),
    ("external-nats", ["nats.external.monitoringEndpoint="], "nats.external.monitoringEndpoint: expected"),
    ("minimal", ["nats.streamReplicas=3"], "nats.streamReplicas: expected nats.replicas=1 at most, got 3"),
    (
        "hpa",
        ["encoder.autoscaling.minReplicas=11"],
        "encoder.autoscaling: expected minReplicas of maxReplicas=10",
    ),
    (
        "workers",
        ["captioner.autoscaling.minReplicas=0"],
        "captioner.autoscaling.minReplicas: expected 1 or more",
    ),
]


@pytest.mark.parametrize(("setting", "where", "name"), MISSPELT)
def test_a_misspelt_value_is_refused_by_its_name(setting: str, where: str, name: str) -> None:
    done = template(values_file("minimal"), setting)
    assert done.returncode != 0
    assert f"'{where}'" in done.stderr
    assert f"'{name}' not allowed" in done.stderr


@pytest.mark.parametrize(("setting", "where"), WRONG)
def test_a_wrong_value_is_refused_by_its_name(setting: str, where: str) -> None:
    done = template(values_file("minimal"), setting)
    assert done.returncode != 0
    assert f"'{where}'" in done.stderr


@pytest.mark.parametrize(("values", "settings", "said"), TOGETHER)
def test_values_that_contradict_one_another_are_refused(values: str, settings: list[str], said: str) -> None:
    done = template(values_file(values), *settings)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_schema_knows_every_value_and_each_has_a_default() -> None:
    """A value of the schema's that values.yaml does not show is one that nobody finds."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)
    sections = [name for name, each in schema["properties"].items() if each.get("properties")]
    assert sections
    for name in sections:
        assert set(schema["properties"][name]["properties"]) == set(values[name]), name


def test_nothing_in_the_schema_lets_unknown_names_pass() -> None:
    """Every object with names of its own is closed; maps of anybody's names say what their values are."""

    def walk(node: object, where: str) -> None:
        if isinstance(node, dict):
            if "properties" in node and isinstance(node["properties"], dict) and node.get("type") == "object":
                assert node.get("additionalProperties") is False, where
            for key, each in node.items():
                walk(each, f"{where}/{key}")

    walk(json.loads((CHART / "values.schema.json").read_text()), "#")
