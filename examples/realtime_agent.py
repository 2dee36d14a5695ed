"""Speech to speech: a realtime model that watches its caller's video, and speaks up when something happens.

    python examples/realtime_agent.py dev

The model is shown small pictures, one a second while the caller speaks and one per three seconds otherwise
(AGENT_REALTIME_SPEAKING_FPS, AGENT_REALTIME_IDLE_INTERVAL). "Tell me when the kettle boils" is put to the
`captioner` that runs beside `room-ingest`. OPENAI_API_KEY; or OPENAI_BASE_URL and AGENT_REALTIME_MODEL.
"""

import os

from livekit.agents import AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.room_io import RoomOptions
from livekit.plugins.openai.realtime import RealtimeModel

from sightline.config import load
from sightline_agent import VisionAgent
from sightline_agent.realtime import VideoSampler
from sightline_agent.settings import AgentSettings
from sightline_agent.watch_tools import WatchTools

MODEL = os.environ.get("AGENT_REALTIME_MODEL", "gpt-realtime")
INSTRUCTIONS = "You are in a video call and see what its camera shows. Answer in a sentence or two."

server = AgentServer()


@server.rtc_session()
async def join(job: JobContext) -> None:
    session: AgentSession[None] = AgentSession(
        llm=RealtimeModel(model=MODEL),
        vad=None,
        video_sampler=VideoSampler(),
        turn_handling={"turn_detection": "realtime_llm"},
    )
    vision = load(AgentSettings, mode="realtime")
    agent = VisionAgent(instructions=INSTRUCTIONS, vision=vision, tools=[WatchTools()])
    await session.start(agent, room=job.room, room_options=RoomOptions(video_input=True))


if __name__ == "__main__":
    cli.run_app(server)
