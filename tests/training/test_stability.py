"""
Whether answers stay the same: asked again, and put otherwise.
"""

import itertools

from tests.fakes_ranker import WaveringRanker
from training.deployed import ask
from training.paraphrasing import paraphrases
from training.stability import SCORED_RULES, paraphrase_agreement


def test_every_text_is_asked_at_every_pass_in_another_order() -> None:
    ranker = WaveringRanker()
    texts = [f"text {i}" for i in range(30)]
    found = ask(ranker, texts, passes=2, seed=0)
    first, second = ranker.asked[:30], ranker.asked[30:]

    assert sorted(first) == sorted(second) == sorted(texts)
    assert first != second
    assert [len(set(row)) for row in found["rankings"]] == [1] * 30
    assert found["latency_ms"]["answer"]["n"] == 60
    assert found["latency_ms"]["shortlist"]["n"] == found["latency_ms"]["model"]["n"] == 30


def test_a_ranking_that_differs_once_is_seen() -> None:
    found = ask(WaveringRanker(nth=17), [f"text {i}" for i in range(10)], passes=2, seed=0)

    assert sorted(len(set(row)) for row in found["rankings"]) == [1] * 9 + [2]


def test_agreement_is_counted_by_rule_on_first_lines() -> None:
    texts = ["Wrong tolls on bridges\n\nA long story.", "Search is slow", "", "12 !!", "Search is slow"]
    found = paraphrase_agreement(WaveringRanker(), texts, count=100)
    misspelt = "tolls" not in paraphrases("Wrong tolls on bridges")["typos"]

    assert found["requirements"] == 2
    assert set(found["rules"]) == set(SCORED_RULES)
    assert found["rules"]["politeness"] == {"top1": 1.0, "jaccard3": 1.0}
    assert found["rules"]["typos"]["top1"] == (0.5 if misspelt else 1.0)
    assert paraphrase_agreement(WaveringRanker(), [], count=100) == {"requirements": 0}


def test_paraphrases_are_the_same_ones_every_time_and_differ_from_the_text() -> None:
    text = "Add tests for negative weights in Dijkstra"
    made = [paraphrases(text) for _ in range(2)]

    assert made[0] == made[1]
    assert not any(other == text for other in made[0].values())
    assert all(one != two for one, two in itertools.combinations(made[0].values(), 2))
