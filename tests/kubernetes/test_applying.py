"""A kube-apiserver takes what the chart renders, for each file of values, and has nothing to say about it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import NAMESPACE, VALUES, Object, of_kind, render, values_file
from support.kubernetes import ControlPlane

APPLY = ("apply", "--server-side", "--warnings-as-errors", "--filename=-")

Change = Callable[[dict[str, Any]], None]


def in_namespace(name: str, objects: list[Object]) -> str:
    """The objects moved there, as YAML."""
    moved = copy.deepcopy(objects)
    for each in moved:
        assert each["metadata"]["namespace"] == NAMESPACE
        each["metadata"]["namespace"] = name
    return str(yaml.safe_dump_all(moved))


def versions(applied: str) -> dict[tuple[str, str], str]:
    """Kind and name -> what the server counts the object's changes with."""
    return {
        (each["kind"], each["metadata"]["name"]): each["metadata"]["resourceVersion"]
        for each in json.loads(applied)["items"]
    }


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_every_object_is_taken_without_a_warning_and_applying_it_again_changes_nothing(
    cluster: ControlPlane, values: Path
) -> None:
    objects = render(values)
    text = in_namespace(cluster.new_namespace(values.stem), objects)
    first = versions(cluster.done(*APPLY, "--output=json", given=text))
    assert set(first) == {(each["kind"], each["metadata"]["name"]) for each in objects}
    assert versions(cluster.done(*APPLY, "--output=json", given=text)) == first


def misspelt(captioner: dict[str, Any]) -> None:
    captioner["spec"]["template"]["spec"]["terminationGracePeriod"] = 5


def of_other_pods(captioner: dict[str, Any]) -> None:
    captioner["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] = "encoder"


def with_a_mount_of_nothing(captioner: dict[str, Any]) -> None:
    [container] = captioner["spec"]["template"]["spec"]["containers"]
    container["volumeMounts"].append({"name": "models", "mountPath": "/models"})


def more_asked_than_allowed(captioner: dict[str, Any]) -> None:
    [container] = captioner["spec"]["template"]["spec"]["containers"]
    container["resources"]["requests"]["memory"] = "9Ti"


def may_become_root(captioner: dict[str, Any]) -> None:
    [container] = captioner["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["allowPrivilegeEscalation"] = True


def scaled_to_words(scaled: dict[str, Any]) -> None:
    scaled["spec"]["maxReplicaCount"] = "many"


def scaled_by_nothing(scaled: dict[str, Any]) -> None:
    del scaled["spec"]["triggers"]


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("Deployment", misspelt, "terminationGracePeriod: field not declared in schema"),
        ("Deployment", of_other_pods, "`selector` does not match template `labels`"),
        ("Deployment", with_a_mount_of_nothing, 'volumeMounts[3].name: Not found: "models"'),
        ("Deployment", more_asked_than_allowed, "must be less than or equal to memory limit"),
        ("Deployment", may_become_root, 'would violate PodSecurity "restricted:latest"'),
        ("ScaledObject", scaled_to_words, "spec.maxReplicaCount"),
        ("ScaledObject", scaled_by_nothing, "spec.triggers: Required value"),
    ],
    ids=lambda each: each.__name__ if callable(each) else None,
)
def test_what_is_wrong_is_refused(cluster: ControlPlane, kind: str, change: Change, said: str) -> None:
    thing = of_kind(render(values_file("external-nats")), kind)["captioner"]
    cluster.done(*APPLY, "--dry-run=server", given=in_namespace("default", [thing]))
    change(thing)
    done = cluster.kubectl(*APPLY, "--dry-run=server", given=in_namespace("default", [thing]))
    assert done.returncode != 0
    assert said in done.stderr
