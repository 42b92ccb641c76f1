"""
The words of the code itself, counted: what a file talks about when it has no documentation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

IDENTIFIERS_KEPT = 60
MENTIONS_KEPT = 400

_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{2,39}")
_TYPE_NAME = re.compile(rb"\b[A-Z][A-Za-z0-9_]*[a-z][A-Za-z0-9_]*")
_COMMON_WORDS = frozenset(
    b"""
    and are args assert async await bool boolean break byte case catch char class cls const continue def default del
    delete dict double elif else enum except export extends extern false False final finally float for foreach from
    func function global goto impl implements import include instanceof int interface internal isinstance kwargs
    lambda len let list long match mod module mut namespace new nil none None not null nullptr object operator
    override package pass pre private protected protocol pub public raise readonly ref require return self Self set
    short signed sizeof static std str string String struct super switch template this This throw throws trait true
    True try tuple type typedef typename typeof undefined union unsigned unwrap use using val var virtual void
    volatile where while with yield
    """.split()
)


def frequent_identifiers(source: bytes, hidden: Sequence[tuple[int, int]] = ()) -> tuple[str, ...]:
    """
    Give the identifiers a source uses most, keywords of any language left out.

    Args:
        source: UTF-8 text.
        hidden: Byte ranges to leave out (comments, strings), sorted; they may lie in each other.

    Returns:
        At most `IDENTIFIERS_KEPT`, most frequent first, ties by name.

    >>> frequent_identifiers(b"rate = rates.find(country)  # a rate", hidden=[(28, 36)])
    ('country', 'find', 'rate', 'rates')
    """
    code = b" ".join(_between(source, hidden))
    counts = Counter(word for word in _IDENTIFIER.findall(code) if word not in _COMMON_WORDS)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(word.decode("ascii") for word, _ in ordered[:IDENTIFIERS_KEPT])


def type_names(source: bytes, hidden: Sequence[tuple[int, int]], known: Collection[str]) -> tuple[str, ...]:
    """
    Give the other capitalised identifiers of a source, for languages where a type is used without an import.

    >>> type_names(b"let a: Cart = Tax(RATE).of(Money)", hidden=[], known=["Tax"])
    ('Cart', 'Money')
    """
    words = {word.decode("ascii") for word in _TYPE_NAME.findall(b" ".join(_between(source, hidden)))}
    return tuple(sorted(words.difference(known))[:MENTIONS_KEPT])


def _between(source: bytes, hidden: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    place = 0
    for start, end in hidden:
        if start > place:
            yield source[place:start]
        place = max(place, end)
    yield source[place:]
