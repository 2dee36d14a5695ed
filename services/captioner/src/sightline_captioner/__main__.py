"""``captioner``: frames in, captions out, until told to stop."""

import argparse

from sightline.service import run_worker

HELP = """\
Describes the frames of every room on the bus and answers questions about them, until told to stop.

All settings come from the environment:
  CAPTIONER_BACKEND        auto (default), moondream, openai or offline
  MOONDREAM_API_KEY        Moondream's cloud
  MOONDREAM_ENDPOINT       a self-hosted Moondream, such as http://127.0.0.1:2020/v1
  CAPTIONER_OPENAI_MODEL   a vision model; with CAPTIONER_OPENAI_BASE_URL and CAPTIONER_OPENAI_API_KEY
  CAPTIONER_LENGTH         short, normal (default) or long
  CAPTIONER_PROMPT         what to say about a frame, instead of describing it
  CAPTIONER_CONCURRENCY    frames described at once (4)
  CAPTIONER_DEADLINE       seconds that one frame may take (20)
  NATS_URL                 the bus (nats://127.0.0.1:4222)

With nothing set it runs offline: no model, no network; it measures pictures and says so.
Start more of them when they fall behind: replicas share the work.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        "captioner", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    run_worker("captioner")


if __name__ == "__main__":
    main()
