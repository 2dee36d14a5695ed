"""Writes build/sbom/IMAGE.json, a CycloneDX list of all that each image holds: Python and Debian packages.

The Python part is made by cyclonedx-bom, which runs inside the image, read-only; nothing is added to it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOOL = "cyclonedx-bom==7.5.0"
INSTALLED = ROOT / ".cache" / TOOL
OUT = ROOT / "build/sbom"
DOCKER = os.environ.get("DOCKER", "docker")

# On the path of the tool alone: what it asks the image's Python about is not to see it.
START = "import sys; sys.path.insert(0, '/tool'); from cyclonedx_py._internal.cli import run; sys.exit(run())"
DEBIAN = ("dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n")


def in_image(image: str, program: str, *arguments: str) -> str:
    sandbox = ("--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", "--tmpfs", "/tmp")
    tool = ("--volume", f"{INSTALLED}:/tool:ro", "--entrypoint", program)
    command = [DOCKER, "run", *sandbox, *tool, image, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def debian_packages(image: str) -> list[dict[str, Any]]:
    """As CycloneDX has components."""
    rows = [line.split("\t") for line in in_image(image, *DEBIAN).splitlines()]
    purls = [f"pkg:deb/debian/{name}@{version}?arch={architecture}" for name, version, architecture in rows]
    return [
        {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
        for (name, version, _), purl in zip(rows, purls, strict=True)
    ]


def contents(image: str) -> dict[str, Any]:
    """The whole list."""
    python = "/app/venv/bin/python"
    arguments = ("-c", START, "environment", "--output-format", "JSON", "--output-reproducible", python)
    bom: dict[str, Any] = json.loads(in_image(image, python, *arguments))
    bom["metadata"]["component"] = {"type": "container", "name": image, "bom-ref": image}
    bom["components"] += debian_packages(image)
    return bom


def images() -> list[str]:
    """Those of docker-compose.yml."""
    prefix, tag = os.environ.get("SIGHTLINE_IMAGES", "sightline"), os.environ.get("SIGHTLINE_TAG", "latest")
    services = re.findall(r"args: \{ SERVICE: ([\w-]+)", (ROOT / "docker-compose.yml").read_text())
    return [f"{prefix}-{service}:{tag}" for service in services]


def main() -> None:
    if not INSTALLED.exists():
        install = ("pip", "install", "--quiet", "--target", str(INSTALLED), "--python-version", "3.11", TOOL)
        subprocess.run([ROOT / ".ci/uv", *install], check=True)
    OUT.mkdir(parents=True, exist_ok=True)
    for image in sys.argv[1:] or images():
        path = OUT / f"{re.sub(r'[/:]', '_', image)}.json"
        bom = contents(image)
        path.write_text(json.dumps(bom, indent=2) + "\n")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(bom['components'])} components\n")


if __name__ == "__main__":
    main()
