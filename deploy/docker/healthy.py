"""The health check of the images: exit code 0 when the service is ready, else 1 and why."""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 4


def url() -> str:
    """Where the service of this image tells; the agent is a worker of LiveKit's, with a check of its own."""
    if os.environ["SIGHTLINE_SERVICE"] == "agent":
        return f"http://127.0.0.1:{os.environ['AGENT_HTTP_PORT']}/"
    return f"http://127.0.0.1:{os.environ['SIGHTLINE_HTTP_PORT']}/readyz"


def main() -> None:
    try:
        with urllib.request.urlopen(url(), timeout=TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        sys.exit(f"not ready: {error.read(1000).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"{url()} does not answer: {error}")


if __name__ == "__main__":
    main()
