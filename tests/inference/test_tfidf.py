import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from inference.tfidf import QueryVectors, SimilarTexts, character_vectorizer, word_vectorizer

TEXTS = ("Fix the tax of an invoice", "Invoices: round tax, tax and tax again", "router loses 漢字", "getUserName")


@pytest.mark.parametrize("vectorizer", [word_vectorizer(), character_vectorizer()], ids=["words", "letters"])
def test_the_vector_of_one_text_is_the_one_that_scikit_learn_makes(vectorizer: TfidfVectorizer) -> None:
    vectorizer.fit(TEXTS)

    for text in (*TEXTS, "tax tax tax of nothing known", "zzz", ""):
        expected = vectorizer.transform([text])
        columns, values = QueryVectors(vectorizer).vector(text)

        np.testing.assert_array_equal(columns, expected.indices)
        np.testing.assert_array_equal(values, expected.data)


def test_a_text_is_most_similar_to_itself() -> None:
    similar = SimilarTexts(word_vectorizer(), TEXTS).similarities(TEXTS[1])

    assert similar.argmax() == 1
    assert similar[1] == pytest.approx(1.0, abs=1e-6)
    assert 0 < similar[0] < 1
    assert similar[2] == 0
