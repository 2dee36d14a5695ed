"""The script that writes docs/metrics.md, as a module."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "generate_metrics.py"


@functools.cache
def metrics_page() -> Any:
    spec = importlib.util.spec_from_file_location("generate_metrics", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
