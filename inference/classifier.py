"""
A linear classifier on past requirements: TF-IDF of words and character n-grams, regularised least squares.

Least squares on one-hot labels, solved in the space of the texts: as good as multinomial logistic regression on the
bench's dev rows (training/EXPERIMENTS.md) at a twentieth of its time. Kept without pickle: vocabularies as JSON,
numbers as safetensors.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy import linalg, sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from graph.values import write_atomically
from inference.labelled import LabelledText
from inference.text import terms

Floats = npt.NDArray[np.float32]
MAX_FEATURES = 60_000
MAX_LABELS_PER_ROW = 3
MAX_ROWS = 12_000


def word_vectorizer() -> TfidfVectorizer:
    """
    TF-IDF over stemmed words and pairs of them.
    """
    return TfidfVectorizer(analyzer=_words_and_pairs, sublinear_tf=True, max_features=MAX_FEATURES, dtype=np.float32)


def _words_and_pairs(text: str) -> list[str]:
    found = terms(text)
    return found + [f"{left} {right}" for left, right in itertools.pairwise(found)]


def _character_vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=MAX_FEATURES, dtype=np.float32
    )


def _shares(rows: Sequence[LabelledText], module_ids: Sequence[str]) -> Floats:
    """
    Labels as rows that sum to one.  # (rows, modules)
    """
    column = {module: i for i, module in enumerate(module_ids)}
    truth = np.zeros((len(rows), len(module_ids)), dtype=np.float32)
    for i, row in enumerate(rows):
        for module in row.modules[:MAX_LABELS_PER_ROW]:
            truth[i, column[module]] += 1.0 / len(row.modules[:MAX_LABELS_PER_ROW])
    return truth


class TextClassifier:
    """
    A score for each module that has past requirements.

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
        self._weights, self._bias = weights, bias

    @classmethod
    def fit(cls, rows: Sequence[LabelledText], *, strength: float = 1.0) -> TextClassifier | None:
        """
        Fit on labelled texts; None when there are fewer than two modules to tell apart.

        Args:
            rows: Texts with modules, oldest first; a row with several modules is a share of each. Beyond
                `MAX_ROWS` the oldest are left out: cost grows with their cube, memory with their square.
            strength: Regularisation, in units of a text's squared length (which is 2).
        """
        rows = rows[-MAX_ROWS:]
        module_ids = tuple(sorted({module for row in rows for module in row.modules[:MAX_LABELS_PER_ROW]}))
        if len(module_ids) < 2:
            return None
        words, characters = word_vectorizer(), _character_vectorizer()
        texts = [row.text for row in rows]
        try:
            vectors = sparse.hstack([words.fit_transform(texts), characters.fit_transform(texts)]).tocsr()
        except ValueError:  # not one word in any text
            return None
        truth = _shares(rows, module_ids)
        bias = truth.mean(axis=0)
        gram = np.asarray((vectors @ vectors.T).todense(), dtype=np.float32)  # (rows, rows)
        gram[np.diag_indices(len(rows))] += strength
        dual = linalg.solve(gram, truth - bias, assume_a="pos", overwrite_a=True)  # (rows, modules)
        weights = np.asarray((vectors.T @ dual).T, dtype=np.float32)
        return cls(module_ids, words, characters, weights, bias)

    def scores(self, text: str) -> Floats:
        """
        Return a score of each known module: about 1 where it belongs, about 0 elsewhere.  # (modules,)
        """
        vector = sparse.hstack([self._words.transform([text]), self._characters.transform([text])]).tocsr()
        scores: Floats = np.asarray(vector @ self._weights.T, dtype=np.float32)[0] + self._bias
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
        words, characters = word_vectorizer(), _character_vectorizer()
        for vectorizer, name in ((words, "words"), (characters, "characters")):
            vectorizer.vocabulary = {term: column for column, term in enumerate(kept[name])}
            vectorizer.idf_ = arrays[f"{name}_idf"]
        weights = arrays["weights"].astype(np.float32)
        return cls(tuple(kept["module_ids"]), words, characters, weights, arrays["bias"])


def _ordered_vocabulary(vectorizer: TfidfVectorizer) -> list[str]:
    return sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
