from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from training.near_copies import THRESHOLD, clusters, jaccard, near_pairs, text_words

_TEXTS = st.lists(st.frozensets(st.sampled_from("abcdefghij"), max_size=8), max_size=30)


@settings(max_examples=60, deadline=None)
@given(_TEXTS)
def test_the_pairs_are_exactly_those_of_comparing_every_text_with_every_other(texts: list[frozenset[str]]) -> None:
    compared = {(i, j) for i, j in combinations(range(len(texts)), 2) if jaccard(texts[i], texts[j]) >= THRESHOLD}

    assert set(near_pairs(texts)) == compared


def test_one_word_of_ten_makes_a_copy_and_one_of_five_does_not() -> None:
    long, short = frozenset("abcdefghij"), frozenset("abcde")

    assert list(near_pairs([long, long - {"a"}])) == [(0, 1)]
    assert list(near_pairs([short, short - {"a"} | {"z"}])) == []


def test_texts_without_words_are_near_nothing() -> None:
    assert clusters([text_words("+1"), text_words(":)")], ["a", "b"]) == [0, 1]


def test_what_is_near_to_a_phrasing_is_in_the_cluster_of_its_symbol() -> None:
    texts = [text_words(text) for text in ("compute tolls of trucks", "Tolls!", "charge trucks", "tolls")]

    assert clusters(texts, ["symbol", "commit", "symbol", "symbol"]) == [0, 0, 0, 0]
