"""
One file of a snapshot, before it is read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One file of a snapshot: its path with forward slashes, its git object id, its size in bytes.
    """

    path: str
    blob: str
    size: int
