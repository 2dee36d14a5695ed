"""One client's conversation with the agent, whatever carries it: frames and words in, text and speech out."""

from sightline_gateway.session.session import VideoSession as VideoSession
