"""What is checked before a connection becomes a WebSocket."""

from __future__ import annotations

from aiohttp import hdrs, web

from sightline_gateway.serving.origins import Origins, Proxies
from sightline_gateway.serving.tokens import Grant, TokenError, Tokens
from sightline_gateway.settings import GatewaySettings

SUBPROTOCOL = "sightline"
BEARER = "bearer."
_TOKEN_NAMES = frozenset({"token", "access_token", "jwt", "bearer", "auth", "authorization", "authenticate"})


class Handshake:
    """Looks at who connects: from which page, from which address, with which token."""

    def __init__(self, settings: GatewaySettings, tokens: Tokens) -> None:
        """
        Raises:
            SettingsError: A list of origins or networks makes no sense.
        """
        self._origins, self._proxies = Origins(settings), Proxies(settings)
        self._tokens = tokens

    def address(self, request: web.Request) -> str:
        """The client's address."""
        return self._proxies.client(request.remote or "", request.headers.getall("X-Forwarded-For", []))

    def check(self, request: web.Request) -> None:
        """Refuse what must not even become a WebSocket.

        Raises:
            web.HTTPForbidden: The page's origin is not allowed.
            web.HTTPBadRequest: A token is in the URL, or the subprotocols are not ours.
        """
        # Not `request.host`, which asks the system for a name where the header is missing, and waits for it.
        host = request.headers.get(hdrs.HOST, "")
        if problem := self._origins.problem(request.headers.getall(hdrs.ORIGIN, []), host):
            raise web.HTTPForbidden(text=f"{problem}\n")
        if any(_is_token(name, value) for name, value in request.query.items()):
            # A URL is written into logs and histories.
            raise web.HTTPBadRequest(
                text="expected no token in the URL: offer the subprotocols `sightline` and `bearer.<token>`, "
                "or send authenticate first; do not use this token any more\n"
            )
        lines = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
        if len(lines) > 1 or (lines and SUBPROTOCOL not in _offered(lines)):
            raise web.HTTPBadRequest(
                text=f"expected the subprotocol `{SUBPROTOCOL}` among those offered, or none at all\n"
            )

    def grant(self, request: web.Request) -> Grant | None:
        """What the token among the subprotocols allows; None where none is shown or none is asked for.

        Raises:
            TokenError: It is not taken.
        """
        shown = [
            each.removeprefix(BEARER)
            for each in _offered(request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []))
            if each.startswith(BEARER)
        ]
        if not shown or not self._tokens.required:
            return None
        if len(shown) > 1:
            raise TokenError("expected one token among the subprotocols, got several")
        return self._tokens.check(shown[0])


def _offered(lines: list[str]) -> list[str]:
    return [part.strip() for line in lines for part in line.split(",")]


def _is_token(name: str, value: str) -> bool:
    # A JWT begins with an object in base64.
    return name.lower() in _TOKEN_NAMES or value.startswith("eyJ")
