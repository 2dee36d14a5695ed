"""The protocol as documents: a JSON Schema of the messages, and AsyncAPI 3.0 of the whole.

Both are made of the models in ``protocol``; ``docs/generate_protocol.py`` writes them down.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from sightline_gateway.protocol import Audio, AudioChunk, ClientMessage, ServerMessage, VideoFrame

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "Sightline gateway"
VERSION = "1.0.0"
_BINARY = (VideoFrame, Audio, AudioChunk)

DESCRIPTION = """\
Frames and words in, text and speech out, over one WebSocket at `/ws`. Messages are JSON objects in text \
messages. Those that carry data can also be binary messages: the same JSON on one line, without `data`, a \
newline, and the bytes themselves."""

Document = dict[str, Any]


def client_messages() -> tuple[type[BaseModel], ...]:
    """All that a client may send."""
    return _members(ClientMessage)


def server_messages() -> tuple[type[BaseModel], ...]:
    """All that the gateway may send."""
    return _members(ServerMessage)


def json_schema() -> Document:
    """The messages as a JSON Schema: ``ClientMessage`` and ``ServerMessage`` are its two halves."""
    definitions = _definitions("#/$defs/{model}")
    for half, members in (("ClientMessage", client_messages()), ("ServerMessage", server_messages())):
        definitions[half] = {"oneOf": [{"$ref": f"#/$defs/{each.__name__}"} for each in members]}
    return {
        "$schema": DIALECT,
        "title": f"{TITLE}: messages",
        "description": DESCRIPTION,
        "oneOf": [{"$ref": "#/$defs/ClientMessage"}, {"$ref": "#/$defs/ServerMessage"}],
        "$defs": dict(sorted(definitions.items())),
    }


def asyncapi() -> Document:
    """The protocol as an AsyncAPI 3.0 document."""
    everything = (*client_messages(), *server_messages())
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "127.0.0.1:8090",
                "protocol": "ws",
                "description": "GATEWAY_HOST and GATEWAY_PORT; `wss` behind a proxy that speaks TLS.",
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {
            "session": {
                "address": "/ws",
                "description": "One session of one client.",
                "messages": {
                    _kind(each): {"$ref": f"#/components/messages/{_kind(each)}"} for each in everything
                },
            }
        },
        # As the gateway does it: it receives what clients send.
        "operations": {
            "receive": _operation("receive", "What a client sends.", client_messages()),
            "send": _operation("send", "What the gateway sends.", server_messages()),
        },
        "components": {
            "messages": {_kind(each): _message(each) for each in everything},
            "schemas": dict(sorted(_definitions("#/components/schemas/{model}").items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HS256, with `aud`, `exp` and `session`: as the subprotocol "
                    "`bearer.<token>` beside `sightline`, or in `authenticate`; never in the URL.",
                }
            },
        },
    }


def as_json(document: Document) -> str:
    """A document as it is written down."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _operation(action: str, summary: str, messages: tuple[type[BaseModel], ...]) -> Document:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{_kind(each)}"} for each in messages],
    }


def _message(model: type[BaseModel]) -> Document:
    described = {
        "name": _kind(model),
        "summary": (model.__doc__ or "").strip(),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
    if model in _BINARY:
        described["description"] = "Can be a binary message: the JSON without `data`, a newline, the bytes."
    return described


def _definitions(template: str) -> Document:
    models: list[type[BaseModel]] = [*client_messages(), *server_messages()]
    _, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template=template, schema_generator=_Plain
    )
    definitions: Document = schema["$defs"]
    for model in models:
        # A default for those who write messages in Python; on the wire nothing tells them apart otherwise.
        required = definitions[model.__name__].setdefault("required", [])
        required.insert(0, "type")
    return definitions


class _Plain(GenerateJsonSchema):
    """Without a title on every field, which says its name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _kind(model: type[BaseModel]) -> str:
    return str(model.model_fields["type"].default)


def _members(union: Any) -> tuple[type[BaseModel], ...]:
    members: tuple[type[BaseModel], ...] = get_args(get_args(union)[0])
    return members
