"""The language model that the agent answers with: any OpenAI-compatible endpoint."""

from __future__ import annotations

import os
from typing import Any

from sightline.cli.connect import without_credentials
from sightline.cli.doctor.finding import Finding, fail, ok, warn
from sightline.cli.doctor.http import Reply, request
from sightline.errors import RetryableError

OPENAI = "https://api.openai.com/v1"


async def check() -> list[Finding]:
    """One request that costs nothing: the list of models."""
    key, base = os.environ.get("OPENAI_API_KEY", "").strip(), os.environ.get("OPENAI_BASE_URL", "").strip()
    if not key and not base:
        text = "no language model is configured: the chat shows what one would be sent"
        return [warn("llm", text, "set OPENAI_API_KEY, or OPENAI_BASE_URL for vLLM, Ollama, OpenRouter, …")]
    url = (base or OPENAI).rstrip("/")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        reply = await request("GET", f"{url}/models", headers)
    except RetryableError as error:
        mend = "is OPENAI_BASE_URL right (it ends in /v1, mostly), and the server running?"
        return [fail("llm", f"{url} does not answer: {error}", mend)]
    return [_judge(without_credentials(url), reply)]


def _judge(url: str, reply: Reply) -> Finding:
    if reply.status in (401, 403):
        return fail(
            "llm", f"{url} refuses the key (HTTP {reply.status})", "set OPENAI_API_KEY to one it takes"
        )
    if reply.status == 404:
        mend = "does OPENAI_BASE_URL end as it should (/v1, mostly)?"
        return warn("llm", f"{url} answers, but lists no models (HTTP 404)", mend)
    if reply.status != 200:
        return fail("llm", f"{url} answered with HTTP {reply.status}", "look into that server's log")
    wanted, names = os.environ.get("AGENT_LLM_MODEL", "").strip(), _names(reply.data)
    if wanted and names and wanted not in names:
        some = ", ".join(sorted(names)[:5])
        return fail("llm", f"{url} has no model {wanted!r}", f"set AGENT_LLM_MODEL to one it has: {some}")
    return ok("llm", f"{url}, {len(names)} model(s)" + (f", {wanted} among them" if wanted else ""))


def _names(data: Any) -> set[str]:
    models = data.get("data") if isinstance(data, dict) else None
    return {str(model.get("id")) for model in models or () if isinstance(model, dict)}
