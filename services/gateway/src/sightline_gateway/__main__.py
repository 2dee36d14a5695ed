"""``gateway``: the agent for clients with a WebSocket, until told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sightline.config import load
from sightline.service import explained, run
from sightline_gateway.serving.handshake import Handshake
from sightline_gateway.serving.tokens import Tokens
from sightline_gateway.settings import GatewaySettings, SessionSettings

NAME = "gateway"

HELP = """\
Serves the agent over WebSockets: pictures, words and recordings in, text and speech out. With it come a
page to try it (/), and documents of the protocol (/schema.json, /asyncapi.json).

Settings come from the environment; the most important ones:
  GATEWAY_HOST             address to listen on (127.0.0.1)
  GATEWAY_PORT             port (8090)
  GATEWAY_JWT_SECRET       secret of the tokens that clients show; needed unless only this machine connects
  GATEWAY_ALLOWED_ORIGINS  pages that may connect, besides none: the gateway's own
  GATEWAY_MAX_SESSIONS     sessions at once (500)
  AGENT_LLM_BASE_URL       the language model, with AGENT_LLM_MODEL and AGENT_LLM_API_KEY; or OPENAI_API_KEY
  NATS_URL                 the bus (nats://127.0.0.1:4222)

`sightline gateway-token --session NAME` prints a token for development. All settings: docs/settings.md.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the service; exits."""
    parser = argparse.ArgumentParser(
        NAME, description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    with explained(NAME):
        # A bad value ends it here, and not once the bus is up.
        settings = load(GatewaySettings)
        load(SessionSettings)
        Handshake(settings, Tokens(settings))
        # The models' libraries take a second to load: not for --help, and not for a bad setting of the above.
        from sightline_agent.settings import AgentSettings
        from sightline_gateway.serve import serve

        load(AgentSettings)
    run(NAME, serve)


if __name__ == "__main__":
    main()
