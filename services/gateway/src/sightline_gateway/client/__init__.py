"""A client of the gateway, for Python."""

from sightline_gateway.client.client import GatewayClient as GatewayClient
from sightline_gateway.client.inbox import (
    ClosedError as ClosedError,
    RefusedError as RefusedError,
    Reply as Reply,
)
