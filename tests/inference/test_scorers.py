from collections.abc import Callable

import numpy as np
import pytest

from inference.prompt import LABELS, choose_prompt, label_tokens
from inference.ranker import Ranker
from inference.scorers import MOST_CANDIDATES, CandidateScorer, IdScorer, RowScorer, Scorer, flip_rate

ASKED = "Wrong postage when two people edit at once"
MAKERS: dict[str, Callable[[Ranker], Scorer]] = {
    "rows": lambda ranker: RowScorer(ranker.model, ranker.catalog, ranker.rows),
    "ids": lambda ranker: IdScorer(ranker.model, ranker.catalog),
    "candidates": lambda ranker: CandidateScorer(ranker.model, ranker.catalog, most=4),
}


@pytest.mark.parametrize("way", MAKERS)
def test_every_way_scores_every_module_and_always_the_same(ranker: Ranker, way: str) -> None:
    scorer = MAKERS[way](ranker)
    candidates = list(range(len(ranker.catalog.modules)))
    scores = scorer.scores(ASKED, candidates)

    assert scores.shape == (len(ranker.catalog.modules),)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, scorer.scores(ASKED, candidates))


def test_a_label_is_scored_as_one_forward_pass_scores_it(ranker: Ranker) -> None:
    scorer = CandidateScorer(ranker.model, ranker.catalog, most=4)
    prompt = scorer.prompt(ASKED, [3, 1, 0, 2])
    trie_way = [float(ranker.model.score_next(prompt, [token])[0]) for token in label_tokens(ranker.model.tokenizer, 4)]

    np.testing.assert_allclose(scorer.scores(ASKED, [3, 1, 0, 2])[[3, 1, 0, 2]], trie_way, atol=1e-5)


def test_modules_outside_the_prompt_follow_in_the_order_of_the_shortlist(ranker: Ranker) -> None:
    scores = CandidateScorer(ranker.model, ranker.catalog, most=2).scores(ASKED, [5, 3, 1, 0])

    assert np.argsort(-scores, kind="stable")[:4].tolist() in ([5, 3, 1, 0], [3, 5, 1, 0])
    assert scores[2] < scores[0]


def test_the_prompt_shows_each_candidate_under_its_label(ranker: Ranker) -> None:
    prompt = CandidateScorer(ranker.model, ranker.catalog).prompt(ASKED, [2, 0])

    assert f"A. {ranker.catalog.modules[2].text()[:20]}" in prompt
    assert f"B. {ranker.catalog.modules[0].text()[:20]}" in prompt
    assert "C. " not in prompt


def test_more_candidates_than_labels_are_refused(ranker: Ranker) -> None:
    with pytest.raises(ValueError, match="26 labels, got 27"):
        choose_prompt(ranker.model.tokenizer, repository="r", requirement="q", cards=["card"] * (len(LABELS) + 1))


class Stubborn:
    """
    Prefers one module, or whatever is shown first.
    """

    def __init__(self, favourite: int | None) -> None:
        self.favourite = favourite

    def scores(self, requirement: str, candidates: list[int]) -> np.ndarray:
        scores = np.zeros(20, dtype=np.float32)
        scores[candidates[0] if self.favourite is None else self.favourite] = 1.0
        return scores

    def prompt(self, requirement: str, candidates: list[int]) -> str:
        return requirement


def test_the_flip_rate_tells_a_scorer_that_follows_the_order_from_one_that_does_not() -> None:
    asked = [(f"question {i}", list(range(MOST_CANDIDATES))) for i in range(10)]

    assert flip_rate(Stubborn(3), asked) == 0.0
    assert flip_rate(Stubborn(None), asked) > 0.7
