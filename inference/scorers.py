"""
Three ways to let the language model score modules, behind one interface: exact, without sampling, valid ids only.

    RowScorer        module rows: one prefill, then one product with a row a module
    IdScorer         closed-book ids, the published way: log P(id) of every module, by a trie packed in one pass
    CandidateScorer  candidates in the prompt: the shortlist's cards with labels, log P(label) from one pass
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from graph.values import Catalog
from inference.language_model import LanguageModel
from inference.prompt import choose_prompt, label_tokens, place_prompt
from inference.rows import ModuleRows
from inference.trie import pack_trie

Floats = npt.NDArray[np.float32]
MOST_CANDIDATES = 10
"""Every candidate costs some 36 tokens of prompt; ten hold the right module in nine of ten cases."""


class Scorer(Protocol):
    """Scores every module of one catalog; higher is better. The same requirement always gets the same scores."""

    def scores(self, requirement: str, candidates: Sequence[int]) -> Floats:
        """
        Score a cleaned requirement.  # (modules,)

        Args:
            candidates: Positions of the shortlist's modules, best first.
        """
        ...

    def prompt(self, requirement: str, candidates: Sequence[int]) -> str:
        """
        The prompt behind the scores, for timing against one plain forward of it.
        """
        ...


class RowScorer:
    """
    Scores by module rows; candidates make no difference.
    """

    def __init__(self, model: LanguageModel, catalog: Catalog, rows: ModuleRows) -> None:
        self._model, self._catalog, self._rows = model, catalog, rows

    def scores(self, requirement: str, candidates: Sequence[int]) -> Floats:
        summed: Floats = self.features(requirement).sum(axis=1)
        return summed

    def features(self, requirement: str) -> Floats:
        """
        What learned rows and card rows say, each in its own column.  # (modules, 2)
        """
        return self._rows.features(self._model.hidden([self.prompt(requirement, ())])[0])

    def prompt(self, requirement: str, candidates: Sequence[int]) -> str:
        return place_prompt(self._model.tokenizer, repository=self._catalog.repository, requirement=requirement)


class IdScorer:
    """
    Scores every textual module id; candidates make no difference.
    """

    def __init__(self, model: LanguageModel, catalog: Catalog) -> None:
        self._model, self._catalog = model, catalog
        self._trie = pack_trie(model.id_tokens(catalog.module_ids))

    def scores(self, requirement: str, candidates: Sequence[int]) -> Floats:
        return self._model.score_ids(self.prompt(requirement, candidates), self._trie)

    def prompt(self, requirement: str, candidates: Sequence[int]) -> str:
        return place_prompt(self._model.tokenizer, repository=self._catalog.repository, requirement=requirement)


class CandidateScorer:
    """
    Scores the first candidates by their label's probability; the other modules follow in the order of *candidates*.

    Args:
        most: How many candidates stand in the prompt.
    """

    def __init__(self, model: LanguageModel, catalog: Catalog, *, most: int = MOST_CANDIDATES) -> None:
        self._model, self._catalog, self._most = model, catalog, most
        self._labels = label_tokens(model.tokenizer, most)

    def scores(self, requirement: str, candidates: Sequence[int]) -> Floats:
        shown = candidates[: self._most]
        said = self._model.score_next(self.prompt(requirement, candidates), self._labels[: len(shown)])
        least = float(said.min(initial=0.0))
        scores = np.full(len(self._catalog.modules), least - len(self._catalog.modules) - 1.0, dtype=np.float32)
        for place, position in enumerate(candidates[self._most :], start=1):
            scores[position] = least - place
        scores[list(shown)] = said
        return scores

    def prompt(self, requirement: str, candidates: Sequence[int]) -> str:
        return choose_prompt(
            self._model.tokenizer,
            repository=self._catalog.repository,
            requirement=requirement,
            cards=[self._catalog.modules[position].text() for position in candidates[: self._most]],
        )


def flip_rate(
    scorer: Scorer, requirements: Sequence[tuple[str, Sequence[int]]], *, orders: int = 4, seed: int = 0
) -> float:
    """
    Share of re-ordered prompts whose best module is another one than with the order given.

    Args:
        scorer: Usually a `CandidateScorer`; the others cannot flip.
        requirements: Each with its candidates, best first; only those in the prompt are re-ordered.
        orders: Random orders a requirement.
    """
    rng = np.random.default_rng(seed)
    flips = []
    for requirement, candidates in requirements:
        shown = list(candidates[:MOST_CANDIDATES])
        first = int(np.argmax(scorer.scores(requirement, shown)))
        for _ in range(orders):
            again = int(np.argmax(scorer.scores(requirement, [shown[i] for i in rng.permutation(len(shown))])))
            flips.append(again != first)
    return float(np.mean(flips)) if flips else 0.0
