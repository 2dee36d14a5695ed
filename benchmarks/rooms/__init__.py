"""Processes of the benchmark of room-ingest: who publishes, and who watches the usual way."""
