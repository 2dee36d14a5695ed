"""What each service of docker-compose.yml is told: of the secrets in .env, those that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import generate_settings
import yaml
from pydantic import SecretStr

from support.compose import configuration, require_compose

READERS = {
    "sightline": {"room-ingest", "captioner", "encoder", "agent", "gateway"},
    "sightline_ingest": {"room-ingest"},
    "sightline_captioner": {"captioner"},
    "sightline_encoder": {"encoder"},
    "sightline_agent": {"agent", "gateway"},
    "sightline_gateway": {"gateway"},
}
"""Package -> the services whose code loads its settings."""

OF_ROOMS = {"room-ingest", "agent"}
"""Of the library's settings, LiveKit's are loaded by those that join rooms."""


def secrets() -> dict[str, set[str]]:
    """Variable -> the services that read it."""
    found: dict[str, set[str]] = {}
    for variable, module in _secret_fields():
        readers = READERS[module.partition(".")[0]]
        found.setdefault(variable, set()).update(OF_ROOMS if variable.startswith("LIVEKIT_") else readers)
    return found


def _secret_fields() -> Iterator[tuple[str, str]]:
    for settings in generate_settings.classes():
        for name, field in settings.model_fields.items():
            # What may hold a plugin's key does not show itself.
            if isinstance(field.default, SecretStr) or not field.repr:
                yield generate_settings.variable(settings, name, field), settings.__module__


async def test_a_service_is_told_no_secret_that_it_does_not_read(tmp_path: Path) -> None:
    require_compose()
    wanted = {**secrets(), "GRAFANA_PASSWORD": set()}
    assert len(wanted) > 8
    settings = {variable: f"it-is-{variable}-which-is-long-enough" for variable in wanted}
    services = yaml.safe_load(await configuration(tmp_path, settings))["services"]
    told = {
        variable: {name for name in READERS["sightline"] if services[name]["environment"].get(variable)}
        for variable in wanted
    }
    assert told == wanted
