"""The service: sessions for whoever connects, until it is told to stop."""

from __future__ import annotations

import asyncio

from sightline.config import load
from sightline.log import get_logger
from sightline.service import Service
from sightline_agent.settings import AgentSettings
from sightline_gateway.serving.server import GatewayServer
from sightline_gateway.session import VideoSession
from sightline_gateway.session.models import Models
from sightline_gateway.settings import GatewaySettings, SessionSettings

log = get_logger()


async def serve(service: Service) -> None:
    """Serve clients until the service is told to stop; then let replies in progress end.

    Raises:
        SettingsError: A setting has a bad value, or the address cannot be listened on.
    """
    settings, sessions = load(GatewaySettings), load(SessionSettings)
    models = await asyncio.to_thread(Models.configured, load(AgentSettings))

    def make(session_id: str, participant: str) -> VideoSession:
        return VideoSession(
            service.bus, session_id=session_id, settings=sessions, models=models, participant=participant
        )

    try:
        async with GatewayServer(make, settings, sessions) as server:
            log.info("gateway_listening", host=settings.host, port=server.port)
            await service.stopping.wait()
            await server.drain(service.settings.drain_seconds)
    finally:
        await models.aclose()
