"""What the chart renders is what Kubernetes, KEDA and the Prometheus operator take."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from support.helm import CHART, VALUES, Object, helm, of_kind, render, values_file

OLDEST, NEWEST = "1.30", "1.37"
SCHEMAS = Path(__file__).with_name("schemas")


def check(thing: Object, version: str) -> None:
    """Against the strict schema of its kind: a field that is misspelt is an error."""
    api = thing["apiVersion"]
    if "." in api and not api.split("/")[0].endswith(".k8s.io"):
        schema = json.loads((SCHEMAS / f"{api.replace('/', '-')}-{thing['kind']}.json").read_text())
        jsonschema.Draft7Validator(schema).validate(thing)
    else:
        kubernetes_validate.validate(thing, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_valid(objects: list[Object], version: str) -> None:
    for each in objects:
        check(each, version)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "template", "spec", "containers", 0, "imagePullPolice")),
        ("ScaledObject", ("spec", "cooldownSeconds")),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "intervall")),
    ],
)
def test_a_misspelt_field_would_be_seen(kind: str, path: tuple[str | int, ...]) -> None:
    objects = render(values_file("everything"))
    thing = next(each for each in objects if each["kind"] == kind)
    inner = thing
    for step in path[:-1]:
        inner = inner[step]  # type: ignore[index]
    inner[path[-1]] = "x"  # type: ignore[index]
    with pytest.raises(jsonschema.ValidationError, match=str(path[-1])):
        check(thing, NEWEST)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_lint_has_nothing_to_say(values: Path) -> None:
    done = helm("lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


def test_no_two_objects_have_one_name(objects: list[Object]) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert sorted(set(names)) == sorted(names)


def test_everything_is_in_the_namespace_of_the_release(objects: list[Object]) -> None:
    assert {each["metadata"]["namespace"] for each in objects} == {"vision"}


def test_each_stage_and_each_custom_worker_is_a_deployment() -> None:
    everything = of_kind(render(values_file("everything")), "Deployment")
    assert set(everything) == {"room-ingest", "captioner", "encoder", "agent", "gateway", "plates"}
    assert set(of_kind(render(values_file("workers")), "Deployment")) == {
        "captioner",
        "encoder",
        "gateway",
        "plates",
        "signs-and-posters",
    }


def test_selectors_find_their_own_pods_and_no_others(objects: list[Object]) -> None:
    labels = {
        name: each["spec"]["template"]["metadata"]["labels"]
        for kind in ("Deployment", "StatefulSet", "Job")
        for name, each in of_kind(objects, kind).items()
    }
    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy"):
        for name, each in of_kind(objects, kind).items():
            selector = each["spec"].get("selector") or each["spec"]["podSelector"]
            wanted = selector["matchLabels"].items()
            assert [pod for pod, has in labels.items() if wanted <= has.items()] == [name]


def test_notes_say_what_is_missing() -> None:
    done = helm(
        "install", "eyes", CHART, "--dry-run=client", "--hide-notes=false", "--values", values_file("minimal")
    )
    assert done.returncode == 0, done.stderr
    notes = done.stdout.rpartition("NOTES:")[2]
    assert "eyes-sightline-captioner" in notes
    assert "The captioner has no model" in notes
    assert "Nobody shows the bus a credential" in notes
