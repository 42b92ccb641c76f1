"""
Texts that say nearly the same, found among many thousands in seconds.

MinHash proposes pairs, the words themselves decide: two texts are near copies when the Jaccard similarity of their
stemmed words is at least `THRESHOLD`. The bands are so many that a pair at the threshold is overlooked once in twenty
million times, so the leak test may ask for none at all. At .8, seven words of eight are the same: re-worded
repeats are caught, two requirements about sibling functions are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datasketch import MinHash, MinHashLSH

from inference.text import terms

THRESHOLD = 0.8
BANDS, BAND_ROWS = 32, 4  # (1 - .8 ** 4) ** 32 = 5e-8


def text_words(text: str) -> frozenset[str]:
    """
    The words by which texts are compared; empty for a text that says nothing ("+1", ":)").

    >>> text_words("Speed up the routing of trucks") == text_words("speed-up of truck routes")
    True
    """
    return frozenset(terms(text))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """
    Share of all words that both have; 0 when there are none.

    >>> jaccard(frozenset("abcd"), frozenset("abc"))
    0.75
    """
    return len(left & right) / len(left | right) if left or right else 0.0


def near_pairs(texts: Sequence[frozenset[str]], *, threshold: float = THRESHOLD) -> Iterator[tuple[int, int]]:
    """
    Positions of all pairs of near copies, the earlier text first.

    Args:
        texts: Words of each text; those without words are near nothing.
        threshold: Least Jaccard similarity; below .8 the bands begin to overlook pairs.
    """
    at = [i for i, words in enumerate(texts) if words]
    sketches = MinHash.bulk([[w.encode() for w in sorted(texts[i])] for i in at], num_perm=BANDS * BAND_ROWS)
    index = MinHashLSH(num_perm=BANDS * BAND_ROWS, params=(BANDS, BAND_ROWS))
    for i, sketch in zip(at, sketches, strict=True):
        yield from ((j, i) for j in sorted(index.query(sketch)) if jaccard(texts[i], texts[j]) >= threshold)
        index.insert(i, sketch)


def clusters(texts: Sequence[frozenset[str]], sources: Sequence[str]) -> list[int]:
    """
    Number the texts so that near copies, and what is near to them, and all texts of one source share a number.

    >>> words = [text_words(t) for t in ("avoid tolls", "Avoid toll!", "draw tiles", "draw the map")]
    >>> clusters(words, ["a", "b", "c", "c"])
    [0, 0, 2, 2]
    """
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    same_source = ((first.setdefault(source, i), i) for i, source in enumerate(sources))
    for pairs in (same_source, near_pairs(texts)):
        for left, right in pairs:
            low, high = sorted((root(left), root(right)))
            parent[high] = low
    return [root(i) for i in range(len(texts))]
