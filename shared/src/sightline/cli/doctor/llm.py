"""The language model that the agent answers with: any OpenAI-compatible endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sightline.cli.connect import without_credentials
from sightline.cli.doctor.finding import Finding, fail, ok, warn
from sightline.cli.doctor.http import Reply, request
from sightline.errors import RetryableError

OPENAI = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4.1-mini"
"""The agent's own default; its settings are not the library's to import, so a test compares them."""


async def check() -> list[Finding]:
    """One request that costs nothing: the list of models."""
    base, key = endpoint(os.environ)
    if not key and not base:
        text = "no language model is configured: the chat shows what one would be sent"
        mend = "set OPENAI_API_KEY, or AGENT_LLM_BASE_URL and AGENT_LLM_MODEL for vLLM, Ollama, OpenRouter, …"
        return [warn("llm", text, mend)]
    url = (base or OPENAI).rstrip("/")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        reply = await request("GET", f"{url}/models", headers)
    except RetryableError as error:
        mend = "is AGENT_LLM_BASE_URL (or OPENAI_BASE_URL) right, with /v1 mostly, and the server running?"
        return [fail("llm", f"{url} does not answer: {error}", mend)]
    return [_judge(without_credentials(url), reply)]


def endpoint(environ: Mapping[str, str]) -> tuple[str, str]:
    """URL and key, as the agent reads them: the shared key goes to the shared endpoint only."""
    own, key = environ.get("AGENT_LLM_BASE_URL", "").strip(), environ.get("AGENT_LLM_API_KEY", "").strip()
    if own:
        return own, key
    return environ.get("OPENAI_BASE_URL", "").strip(), key or environ.get("OPENAI_API_KEY", "").strip()


def _judge(url: str, reply: Reply) -> Finding:
    if reply.status in (401, 403):
        return fail(
            "llm", f"{url} refuses the key (HTTP {reply.status})", "set OPENAI_API_KEY to one it takes"
        )
    if reply.status == 404:
        mend = "does its address end as it should (/v1, mostly)?"
        return warn("llm", f"{url} answers, but lists no models (HTTP 404)", mend)
    if reply.status != 200:
        return fail("llm", f"{url} answered with HTTP {reply.status}", "look into that server's log")
    wanted, names = os.environ.get("AGENT_LLM_MODEL") or DEFAULT_MODEL, _names(reply.data)
    if names and wanted not in names:
        some = ", ".join(sorted(names)[:5])
        return fail("llm", f"{url} has no model {wanted!r}", f"set AGENT_LLM_MODEL to one it has: {some}")
    return ok("llm", f"{url}, {len(names)} model(s)" + (f", {wanted} among them" if names else ""))


def _names(data: Any) -> set[str]:
    models = data.get("data") if isinstance(data, dict) else None
    return {str(model.get("id")) for model in models or () if isinstance(model, dict)}
