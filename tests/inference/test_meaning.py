from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from graph.values import Catalog
from inference.embedding import CardVectors, TextEncoder, VectorCache
from inference.labelled import LabelledText
from inference.shortlist import FEATURES, Shortlist


class LetterTokenizer:
    """
    One token a letter.
    """

    def __call__(self, texts: list[str], *, max_length: int, **_: Any) -> dict[str, torch.Tensor]:
        longest = min(max(map(len, texts)) or 1, max_length)
        ids = torch.zeros((len(texts), longest), dtype=torch.long)
        for row, text in enumerate(texts):
            for column, letter in enumerate(text[:longest]):
                ids[row, column] = 1 + ord(letter.lower()) % 63
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}


class LetterModel:
    """
    Every letter is a direction of its own.
    """

    config = SimpleNamespace(hidden_size=64)

    def __init__(self) -> None:
        self.encoded = 0

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        self.encoded += len(input_ids)
        return SimpleNamespace(last_hidden_state=torch.nn.functional.one_hot(input_ids, 64).float())


@pytest.fixture
def model() -> LetterModel:
    return LetterModel()


@pytest.fixture
def vectors(model: LetterModel, tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "vectors.sqlite", TextEncoder(model, LetterTokenizer(), name="letters"))


def test_vectors_have_unit_length_whatever_the_batch(vectors: VectorCache) -> None:
    together = vectors.encode(["a", "a rather long text", "abc" * 300])

    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=2e-3)
    np.testing.assert_array_equal(together[1], vectors.encode_new("a rather long text"))


def test_a_text_is_encoded_once(vectors: VectorCache, model: LetterModel) -> None:
    vectors.encode(["one", "two", "one"])
    vectors.encode(["two", "one"])

    assert model.encoded == 2


def test_no_text_is_no_vector(vectors: VectorCache) -> None:
    assert vectors.encode([]).shape == (0, 64)


def test_every_file_is_a_view_of_its_module(vectors: VectorCache, shop_catalog: Catalog) -> None:
    views = CardVectors.encode(shop_catalog, vectors)

    assert len(views.files) == len(shop_catalog.files)
    assert shop_catalog.module_ids[views.owners[0]] == shop_catalog.files[0].module


def _filled(shortlist: Shortlist) -> set[str]:
    features = shortlist.features("zzz pallet")
    assert np.isfinite(features).all()
    return {name for i, name in enumerate(FEATURES) if name.startswith("meaning_") and features[:, i].any()}


def test_an_encoder_fills_its_features(
    vectors: VectorCache, shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    assert len(_filled(Shortlist.fit(shop_catalog, past, vectors=vectors))) == 5


def test_without_history_only_cards_speak(vectors: VectorCache, shop_catalog: Catalog) -> None:
    assert _filled(Shortlist.fit(shop_catalog, (), vectors=vectors)) == {"meaning_module", "meaning_file"}
