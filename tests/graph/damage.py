"""
What can happen to a source file on its way: cut off, bytes lost, lines mixed up, other bytes in between.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

_ODD = (
    b"\x00",
    b"\xff\xfe",
    b"\r",
    b"\r\n",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x98",
    b"{",
    b"}",
    b"(" * 60,
    b'"""',
    b"/*",
    b"'",
)


def damaged(data: bytes, chance: random.Random, count: int) -> Iterator[bytes]:
    """
    Give *count* damaged copies of some bytes: two thirds are cut off somewhere, most of these have more damage.
    """
    for number in range(count):
        text = data[: chance.randrange(len(data) + 1)] if number % 3 else data
        for _ in range(number % 4):
            place = chance.randrange(len(text) + 1)
            kind = chance.randrange(4)
            if kind == 0:
                text = text[:place] + text[place + chance.randrange(40) :]
            elif kind == 1:
                text = text[:place] + chance.choice(_ODD) + text[place:]
            elif kind == 2:
                lines = text.split(b"\n")
                chance.shuffle(lines)
                text = b"\n".join(lines)
            else:
                text = text[:place] + bytes(chance.randrange(256) for _ in range(6)) + text[place:]
        yield text
