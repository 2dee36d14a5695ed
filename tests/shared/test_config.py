"""A bad setting stops the start with its name, what came and what was expected."""

from __future__ import annotations

from typing import Self

import pytest
from pydantic import SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from sightline.config import BusSettings, LiveKitSettings, ServiceSettings, Settings, load
from sightline.errors import SettingsError


class Door(Settings):
    model_config = SettingsConfigDict(env_prefix="DOOR_")

    codes: tuple[int, ...] = ()
    api_key: SecretStr = SecretStr("")
    low: int = 0
    high: int = 9

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("DOOR_LOW is above DOOR_HIGH")
        return self


def problem(settings: type[Settings]) -> str:
    with pytest.raises(SettingsError) as raised:
        load(settings)
    return str(raised.value)


@pytest.mark.parametrize("settings", [BusSettings, ServiceSettings, LiveKitSettings])
def test_everything_has_a_default(settings: type[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.model_fields:
        monkeypatch.delenv(f"{settings.model_config['env_prefix']}{name}".upper(), raising=False)
    load(settings)


@pytest.mark.parametrize("settings", [BusSettings, ServiceSettings, LiveKitSettings])
def test_every_setting_is_described(settings: type[Settings]) -> None:
    assert all(field.description for field in settings.model_fields.values())


def test_a_bad_value_is_named_with_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_REQUEST_TIMEOUT", "soon")
    assert problem(BusSettings).startswith("NATS_REQUEST_TIMEOUT: Input should be a valid number")
    assert problem(BusSettings).endswith("got 'soon'")


def test_all_bad_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_LOG_LEVEL", "loud")
    monkeypatch.setenv("SIGHTLINE_HTTP_PORT", "70000")
    assert "SIGHTLINE_LOG_LEVEL: " in problem(ServiceSettings)
    assert "SIGHTLINE_HTTP_PORT: " in problem(ServiceSettings)


def test_a_list_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_CODES", "1,2")
    assert problem(Door).startswith("DOOR_CODES: expected JSON")


def test_an_item_of_a_list_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_CODES", '[1, "two"]')
    assert problem(Door).startswith("DOOR_CODES_1: ")


def test_no_error_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_API_KEY", "hunter2")
    monkeypatch.setenv("DOOR_LOW", "10")
    assert "DOOR_LOW is above DOOR_HIGH" in problem(Door)
    assert "hunter2" not in problem(Door)
    monkeypatch.setenv("DOOR_LOW", "1")
    assert "hunter2" not in repr(load(Door))


def test_settings_cannot_change_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Door).low = 3
