"""Helps with what is on a shared screen: the captions tell where to look, the picture has the fine print.

    python examples/screen_share_helper.py dev

The agent itself is an ordinary one, out of a package that cannot be changed, say: `attach_vision` gives its
session eyes. Runs beside `room-ingest`, a `captioner` and an `encoder`. The model must see:
OPENAI_API_KEY, or OPENAI_BASE_URL and AGENT_LLM_MODEL for any endpoint that speaks OpenAI's protocol.
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.room_io import RoomOptions
from livekit.plugins import openai

from sightline.config import load
from sightline_agent import attach_vision
from sightline_agent.settings import AgentSettings

MODEL = os.environ.get("AGENT_LLM_MODEL", "gpt-4.1-mini")
INSTRUCTIONS = """\
People share their screen with you and type what they are stuck with. Say what to click or to type next, by \
the words that are on the screen."""

server = AgentServer()


@server.rtc_session()
async def join(job: JobContext) -> None:
    session: AgentSession[None] = AgentSession(llm=openai.LLM(model=MODEL), vad=None)
    attach_vision(session, job.room, vision=load(AgentSettings, mode="both", image_detail="high"))
    typed = RoomOptions(audio_input=False, audio_output=False, text_input=True)
    await session.start(Agent(instructions=INSTRUCTIONS), room=job.room, room_options=typed)


if __name__ == "__main__":
    cli.run_app(server)
