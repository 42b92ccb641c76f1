"""
A linear classifier on past requirements: TF-IDF of words and character n-grams, weighted ridge regression.

Solved exactly in the dual, where the size is the number of texts and not of terms or modules: seconds where multinomial
logistic regression takes minutes, and no less accurate (training/EXPERIMENTS.md). The code itself joins as one faint
text a file, so that young modules are not buried. Kept without pickle: vocabularies as JSON, numbers as safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from sklearn.feature_extraction.text import TfidfVectorizer

from graph.values import write_atomically
from inference.labelled import LabelledText, days_of
from inference.tfidf import QueryVectors, character_vectorizer, word_vectorizer

Floats = npt.NDArray[np.float32]
MOST_TEXTS = 8_000
"""Past texts fitted on, newest first: the time grows with their cube."""
MOST_FILES = 6_000
STRENGTH = 1.0
CODE_WEIGHT = 0.3
HALF_LIFE_YEARS = 2.0
LEAST_WEIGHT = 0.3


class TextClassifier:
    """
    How much a text is like those of each module, about 0 for "not at all" and 1 for "surely".

    Args:
        module_ids: Modules it knows, in the order of its columns.
        words, characters: Fitted vectorizers.
        weights: One row a module, words first, then characters.  # (modules, features)
        bias: # (modules,)
    """

    def __init__(
        self,
        module_ids: tuple[str, ...],
        words: TfidfVectorizer,
        characters: TfidfVectorizer,
        weights: Floats,
        bias: Floats,
    ) -> None:
        self.module_ids = module_ids
        self._words, self._characters = words, characters
        self._asked = (QueryVectors(words), QueryVectors(characters))
        self._weights, self._bias = weights, bias

    @classmethod
    def fit(cls, rows: Sequence[LabelledText], *, code: Sequence[LabelledText] = ()) -> TextClassifier | None:
        """
        Fit on labelled texts; None when there are fewer than two modules to tell apart.

        Args:
            rows: Past texts with modules, oldest first; a row with several modules counts for each with a share.
            code: One text a file with its module: names and documentation. They weigh little and teach no words.
                Of more than `MOST_FILES` every n-th is taken: memory grows with the square of all texts.
        """
        rows = rows[-MOST_TEXTS:]
        code = code[:: -(-len(code) // MOST_FILES)] if code else code  # every n-th: each module stays represented
        if len({module for row in rows for module in row.modules}) < 2:
            return None
        words, characters = word_vectorizer(), character_vectorizer()
        texts = [row.text for row in rows]
        try:
            vectors = sparse.hstack([words.fit_transform(texts), characters.fit_transform(texts)]).tocsr()
        except ValueError:  # not one word in any text
            return None
        if code:
            spelled = [row.text for row in code]
            own = sparse.hstack([words.transform(spelled), characters.transform(spelled)])
            vectors = sparse.vstack([vectors, own]).tocsr()
        everything = (*rows, *code)
        module_ids = tuple(sorted({module for row in everything for module in row.modules}))
        certainty = np.concatenate([recency_weights(rows), np.full(len(code), CODE_WEIGHT)]).astype(np.float32)
        duals, bias = fit_duals(gram_matrix(vectors), label_shares(everything, module_ids), certainty)
        weights = np.asarray(vectors.T @ duals, dtype=np.float32).T
        return cls(module_ids, words, characters, weights, bias)

    def with_more(self, rows: Sequence[LabelledText]) -> TextClassifier:
        """
        Learn newer texts too, by what is left to explain of them: the time grows with how many they are, not with the
        texts before. Terms that no earlier text had wait for the next fit.
        """
        place = set(self.module_ids)
        rows = [row for row in rows if not place.isdisjoint(row.modules)]
        if not rows:
            return self
        texts = [row.text for row in rows]
        vectors = sparse.hstack([self._words.transform(texts), self._characters.transform(texts)]).tocsr()
        left = label_shares(rows, self.module_ids) - (vectors @ self._weights.T + self._bias)
        duals = solve_ridge(gram_matrix(vectors), left, STRENGTH)
        learned = np.asarray(vectors.T @ duals, dtype=np.float32).T
        return TextClassifier(self.module_ids, self._words, self._characters, self._weights + learned, self._bias)

    def scores(self, text: str) -> Floats:
        """
        Score each known module.  # (modules,)
        """
        (words, of_words), (characters, of_characters) = (asked.vector(text) for asked in self._asked)
        columns = np.concatenate([words, characters + len(self._words.vocabulary_)])
        scores: Floats = self._weights[:, columns] @ np.concatenate([of_words, of_characters]) + self._bias
        return scores

    def save(self, folder: Path) -> None:
        """
        Write `classifier.json` and `classifier.safetensors` into *folder*.
        """
        vocabularies = {
            "module_ids": self.module_ids,
            "words": _ordered_vocabulary(self._words),
            "characters": _ordered_vocabulary(self._characters),
        }
        write_atomically(folder / "classifier.json", json.dumps(vocabularies, ensure_ascii=False).encode())
        save_file(
            {
                "weights": np.ascontiguousarray(self._weights, dtype=np.float16),
                "bias": self._bias,
                "words_idf": self._words.idf_.astype(np.float32),
                "characters_idf": self._characters.idf_.astype(np.float32),
            },
            folder / "classifier.safetensors",
        )

    @classmethod
    def load(cls, folder: Path) -> TextClassifier | None:
        """
        Read what `save` wrote; None when the release has no classifier.
        """
        if not (folder / "classifier.json").exists():
            return None
        kept = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        arrays = load_file(folder / "classifier.safetensors")
        words, characters = word_vectorizer(), character_vectorizer()
        for vectorizer, name in ((words, "words"), (characters, "characters")):
            vectorizer.vocabulary = {term: column for column, term in enumerate(kept[name])}
            vectorizer.idf_ = arrays[f"{name}_idf"]
        weights = arrays["weights"].astype(np.float32)
        return cls(tuple(kept["module_ids"]), words, characters, weights, arrays["bias"])


def _ordered_vocabulary(vectorizer: TfidfVectorizer) -> list[str]:
    return sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)


def recency_weights(rows: Sequence[LabelledText]) -> Floats:
    """
    Weigh each text by its age against the newest: 1 now, halving its part above the least every two years.
    """
    days = np.array([days_of(row.date) if row.date else np.nan for row in rows])
    newest = np.nanmax(days) if len(days) and not np.isnan(days).all() else 0.0
    years = np.nan_to_num((newest - days) / 365.25, nan=0.0)  # what has no date is as good as new
    weights: Floats = (LEAST_WEIGHT + (1 - LEAST_WEIGHT) * 0.5 ** (years / HALF_LIFE_YEARS)).astype(np.float32)
    return weights


def label_shares(rows: Sequence[LabelledText], module_ids: Sequence[str]) -> Floats:
    """
    Spread each row over its modules.  # (rows, modules), every row sums to 1, or 0 where it names none of them
    """
    place = {module: i for i, module in enumerate(module_ids)}
    shares = np.zeros((len(rows), len(place)), dtype=np.float32)
    for i, row in enumerate(rows):
        known = [place[module] for module in row.modules if module in place]
        shares[i, known] = 1.0 / max(len(known), 1)
    return shares


def gram_matrix(vectors: sparse.csr_matrix) -> Floats:
    """
    Compare every row with every other, in strips: the sparse product of all at once would need three times the memory.
    """
    gram = np.empty((vectors.shape[0], vectors.shape[0]), dtype=np.float32)
    transposed = vectors.T.tocsc()
    for start in range(0, len(gram), 512):
        gram[start : start + 512] = (vectors[start : start + 512] @ transposed).toarray()
    return gram


def solve_ridge(gram: Floats, targets: Floats, strength: float | Floats) -> Floats:
    """
    Solve ridge regression in the dual; *gram* is used up.

    Args:
        gram: Similarities of the texts, positive semi-definite.  # (texts, texts)
        targets: What the texts should be given.  # (texts, modules)
        strength: Of the regularisation, of all texts or of each.

    Returns:
        One weight a text and module.  # (texts, modules)
    """
    gram[np.diag_indices_from(gram)] += strength
    solved: Floats = cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), targets, check_finite=False)
    return solved.astype(np.float32)


def fit_duals(gram: Floats, shares: Floats, certainty: Floats, *, strength: float = STRENGTH) -> tuple[Floats, Floats]:
    """
    Solve weighted ridge regression in the dual; *gram* is used up.

    Args:
        gram: Similarities of the texts, positive semi-definite.  # (texts, texts)
        shares: Labels.  # (texts, modules)
        certainty: How much each text counts, above 0.  # (texts,)
        strength: Of the regularisation.

    Returns:
        One weight a text and module, and what each module gets for nothing.  # (texts, modules), (modules,)
    """
    bias = (shares * certainty[:, None]).sum(axis=0) / certainty.sum()
    return solve_ridge(gram, shares - bias, strength / certainty), bias.astype(np.float32)
