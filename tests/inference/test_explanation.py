import numpy as np
import pytest

from inference.explanation import FEATURE_WORDS
from inference.ranker import ALL_FEATURES, Ranker

ASKED = "Wrong postage when two people edit at once"


def test_points_add_up_to_what_the_confidence_is_made_of(ranker: Ranker) -> None:
    explained = ranker.take_apart(ASKED, k=len(ranker.catalog.modules))
    scores = np.array([sum(part.points for part in module.contributions) for module in explained])
    shares = np.exp(scores / ranker.fusion.temperature)

    np.testing.assert_allclose(shares / shares.sum(), [module.confidence for module in explained], atol=2e-3)


def test_modules_are_explained_in_the_order_of_the_answer(ranker: Ranker) -> None:
    ranking = ranker.rank(ASKED)
    explained = ranker.take_apart(ASKED)

    assert [module.id for module in explained] == [module.id for module in ranking.modules[:3]]
    assert [module.confidence for module in explained] == [module.confidence for module in ranking.modules[:3]]
    assert [module.rank for module in explained] == [1, 2, 3]


@pytest.mark.parametrize("feature", ALL_FEATURES)
def test_every_feature_has_words_for_people(feature: str) -> None:
    assert FEATURE_WORDS[feature]
