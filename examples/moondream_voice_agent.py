"""A voice agent with Moondream's eyes: asked, it knows what its callers hold into their cameras.

    python examples/moondream_voice_agent.py dev             # in every room of your LiveKit server
    python examples/moondream_voice_agent.py console --text  # in this terminal, about the room AGENT_ROOM

Runs beside `room-ingest` and a `captioner` that has MOONDREAM_API_KEY or MOONDREAM_ENDPOINT. The model it
talks with need not see: OPENAI_API_KEY, or OPENAI_BASE_URL for any endpoint that speaks OpenAI's protocol.
"""

import os

from livekit.agents import AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai

from sightline_agent import VisionAgent

MODEL = os.environ.get("AGENT_LLM_MODEL", "gpt-4.1-mini")
INSTRUCTIONS = """\
You are in a call, and see what the others' cameras and screens show, as each of their messages tells you. \
Answer in one or two spoken sentences."""

server = AgentServer()


class VoiceAgent(VisionAgent):
    """Greets whoever is there; sees by itself."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        await super().on_enter()
        self.session.say("Hello! Show me something.")


@server.rtc_session()
async def join(job: JobContext) -> None:
    session: AgentSession[None] = AgentSession(
        stt=openai.STT(),
        llm=openai.LLM(model=MODEL),
        tts=openai.TTS(),
        turn_handling={"turn_detection": "vad", "interruption": {"mode": "vad"}},  # without LiveKit's cloud
    )
    await session.start(VoiceAgent(), room=job.room)


if __name__ == "__main__":
    cli.run_app(server)
