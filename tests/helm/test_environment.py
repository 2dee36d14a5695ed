"""What the pods are told: variables that the services know, and secrets of their own only."""

from __future__ import annotations

import re
from pathlib import Path

import generate_settings
import pytest

from support.helm import CHART, Object, container, environment, of_kind, pods, render, template, values_file

ROOT = Path(__file__).parents[2]
OTHERS = {"OTEL_EXPORTER_OTLP_ENDPOINT", "NATS_SERVER_NAME"}
"""OpenTelemetry's own, and that of the configuration of NATS's servers."""

PREFIXES = "NATS|SIGHTLINE|LIVEKIT|INGEST|CAPTIONER|MOONDREAM|OPENAI|AGENT|GATEWAY"


@pytest.fixture(scope="module")
def settings() -> set[str]:
    """Every variable that a settings class of the project reads."""
    return {
        generate_settings.variable(each, name, field)
        for each in generate_settings.classes()
        for name, field in each.model_fields.items()
    }


def test_every_variable_that_the_chart_sets_is_a_setting(objects: list[Object], settings: set[str]) -> None:
    for name, pod in pods(objects):
        ours = {variable for variable in environment(pod) if not variable.startswith("PLATES_")}
        assert ours <= settings | OTHERS, name


def test_every_variable_that_the_values_and_notes_speak_of_is_a_setting(settings: set[str]) -> None:
    texts = [(CHART / "values.yaml").read_text(), (CHART / "templates" / "NOTES.txt").read_text()]
    spoken = set(re.findall(rf"\b(?:{PREFIXES})_[A-Z_]+", "".join(texts)))
    assert spoken
    assert spoken <= settings


def test_numbers_are_written_as_numbers() -> None:
    """Values are floats to helm: 800000 must not become 8e+05."""
    ingest = of_kind(render(values_file("everything")), "Deployment")["room-ingest"]["spec"]["template"]
    assert environment(ingest)["INGEST_MAX_FRAME_BYTES"] == "800000"
    captioner = of_kind(render(values_file("everything")), "Deployment")["captioner"]["spec"]["template"]
    assert environment(captioner)["CAPTIONER_DEADLINE"] == "12.5"
    assert environment(captioner)["MOONDREAM_LOCAL"] == "false"
    assert environment(captioner)["SIGHTLINE_DRAIN_SECONDS"] == "25.5"


def test_what_the_chart_sets_cannot_be_set_beside_it() -> None:
    done = template(values_file("minimal"), "captioner.env.SIGHTLINE_DRAIN_SECONDS=5")
    assert done.returncode != 0
    assert "captioner.env: SIGHTLINE_DRAIN_SECONDS is set by the chart" in done.stderr


def test_no_secret_is_in_the_clear(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        for variable, value in environment(pod).items():
            if re.search("SECRET$|API_KEY$|PASSWORD$|TOKEN$", variable):
                assert set(value) == {"secretKeyRef"}, f"{name}: {variable}"
    assert "Secret" not in {each["kind"] for each in objects}


def test_livekits_key_is_given_to_those_who_join_rooms() -> None:
    for name, pod in pods(render(values_file("everything"))):
        key = environment(pod).get("LIVEKIT_API_KEY")
        if name in ("room-ingest", "agent"):
            assert key == {"secretKeyRef": {"name": "livekit", "key": "key"}}
        else:
            assert key is None, name


@pytest.mark.parametrize("values", ["everything", "external-nats"])
def test_each_pod_has_its_own_credential_of_the_bus_and_no_other(values: str) -> None:
    for name, pod in pods(render(values_file(values))):
        if name == "nats":
            continue
        owner = "admin" if name == "init" else name
        [seed] = [each for each in pod["spec"]["volumes"] if each["name"] == "nats-seed"]
        assert seed["secret"]["items"] == [{"key": f"{owner}.nk", "path": "seed.nk"}]
        variables = environment(pod)
        assert variables["NATS_INBOX_PREFIX"] == f"_INBOX_{owner}"
        [mount] = [each for each in container(pod)["volumeMounts"] if each["name"] == "nats-seed"]
        assert variables["NATS_NKEY_SEED_FILE"] == f"{mount['mountPath']}/seed.nk"


def test_services_get_no_more_of_the_servers_certificate_than_its_authority() -> None:
    for name, pod in pods(render(values_file("everything"))):
        if name == "nats":
            continue
        [ca] = [each for each in pod["spec"]["volumes"] if each["name"] == "nats-ca"]
        assert [each["key"] for each in ca["secret"]["items"]] == ["ca.crt"]
        assert environment(pod)["NATS_URL"].startswith("tls://")
