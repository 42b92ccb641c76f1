"""
The deterministic shortlist: how every module meets a requirement, without a generative model, in milliseconds.

Each feature is one column with one value a module, z-scored over the modules, so that a fusion can weigh them:

    bm25          BM25 over one document a module: path, purpose, symbols, documentation, identifiers
    bm25_file     the same over files, best three of a module
    names         names of the module, its files and symbols that stand in the requirement, rare ones counting more
    neighbours    BM25 of the modules it imports or is imported by
    past          vote of the nearest past requirements
    classifier    linear classifier on past requirements, neutral for modules that have none
    popularity    how often it was the answer, recent ones counting more
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt
from scipy import sparse

from graph.values import Catalog, FileCard, ModuleCard
from inference.classifier import TextClassifier, word_vectorizer
from inference.labelled import LabelledText
from inference.text import terms, words

Floats = npt.NDArray[np.float32]
FEATURES = ("bm25", "bm25_file", "names", "neighbours", "past", "classifier", "popularity")
NEAREST = 20
HALF_LIFE_DAYS = 540.0


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
        self._vectorizer = word_vectorizer()
        self._vectors: sparse.csr_matrix | None = None
        if past:
            try:
                self._vectors = self._vectorizer.fit_transform([row.text for row in past])
            except ValueError:  # not one word in any text
                self._vectors = None

    def nearest(self, requirement: str, *, limit: int = NEAREST) -> tuple[Neighbour, ...]:
        """
        Give the past requirements nearest to *requirement*, best first, similarity above zero.
        """
        if self._vectors is None:
            return ()
        query = self._vectorizer.transform([requirement])
        similarities = np.asarray((self._vectors @ query.T).todense(), dtype=np.float32)[:, 0]
        ordered = np.lexsort((np.arange(len(similarities)), -np.round(similarities, 6)))[:limit]
        return tuple(Neighbour(self.past[i], float(similarities[i])) for i in ordered if similarities[i] > 0)


class Shortlist:
    """
    The features of one catalog and its past requirements.

    Args:
        catalog: What can be ranked.
        past: Texts with known modules of this catalog, oldest first; may be empty.
        classifier: Fitted on (at most) *past*, or None without history.
    """

    def __init__(self, catalog: Catalog, past: Sequence[LabelledText], classifier: TextClassifier | None) -> None:
        self.catalog = catalog
        self.past = tuple(past)
        self.classifier = classifier
        self._position = {module: i for i, module in enumerate(catalog.module_ids)}
        self._modules_bm25 = _Bm25([_module_terms(card, catalog) for card in catalog.modules])
        self._files_bm25 = _Bm25([_file_terms(card) for card in catalog.files])
        self._file_modules = np.array([self._position[card.module] for card in catalog.files], dtype=np.int64)
        self._names = _name_index(catalog, self._position)
        self._graph = _neighbour_matrix(catalog, self._position)
        self._popularity = self._measure_popularity()
        self._nearest = PastIndex(past)
        if classifier is not None:
            self._classifier_columns = np.array([self._position.get(m, -1) for m in classifier.module_ids])

    @classmethod
    def fit(cls, catalog: Catalog, past: Sequence[LabelledText]) -> Shortlist:
        """
        Build the indexes and fit the classifier on *past*.
        """
        return cls(catalog, past, TextClassifier.fit(past) if past else None)

    def features(self, requirement: str) -> Floats:
        """
        Return all features, z-scored over the modules.  # (modules, len(FEATURES))
        """
        asked = terms(requirement)
        bm25 = self._modules_bm25.scores(asked)
        columns = [
            bm25,
            self._file_scores(asked),
            self._name_scores(requirement),
            self._graph @ bm25,
            self._past_scores(requirement),
            self._classifier_scores(requirement),
            self._popularity,
        ]
        return np.stack([z_scores(column) for column in columns], axis=1)

    def best_files(self, requirement: str, module: str, *, limit: int = 3) -> tuple[str, ...]:
        """
        Name the files of *module* that meet the requirement best; empty when none meets it.
        """
        scores = self._files_bm25.scores(terms(requirement))
        inside = np.flatnonzero(self._file_modules == self._position[module])
        ordered = sorted(inside, key=lambda i: (-round(float(scores[i]), 4), self.catalog.files[i].path))
        return tuple(self.catalog.files[i].path for i in ordered[:limit] if scores[i] > 0)

    def nearest(self, requirement: str, *, limit: int = NEAREST) -> tuple[Neighbour, ...]:
        """
        Give the past requirements nearest to *requirement*, best first, similarity above zero.
        """
        return self._nearest.nearest(requirement, limit=limit)

    def _file_scores(self, asked: list[str]) -> Floats:
        scores = self._files_bm25.scores(asked)
        best = np.zeros((len(self._position), 3), dtype=np.float32)
        for position in np.argsort(-scores, kind="stable"):
            if scores[position] <= 0:
                break
            row = best[self._file_modules[position]]
            free = np.flatnonzero(row == 0)
            if len(free):
                row[free[0]] = scores[position]
        weighted: Floats = best @ np.array([1.0, 0.3, 0.15], dtype=np.float32)
        return weighted

    def _name_scores(self, requirement: str) -> Floats:
        scores = np.zeros(len(self._position), dtype=np.float32)
        asked = set(words(requirement)) | {match.lower() for match in re.findall(r"[\w./-]{3,}", requirement)}
        for name in sorted(asked):
            for position, weight in self._names.get(name, ()):
                scores[position] += weight
        return scores

    def _past_scores(self, requirement: str) -> Floats:
        scores = np.zeros(len(self._position), dtype=np.float32)
        for neighbour in self.nearest(requirement):
            for module in neighbour.row.modules:
                if module in self._position:
                    scores[self._position[module]] += neighbour.similarity**2 / len(neighbour.row.modules)
        return scores

    def _classifier_scores(self, requirement: str) -> Floats:
        scores = np.full(len(self._position), np.nan, dtype=np.float32)
        if self.classifier is not None:
            known = self._classifier_columns >= 0
            scores[self._classifier_columns[known]] = self.classifier.scores(requirement)[known]
        return neutral_where_unknown(scores)

    def _measure_popularity(self) -> Floats:
        counts = np.zeros(len(self._position), dtype=np.float64)
        dates = [_day(row.date) for row in self.past]
        newest = max(dates, default=0.0)
        for row, day in zip(self.past, dates, strict=True):
            for module in row.modules:
                if module in self._position:
                    counts[self._position[module]] += 0.5 ** ((newest - day) / HALF_LIFE_DAYS)
        if not self.past:  # without history, large modules are a little likelier
            counts = np.array([len(card.files) for card in self.catalog.modules], dtype=np.float64)
        return np.log1p(counts).astype(np.float32)


def z_scores(values: Floats) -> Floats:
    """
    Shift to mean 0 and scale to deviation 1; all zero when the values do not differ.
    """
    deviation = float(values.std())
    if deviation < 1e-9:
        return np.zeros_like(values)
    scaled: Floats = ((values - values.mean()) / deviation).astype(np.float32)
    return scaled


def neutral_where_unknown(scores: Floats) -> Floats:
    """
    Give modules a learned scorer knows nothing of (NaN) the mean of the others, so that it leaves them in place.
    """
    known = ~np.isnan(scores)
    return np.where(known, scores, scores[known].mean() if known.any() else 0.0).astype(np.float32)


class _Bm25:
    """
    BM25 (Lucene's variant) over lists of terms; bm25s does the arithmetic.
    """

    def __init__(self, documents: list[list[str]]) -> None:
        self._size = len(documents)
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.6) if any(documents) else None
        if self._index is not None:
            self._index.index(documents, show_progress=False)

    def scores(self, asked: list[str]) -> Floats:
        known = [term for term in asked if self._index is not None and term in self._index.vocab_dict]
        if self._index is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._index.get_scores(known), dtype=np.float32)


def _module_terms(card: ModuleCard, catalog: Catalog) -> list[str]:
    found = terms(card.id) * 3 + terms(card.title) + terms(card.purpose) * 2
    for path in card.files:
        found += _file_terms(catalog.file(path))
    return found


def _file_terms(card: FileCard) -> list[str]:
    found = terms(card.path.rsplit("/", 1)[-1]) * 2 + terms(card.path) + terms(card.doc)
    for symbol in card.symbols:
        found += terms(symbol.qualified) + terms(symbol.doc)
    return found + terms(" ".join(card.identifiers))


def _name_index(catalog: Catalog, position: dict[str, int]) -> dict[str, list[tuple[int, float]]]:
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


def _neighbour_matrix(catalog: Catalog, position: dict[str, int]) -> sparse.csr_matrix:
    """
    Row-normalised import edges between modules, both directions.  # (modules, modules)
    """
    weights: Counter[tuple[int, int]] = Counter()
    for card in catalog.modules:
        for other, count in card.imports:
            if other in position and other != card.id:
                weights[position[card.id], position[other]] += np.log1p(count)
                weights[position[other], position[card.id]] += np.log1p(count)
    size = len(position)
    if not weights:
        return sparse.csr_matrix((size, size), dtype=np.float32)
    (rows, columns), values = zip(*weights, strict=True), list(weights.values())
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(size, size), dtype=np.float32)
    totals = np.asarray(matrix.sum(axis=1))[:, 0]
    return sparse.diags(1.0 / np.maximum(totals, 1e-9)).astype(np.float32) @ matrix


def _day(date: str) -> float:
    return datetime.fromisoformat(date).timestamp() / 86_400 if date else 0.0


def load_shortlist(folder: Path, catalog: Catalog, past: Sequence[LabelledText]) -> Shortlist:
    """
    Rebuild the shortlist of a release: indexes from catalog and history, the classifier from its file.
    """
    return Shortlist(catalog, past, TextClassifier.load(folder))
