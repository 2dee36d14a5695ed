"""What an operator may set about images that do not come from a camera."""

from __future__ import annotations

import ipaddress
from typing import Literal, Self

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings
from sightline.imaging import MAX_PIXELS
from sightline_agent.images.addresses import Network
from sightline_agent.images.origins import Origin

Uploads = Literal["auto", "images", "captions", "off"]


class ImageSettings(Settings):
    """Which images the agent takes from URLs, files and uploads."""

    model_config = SettingsConfigDict(env_prefix="AGENT_")

    image_hosts: str = Field(
        "",
        description="Where images may be fetched from, separated by commas: `cdn.example.com` (https only), "
        "`*.example.com`, `http://host:8080`. Empty: nothing is fetched.",
    )
    image_networks: str = Field(
        "",
        description="Private networks that those hosts may be in, such as `10.1.2.0/24`; no address that "
        "is not public is connected to otherwise.",
    )
    image_fetch_seconds: float = Field(10.0, gt=0, description="Seconds that fetching an image may take.")
    image_max_bytes: int = Field(10_000_000, ge=1_000, description="Bytes of an image, at most.")
    image_max_pixels: int = Field(MAX_PIXELS, ge=1, description="Width × height of an image, at most.")
    image_max_side: int = Field(
        1568, ge=16, description="Pixels; larger images are scaled to fit before a model is sent them."
    )
    image_uploads: Uploads = Field(
        "auto",
        description="What the model is shown of an upload: `images`, `captions` (for models that cannot "
        "see), `off` refuses it. `auto`: as `AGENT_MODE` says, images where that is not known.",
    )
    image_max_uploads: int = Field(
        4, ge=1, le=100, description="Uploads that one participant may send for one message."
    )
    image_max_kept: int = Field(
        8, ge=1, le=100, description="Uploads that the conversation keeps; the oldest leave a line of text."
    )
    image_upload_seconds: float = Field(30.0, gt=0, description="Seconds that an upload may take.")

    @field_validator("image_hosts")
    @classmethod
    def _are_origins(cls, hosts: str) -> str:
        for each in _listed(hosts):
            Origin.parse(each)
        return hosts

    @field_validator("image_networks")
    @classmethod
    def _are_networks(cls, networks: str) -> str:
        for each in _listed(networks):
            ipaddress.ip_network(each)
        return networks

    def for_a_model_that(self, *, sees: bool) -> Self:
        """These settings, where they leave to the model what it is shown of uploads."""
        chosen: Uploads = "images" if sees else "captions"
        return self if self.image_uploads != "auto" else self.model_copy(update={"image_uploads": chosen})

    @property
    def origins(self) -> list[Origin]:
        return [Origin.parse(each) for each in _listed(self.image_hosts)]

    @property
    def networks(self) -> list[Network]:
        return [ipaddress.ip_network(each) for each in _listed(self.image_networks)]


def _listed(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]
