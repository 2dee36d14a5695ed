"""Talks about the pictures that people send: attachments of typed messages, and files on the topic "images".

    python examples/image_upload_agent.py dev

Needs no more than LiveKit and a model that sees: OPENAI_API_KEY, or OPENAI_BASE_URL and AGENT_LLM_MODEL for
any endpoint that speaks OpenAI's protocol. Where `room-ingest` and an `encoder` run, it sees cameras, too.
AGENT_IMAGE_MAX_BYTES and its like are the limits; what is not taken is answered with the reason.
"""

import os

from livekit.agents import AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.room_io import RoomOptions
from livekit.plugins import openai

from sightline.config import load
from sightline_agent import VisionAgent
from sightline_agent.images import ImageInbox
from sightline_agent.settings import AgentSettings

MODEL = os.environ.get("AGENT_LLM_MODEL", "gpt-4.1-mini")
INSTRUCTIONS = "People send you pictures and type about them. Answer from the pictures, briefly."

server = AgentServer()


@server.rtc_session()
async def join(job: JobContext) -> None:
    session: AgentSession[None] = AgentSession(llm=openai.LLM(model=MODEL), vad=None)
    agent = VisionAgent(instructions=INSTRUCTIONS, vision=load(AgentSettings, mode="images"))
    typed = RoomOptions(audio_input=False, audio_output=False, text_input=True)
    await session.start(agent, room=job.room, room_options=typed)
    ImageInbox(session, job.room).open()


if __name__ == "__main__":
    cli.run_app(server)
