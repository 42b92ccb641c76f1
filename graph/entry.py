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


def readable_path(raw: bytes) -> str:
    """
    Give a path as text. Bytes that are not UTF-8 are spelled out, so that two names stay two.

    >>> print(readable_path("größe.py".encode()), readable_path(b"gr\\xf6\\xdfe.py"))
    größe.py gr\\xf6\\xdfe.py
    """
    return raw.decode("utf-8", "backslashreplace")
