"""The agent for clients that have a WebSocket and nothing else: frames and words in, text and speech out."""
