"""``sightline nats-config``: a configuration of NATS with one credential per service."""
