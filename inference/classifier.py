"""
A linear classifier on past requirements: TF-IDF of words and character n-grams, multinomial logistic regression.

Fitted with scikit-learn, kept without pickle: vocabularies as JSON, numbers as safetensors.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from graph.values import write_atomically
from inference.labelled import LabelledText
from inference.text import terms

Floats = npt.NDArray[np.float32]
MAX_FEATURES = 60_000
MAX_LABELS_PER_ROW = 3


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


class TextClassifier:
    """
    P(module | text) over the modules that have past requirements.

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
    def fit(cls, rows: Sequence[LabelledText], *, strength: float = 50.0) -> TextClassifier | None:
        """
        Fit on labelled texts; None when there are fewer than two modules to tell apart.

        Args:
            rows: Texts with modules; a row with several modules counts once for each, with a share of its weight.
            strength: Inverse regularisation (scikit-learn's C). 50 is what five repositories preferred.
        """
        pairs = [
            (row.text, module, 1.0 / min(len(row.modules), MAX_LABELS_PER_ROW))
            for row in rows
            for module in row.modules[:MAX_LABELS_PER_ROW]
        ]
        module_ids = tuple(sorted({module for _, module, _ in pairs}))
        if len(module_ids) < 2:
            return None
        texts, labels, shares = zip(*pairs, strict=True)
        words, characters = word_vectorizer(), _character_vectorizer()
        try:
            vectors = sparse.hstack([words.fit_transform(texts), characters.fit_transform(texts)]).tocsr()
        except ValueError:  # not one word in any text
            return None
        model = LogisticRegression(C=strength, max_iter=60, tol=1e-3)
        model.fit(vectors, labels, sample_weight=shares)
        weights, bias = model.coef_.astype(np.float32), model.intercept_.astype(np.float32)
        if len(module_ids) == 2:  # scikit-learn keeps one row for two classes
            weights, bias = np.vstack([-weights, weights]) / 2, np.hstack([-bias, bias]) / 2
        return cls(tuple(str(label) for label in model.classes_), words, characters, weights, bias)

    def log_probabilities(self, text: str) -> Floats:
        """
        Return log P of each known module.  # (modules,)
        """
        vector = sparse.hstack([self._words.transform([text]), self._characters.transform([text])]).tocsr()
        scores = np.asarray(vector @ self._weights.T, dtype=np.float32)[0] + self._bias
        scores -= scores.max()
        log_probabilities: Floats = scores - np.log(np.exp(scores).sum())
        return log_probabilities

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
