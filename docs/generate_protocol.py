"""Writes the gateway's protocol into docs/gateway as documents; ``--check`` only compares.

They are made of the models themselves: a JSON Schema of the messages, and AsyncAPI 3.0 of the whole.
"""

from __future__ import annotations

from pathlib import Path

from generated import write_or_check

from sightline_gateway.protocol.schema import as_json, asyncapi, json_schema

FOLDER = Path(__file__).with_name("gateway")


def documents() -> dict[Path, str]:
    """Each file, and what it is to hold."""
    return {
        FOLDER / "schema.json": as_json(json_schema()),
        FOLDER / "asyncapi.json": as_json(asyncapi()),
    }


if __name__ == "__main__":
    write_or_check(__doc__, documents)
