"""
TF-IDF of words and of letters: what the classifier and the nearest past requirements compare texts with.

scikit-learn fits the vocabularies and makes the vectors of many texts. Of one text it takes over a millisecond, nearly
all of it checks, and a question needs seven: `QueryVectors` makes the same numbers in a tenth of that.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from inference.text import terms

Floats = npt.NDArray[np.float32]
MAX_FEATURES = 60_000


def word_vectorizer() -> TfidfVectorizer:
    """
    TF-IDF over stemmed words and pairs of them.
    """
    return TfidfVectorizer(analyzer=_words_and_pairs, sublinear_tf=True, max_features=MAX_FEATURES, dtype=np.float32)


def _words_and_pairs(text: str) -> list[str]:
    found = terms(text)
    return found + [f"{left} {right}" for left, right in itertools.pairwise(found)]


def character_vectorizer() -> TfidfVectorizer:
    """
    TF-IDF over three to five letters inside words.
    """
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=MAX_FEATURES, dtype=np.float32
    )


class QueryVectors:
    """
    Makes the vector of one text, to the last bit the one that the vectorizer's `transform` gives.

    Args:
        vectorizer: Fitted; one of the two above.
    """

    def __init__(self, vectorizer: TfidfVectorizer) -> None:
        self._analyze = vectorizer.build_analyzer()
        self._vocabulary: dict[str, int] = vectorizer.vocabulary_
        self._rarity = vectorizer.idf_

    def vector(self, text: str) -> tuple[npt.NDArray[np.int32], Floats]:
        """
        Return the columns that the text has a part in, ascending, and how large it is: of unit length, if not empty.
        """
        known = (self._vocabulary.get(term) for term in self._analyze(text))
        counts = sorted(Counter(column for column in known if column is not None).items())
        columns = np.array([column for column, _ in counts], dtype=np.int32)
        values = np.array([count for _, count in counts], dtype=np.float32)
        if not counts:
            return columns, values
        values = np.log(values) + np.float32(1.0)
        values *= self._rarity[columns]
        length = math.sqrt(np.cumsum(values * values, dtype=np.float64)[-1])  # summed in order, as scikit-learn does
        return columns, (values.astype(np.float64) / length).astype(np.float32)


class SimilarTexts:
    """
    Many texts, to be compared with one: an inverted index, so that only texts with a common term cost anything.

    Args:
        vectorizer: Fresh; it is fitted on *texts*.

    Raises:
        ValueError: there is nothing in the texts that it counts.
    """

    def __init__(self, vectorizer: TfidfVectorizer, texts: Sequence[str]) -> None:
        self._vectorizer = vectorizer
        self._texts_by_term = vectorizer.fit_transform(texts).T.tocsr()
        self._query = QueryVectors(vectorizer)

    def with_more(self, texts: Sequence[str]) -> Self:
        """
        Put *texts* behind the others; their terms are weighed as before, and new terms do not count yet.
        """
        more = copy(self)
        more._texts_by_term = sparse.hstack([self._texts_by_term, self._vectorizer.transform(texts).T]).tocsr()
        return more

    def similarities(self, text: str) -> Floats:
        """
        Return the cosine of *text* with each of them.  # (texts,)
        """
        columns, values = self._query.vector(text)
        shape = (1, self._texts_by_term.shape[0])
        query = sparse.csr_matrix((values, columns, np.array([0, len(columns)], dtype=np.int32)), shape=shape)
        found: Floats = (query @ self._texts_by_term).toarray()[0]
        return found
