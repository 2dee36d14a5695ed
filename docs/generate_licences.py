"""Writes docs/licences.md: every Python package in the images, and its licence; ``--check`` only compares.

The packages are those of uv.lock, the licences what their installed metadata says. A licence that is not in
``ALLOWED`` ends it with an error: somebody has to look.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from generated import ROOT, write_or_check
from packaging.requirements import Requirement

PAGE = Path(__file__).with_name("licences.md")
SERVICES = ("room-ingest", "captioner", "encoder", "agent", "gateway")
EXPORT = (
    *("export", "--quiet", "--frozen", "--no-dev", "--no-emit-workspace"),
    *("--no-hashes", "--no-annotate", "--no-header"),
    *("--package", "sightline", "--extra", "cli", "--extra", "tracing"),
)

HEAD = """\
# Licences

Every Python package in the images, with the licence that its own metadata names. Written by
`docs/generate_licences.py`, which refuses licences that nobody has looked at. The Debian packages of the base
image have theirs in `/usr/share/doc`; `make sbom` lists both.

| package | version | licence | in the image of |
|---|---|---|---|
"""

ALLOWED = (
    "0BSD", "Apache", "BSD", "CC0", "CNRI", "HPND", "ISC", "MIT", "MPL", "Mozilla", "PSF", "Python Software",
    "Unlicense", "Zlib",
)  # fmt: skip
"""A licence has to name one of these."""

REFUSED = ("GPL", "Proprietary", "LicenseRef")
"""And none of these."""

LOOKED_AT = {
    # Its models may be used with LiveKit Agents only, as they are here.
    "livekit-local-inference": "Apache-2.0, its models the LiveKit Model License",
}
"""Package -> licence, where somebody had to look."""


def packages(service: str) -> dict[str, str]:
    """What an image holds on Linux: name -> version."""
    command = [str(ROOT / ".ci/uv"), *EXPORT, "--package", f"sightline-{service}"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    wanted = [Requirement(line) for line in lines if line.strip()]
    here = [each for each in wanted if each.marker is None or each.marker.evaluate()]
    return {each.name: str(each.specifier).removeprefix("==") for each in here}


def licence(package: str) -> str:
    """The licence, as short as the package says it.

    Raises:
        SystemExit: It names none, or one that is not allowed.
    """
    if package in LOOKED_AT:
        return LOOKED_AT[package]
    try:
        found = _named(metadata(package))
    except PackageNotFoundError:
        sys.exit(
            f"{package}: expected it in this environment, to read its licence; run: make .venv/.installed"
        )
    if not any(each in found for each in ALLOWED) or any(each in found for each in REFUSED):
        sys.exit(f"{package}: expected one of {', '.join(ALLOWED)}, its licence is {found!r}: look at it")
    return found


def _named(about: PackageMetadata) -> str:
    if expression := about.get("License-Expression"):
        return expression
    marks = [each for each in about.get_all("Classifier", []) if each.startswith("License :: ")]
    names = [each.rsplit(" :: ", 1)[1] for each in marks if each != "License :: OSI Approved"]
    return ", ".join(names) or (about.get("License") or "none").strip().splitlines()[0]


def page() -> str:
    """The page, whole."""
    versions: dict[str, str] = {}
    where: dict[str, list[str]] = {}
    for service in SERVICES:
        for name, version in packages(service).items():
            versions[name] = version
            where.setdefault(name, []).append(service)
    rows = []
    for name, images in sorted(where.items()):
        which = "all" if len(images) == len(SERVICES) else ", ".join(images)
        rows.append(f"| {name} | {versions[name]} | {licence(name)} | {which} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    write_or_check(__doc__, lambda: {PAGE: page()})
