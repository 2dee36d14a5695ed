"""The chart, as helm renders it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from support.environment import HELM, missing

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "sightline"
VALUES = sorted((ROOT / "tests" / "helm" / "values").glob("*.yaml"))
"""Installations of many kinds; each has to render whatever is tested."""

RELEASE, NAMESPACE = "eyes", "vision"
SECONDS = 60

Object = dict[str, Any]


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run helm to its end."""
    program = HELM or shutil.which("helm")
    if not program or not Path(program).exists():
        missing("helm", f"expected helm at HELM={HELM!r}" if HELM else "expected helm on the PATH, or HELM")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS, check=False
    )


def template(values: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    """Render with a file of values, and with settings as ``--set`` takes them."""
    options = [option for setting in settings for option in ("--set", setting)]
    # The chart asks for a cluster of some age; without one, helm takes its own.
    return helm("template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", values, *options)


def render(values: Path, *settings: str) -> list[Object]:
    """The objects of an installation, hooks included."""
    done = template(values, *settings)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def values_file(name: str) -> Path:
    """One of ``VALUES``."""
    [found] = [each for each in VALUES if each.stem == name]
    return found


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    """Component -> its object of a kind."""
    return {
        each["metadata"]["name"].removeprefix(f"{RELEASE}-sightline-"): each
        for each in objects
        if each["kind"] == kind
    }


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Component -> the template of its pods."""
    for kind in ("Deployment", "StatefulSet", "Job"):
        for name, each in of_kind(objects, kind).items():
            yield name, each["spec"]["template"]


def container(pod: Object) -> Object:
    """The one container of a pod."""
    [only] = pod["spec"]["containers"]
    return only


def environment(pod: Object) -> dict[str, Any]:
    """Variable -> its value, or where it is from."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container(pod).get("env", ())}
