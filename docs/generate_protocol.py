"""Writes the gateway's protocol into docs/gateway as documents; ``--check`` only compares.

They are made of the models themselves: a JSON Schema of the messages, and AsyncAPI 3.0 of the whole.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sightline_gateway.protocol.schema import as_json, asyncapi, json_schema

FOLDER = Path(__file__).with_name("gateway")


def documents() -> dict[Path, str]:
    """Each file, and what it is to hold."""
    return {
        FOLDER / "schema.json": as_json(json_schema()),
        FOLDER / "asyncapi.json": as_json(asyncapi()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the documents are not up to date")
    check = parser.parse_args().check
    for path, wanted in documents().items():
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted)
        elif not path.exists() or path.read_text() != wanted:
            sys.exit(f"{path.name}: out of date; run: python docs/generate_protocol.py")


if __name__ == "__main__":
    main()
