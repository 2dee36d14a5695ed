"""Settings, and the programs that some parts use."""

from __future__ import annotations

import os
import shutil

from sightline.cli.doctor.finding import Finding, fail, ok, warn
from sightline.config import BusSettings, LiveKitSettings, ServiceSettings, load
from sightline.embedded import find_nats_server
from sightline.errors import SettingsError


async def settings() -> list[Finding]:
    """The settings that all services share; those of workers are read where workers are tried."""
    found = []
    for each in (BusSettings, ServiceSettings, LiveKitSettings):
        try:
            load(each)
        except SettingsError as error:
            found.append(fail("settings", str(error), "correct the variable, or unset it for its default"))
    return found or [ok("settings", "all have values that can be used")]


async def tools() -> list[Finding]:
    """Programs beside Python's packages."""
    return [_tesseract(), _nats_server()]


def _tesseract() -> Finding:
    program = os.environ.get("CAPTIONER_TESSERACT", "tesseract")
    if found := shutil.which(program):
        return ok("tesseract", found)
    mend = "`apt install tesseract-ocr`, or `brew install tesseract`"
    return warn("tesseract", f"no {program!r}: offline captions have no text that is in view", mend)


def _nats_server() -> Finding:
    try:
        return ok("nats-server", f"{find_nats_server()}, for `sightline demo`")
    except SettingsError as error:
        return warn("nats-server", str(error), "only `sightline demo` and the tests need it")
