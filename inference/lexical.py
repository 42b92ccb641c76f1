"""
What the shortlist compares texts with: indexes of words, letters and names, and of past requirements.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from graph.values import Catalog, FileCard
from inference.labelled import LabelledText
from inference.text import terms
from inference.tfidf import SimilarTexts, character_vectorizer, word_vectorizer

Floats = npt.NDArray[np.float32]
NEAREST = 20


@dataclass(frozen=True, slots=True)
class Neighbour:
    """
    A past requirement near to the one asked, with its cosine similarity.
    """

    row: LabelledText
    similarity: float


class PastIndex:
    """
    Past requirements by TF-IDF similarity.

    Args:
        past: Texts with known modules; may be empty.
    """

    def __init__(self, past: Sequence[LabelledText]) -> None:
        self.past = tuple(past)
        self._similar: tuple[SimilarTexts, SimilarTexts] | None = None
        if past:
            texts = [row.text for row in past]
            with contextlib.suppress(ValueError):  # not one word in any text
                self._similar = (SimilarTexts(word_vectorizer(), texts), SimilarTexts(character_vectorizer(), texts))

    def with_more(self, rows: Sequence[LabelledText]) -> PastIndex:
        """
        Put *rows* behind the others.
        """
        if self._similar is None or not rows:
            return PastIndex((*self.past, *rows))
        more = copy(self)
        more.past = (*self.past, *rows)
        words, characters = (similar.with_more([row.text for row in rows]) for similar in self._similar)
        more._similar = words, characters
        return more

    def nearest(self, requirement: str, *, limit: int = NEAREST) -> tuple[Neighbour, ...]:
        """
        Give the past requirements nearest to *requirement* by their words, best first, similarity above zero.
        """
        if self._similar is None:
            return ()
        similarities = self._similar[0].similarities(requirement)
        ordered = best_positions(similarities, limit)
        return tuple(Neighbour(self.past[i], float(similarities[i])) for i in ordered if similarities[i] > 0)

    def similarities(self, requirement: str) -> Floats:
        """
        Compare *requirement* with all past ones, by words and by character n-grams.  # (past,), 0 to 2
        """
        if self._similar is None:
            return np.zeros(len(self.past), dtype=np.float32)
        words, characters = self._similar
        found: Floats = words.similarities(requirement) + characters.similarities(requirement)
        return found


def best_positions(scores: Floats, limit: int) -> list[int]:
    """
    Positions of the highest scores; ties (to six digits) in order of position.
    """
    rounded = np.round(scores, 6)
    if limit < len(rounded):
        least = np.partition(rounded, -limit)[-limit]
        positions = np.flatnonzero(rounded >= least)
    else:
        positions = np.arange(len(rounded))
    return [int(i) for i in positions[np.lexsort((positions, -rounded[positions]))][:limit]]


class Bm25:
    """
    BM25 (Lucene's variant) over lists of terms, as one sparse matrix: a query is a sum of columns.

    Args:
        documents: Terms of each document, repeats kept.
        k1: How soon repetition stops to count.
        b: How much long documents are held back.
    """

    def __init__(self, documents: Sequence[Sequence[str]], *, k1: float = 1.2, b: float = 0.6) -> None:
        self._size = len(documents)
        counts = [Counter(document) for document in documents]
        spread = Counter(term for counted in counts for term in counted)
        self._columns = {term: column for column, term in enumerate(spread)}
        self._rarity = {term: math.log(1 + (self._size - n + 0.5) / (n + 0.5)) for term, n in spread.items()}
        average = max(sum(map(len, documents)) / max(self._size, 1), 1e-9)
        rows, columns, values = [], [], []
        for row, (counted, document) in enumerate(zip(counts, documents, strict=True)):
            held_back = k1 * (1 - b + b * len(document) / average)
            for term, count in counted.items():
                rows.append(row)
                columns.append(self._columns[term])
                values.append(self._rarity[term] * count * (k1 + 1) / (count + held_back))
        shape = (self._size, max(len(self._columns), 1))
        self._weights = sparse.csc_matrix((values, (rows, columns)), shape=shape, dtype=np.float32)

    def scores(self, asked: Sequence[str]) -> Floats:
        """
        Score every document; terms asked twice count twice.  # (documents,)
        """
        scores = np.zeros(self._size, dtype=np.float32)
        starts, rows, values = self._weights.indptr, self._weights.indices, self._weights.data
        for term, count in Counter(asked).items():
            column = self._columns.get(term)
            if column is not None:
                inside = slice(starts[column], starts[column + 1])
                scores[rows[inside]] += count * values[inside]
        return scores

    def known_share(self, asked: Sequence[str]) -> float:
        """
        Share of the terms that any document has, rare ones counting more and unknown ones most; 0 without terms.
        """
        most = math.log(1 + self._size / 0.5)
        weights = {term: self._rarity.get(term, most) for term in asked}
        known = sum(weight for term, weight in weights.items() if term in self._columns)
        return known / max(sum(weights.values()), 1e-9)


class Letters:
    """
    Texts by the character n-grams of their words: "dropdown" meets "DropDownMenu".
    """

    def __init__(self, documents: Sequence[str]) -> None:
        self._size = len(documents)
        self._similar: SimilarTexts | None = None
        with contextlib.suppress(ValueError):  # not one letter in any document
            self._similar = SimilarTexts(character_vectorizer(), documents)

    def scores(self, text: str) -> Floats:
        """
        Compare *text* with every document.  # (documents,)
        """
        return np.zeros(self._size, dtype=np.float32) if self._similar is None else self._similar.similarities(text)


def stem_of(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".", 1)[0]


def file_terms(card: FileCard) -> list[str]:
    found = terms(stem_of(card.path)) * 2 + terms(card.path) + terms(card.doc)
    for symbol in card.symbols:
        found += terms(symbol.qualified) + terms(symbol.doc)
    return found + terms(" ".join(card.identifiers))


def mention_index(catalog: Catalog, position: dict[str, int]) -> dict[str, list[int]]:
    """
    Map each lower-case name of the code to the modules that use it.
    """
    bearers: dict[str, set[int]] = defaultdict(set)
    for file in catalog.files:
        named = (stem_of(file.path), file.path.rsplit("/", 1)[-1], *(s.name for s in file.symbols), *file.identifiers)
        for name in named:
            bearers[name.lower()].add(position[file.module])
    return {name: sorted(modules) for name, modules in bearers.items()}


def name_index(catalog: Catalog, position: dict[str, int]) -> dict[str, list[tuple[int, float]]]:
    """
    Map each lower-case name to its modules, with a weight: the kind of name over how many share it.
    """
    bearers: dict[str, dict[int, float]] = defaultdict(dict)

    def bear(name: str, module: str, weight: float) -> None:
        key = name.lower()
        if len(key) > 2:
            bearers[key][position[module]] = max(weight, bearers[key].get(position[module], 0.0))

    for card in catalog.modules:
        bear(card.id, card.id, 3.0)
        bear(card.path, card.id, 3.0)
        bear(card.id.rsplit("/", 1)[-1], card.id, 2.0)
    for file in catalog.files:
        name = file.path.rsplit("/", 1)[-1]
        bear(file.path, file.module, 3.0)
        bear(name, file.module, 2.5)
        bear(name.split(".", 1)[0], file.module, 2.0)
        for symbol in file.symbols:
            bear(symbol.name, file.module, 1.5)
            bear(symbol.qualified, file.module, 1.5)
    return {
        name: sorted((index, weight / len(modules) ** 0.5) for index, weight in modules.items())
        for name, modules in bearers.items()
    }
