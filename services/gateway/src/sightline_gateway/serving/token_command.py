"""``sightline gateway-token``: a token for development. Issue your own from what knows your users."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.config import load
from sightline_gateway.serving.tokens import MAX_SECONDS, PARTICIPANT, Tokens
from sightline_gateway.settings import GatewaySettings


def gateway_token(
    session: Annotated[str, typer.Option(help="Id of the session that it allows.")],
    ttl: Annotated[float, typer.Option(min=1, max=MAX_SECONDS, help="Seconds that it lives.")] = 300,
    participant: Annotated[str, typer.Option(help="Who shows it, as the agent is told.")] = PARTICIPANT,
) -> None:
    """Print a token for one session, signed with GATEWAY_JWT_SECRET."""
    typer.echo(Tokens(load(GatewaySettings)).issue(session, ttl, participant))
