"""
Rows of a benchmark folder for tests, made by the rule of `tests.codebase`.
"""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.codebase import requirement


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """
    Write one split, packed.
    """
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def row(number: int) -> dict[str, Any]:
    """
    Give the *number*-th requirement of the shop; every other one names its module.
    """
    text, area, thing = requirement(number)
    path = f"shop/{area}/{thing.replace(' ', '_')}.py"
    date = f"2024-{1 + number // 28:02d}-{1 + number % 28:02d}"
    return {
        "id": f"c{number}",
        "date": date,
        "text": text,
        "modules": [area],
        "files": [path],
        "leaks": number % 2 == 0,
    }
