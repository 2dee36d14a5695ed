"""What docs/security.md says of the rights is what is written into the configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_of_rights_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate_rights.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
