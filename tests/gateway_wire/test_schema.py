"""The documents of the protocol: valid, up to date, and about these messages."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from sightline_gateway.protocol import AudioChunk, SessionInit, VideoFrame
from sightline_gateway.protocol.schema import asyncapi, client_messages, json_schema, server_messages

ROOT = Path(__file__).parents[2]
OFFICIAL = Draft7Validator(json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text()))
"""Of the package @asyncapi/specs 6.11.1, Apache-2.0."""


def test_the_asyncapi_document_is_one() -> None:
    assert [error.message for error in OFFICIAL.iter_errors(asyncapi())] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("operations", "send", "action"), "shout"),
        (("channels", "session", "messages", "text"), 5),
        (("components", "schemas", "Text", "properties", "text", "type"), "words"),
    ],
)
def test_a_mistake_in_it_would_be_found(place: tuple[str, ...], value: Any) -> None:
    document: Any = copy.deepcopy(asyncapi())
    *way, last = place
    inner = document
    for step in way:
        inner = inner[step]
    inner[last] = value
    assert not OFFICIAL.is_valid(document)


@pytest.mark.parametrize("document", [json_schema(), asyncapi()], ids=["schema", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert found
    for reference in found:
        assert reference.startswith("#/"), reference
        inner: Any = document
        for step in reference[2:].split("/"):
            inner = inner[step]


def references(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_message_is_in_both_documents() -> None:
    types = {model.model_fields["type"].default for model in (*client_messages(), *server_messages())}
    assert len(types) == len(client_messages()) + len(server_messages()) > 20
    assert set(asyncapi()["components"]["messages"]) == types
    schema = json_schema()["$defs"]
    assert {schema[model.__name__]["properties"]["type"]["const"] for model in client_messages()} < types


def test_the_schema_takes_messages_and_nothing_else() -> None:
    Draft202012Validator.check_schema(json_schema())
    schema = Draft202012Validator(json_schema())
    frame = VideoFrame.model_validate({"image": {"data": "AAAA"}}).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    init = SessionInit(session_id="vs_1", resume_key="k").model_dump(mode="json", by_alias=True)
    chunk = AudioChunk(chunk_id=0, format="wav").model_dump(mode="json", by_alias=True)
    for message in (frame, init, chunk, {"type": "client_ready"}):
        schema.validate(message)
    for wrong in (
        frame | {"sequence": -1},
        {"type": "client_hello"},
        {"text": "hello"},
        init | {"more": 1},
        [],
    ):
        assert not schema.is_valid(wrong), wrong
