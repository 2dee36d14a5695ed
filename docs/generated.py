"""What the scripts beside it share: files made of the code are written, or, with ``--check``, compared."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def between(page: str, name: str, text: str) -> str:
    """The page with this text between its markers ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        SystemExit: The page lacks a marker.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        sys.exit(f"expected {begin} and, after it, {end} in the page")
    return f"{before}{begin}\n{text}\n{end}{after}"


def write_or_check(about: str | None, documents: Callable[[], Mapping[Path, str]]) -> None:
    """A whole script: write the files; with ``--check`` only say which is out of date, and exit with 1.

    Args:
        about: For ``--help``.
        documents: Each file, and what it is to hold.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    check = parser.parse_args().check
    for path, wanted in documents().items():
        if not check:
            path.write_text(wanted, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != wanted:
            script = Path(sys.argv[0]).name
            sys.exit(f"{path.relative_to(ROOT)} is out of date; run: python docs/{script}")
