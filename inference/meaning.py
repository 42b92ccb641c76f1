"""
What a sentence encoder adds to the shortlist: modules and past requirements that mean the same in other words.

    meaning_module      cosine with the module's card
    meaning_file        cosine with the nearest of its files' cards
    meaning_centre      cosine with the mean of its past requirements
    meaning_past        vote of the nearest past requirements
    meaning_classifier  ridge regression on past requirements, in a kernel that only near ones enter (cosine cubed)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph.values import Catalog
from inference.classifier import MOST_TEXTS, fit_duals, label_shares, recency_weights, solve_ridge
from inference.embedding import CardVectors
from inference.labelled import LabelledText
from inference.lexical import best_positions
from inference.vectors import Vectors

Floats = npt.NDArray[np.float32]
MEANING_FEATURES = ("meaning_module", "meaning_file", "meaning_centre", "meaning_past", "meaning_classifier")
NEAREST = 20
_STRENGTH = 0.3


class Meaning:
    """
    Args:
        vectors: The encoder with its cache; queries are encoded with it and not kept.
        cards: Views of the catalog's modules and files.
        past: Vectors of past requirements, newest last.  # (past, size)
        shares: Their modules.  # (past, modules)
        duals, bias: Of the classifier.  # (past, modules), (modules,)
    """

    def __init__(
        self, vectors: Vectors, cards: CardVectors, past: Floats, shares: Floats, duals: Floats, bias: Floats
    ) -> None:
        self._vectors, self._cards = vectors, cards
        self._past, self._shares, self._duals, self._bias = past, shares, duals, bias
        centres = shares.T @ past
        self._centres: Floats = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)

    @classmethod
    def fit(cls, catalog: Catalog, past: Sequence[LabelledText], vectors: Vectors) -> Meaning:
        """
        Encode what is new in *catalog* and *past*, and fit the classifier.
        """
        past = past[-MOST_TEXTS:]
        cards = CardVectors.encode(catalog, vectors)
        encoded = vectors.encode([row.text for row in past])
        shares = label_shares(past, catalog.module_ids)
        if not past:
            return cls(vectors, cards, encoded, shares, shares, np.zeros(len(catalog.modules), dtype=np.float32))
        gram = np.ascontiguousarray((encoded @ encoded.T) ** 3, dtype=np.float32)
        duals, bias = fit_duals(gram, shares, recency_weights(past), strength=_STRENGTH)
        return cls(vectors, cards, encoded, shares, duals, bias)

    def with_more(self, rows: Sequence[LabelledText], catalog: Catalog) -> Meaning:
        """
        Know newer past requirements too: they are encoded, and the classifier learns what is left to explain of them.
        """
        if not rows:
            return self
        encoded = self._vectors.encode([row.text for row in rows])
        shares = label_shares(rows, catalog.module_ids)
        left = shares - self._bias
        if len(self._past):
            left = left - np.round(encoded @ self._past.T, 5) ** 3 @ self._duals
        duals = solve_ridge((encoded @ encoded.T) ** 3, left, _STRENGTH)
        past, all_shares, all_duals = (
            np.vstack(pair) for pair in ((self._past, encoded), (self._shares, shares), (self._duals, duals))
        )
        return Meaning(self._vectors, self._cards, past, all_shares, all_duals, self._bias)

    def scores(self, requirement: str) -> dict[str, Floats]:
        """
        Score every module, one column a feature.
        """
        asked = self._vectors.encode_new(requirement)
        files = np.full(len(self._cards.modules), -1.0, dtype=np.float32)
        np.maximum.at(files, self._cards.owners, self._cards.files @ asked)
        found = {
            "meaning_module": self._cards.modules @ asked,
            "meaning_file": files,
            "meaning_centre": self._centres @ asked,
        }
        if len(self._past):
            similar = np.round(self._past @ asked, 5)
            near = best_positions(similar, NEAREST)
            found["meaning_past"] = np.maximum(similar[near], 0.0) ** 4 @ self._shares[near]
            found["meaning_classifier"] = similar**3 @ self._duals + self._bias
        return found
