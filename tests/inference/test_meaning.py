from pathlib import Path

import numpy as np
import pytest

from graph.values import Catalog
from inference.embedding import CardVectors, TextEncoder, VectorCache
from inference.labelled import LabelledText
from inference.shortlist import FEATURES, MEASURED, Shortlist
from tests.fakes_encoder import LetterModel, LetterTokenizer


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


def test_newer_requirements_join_the_encoders_features(
    vectors: VectorCache, shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    whole = Shortlist.fit(shop_catalog, past, vectors=vectors)
    joined = Shortlist.fit(shop_catalog, past[:90], vectors=vectors).with_more(past[90:])
    text = past[100].text
    same = [MEASURED.index(f"meaning_{what}") for what in ("module", "file", "centre", "past")]

    np.testing.assert_allclose(joined.columns(text)[:, same], whole.columns(text)[:, same], atol=1e-4)
    assert len(_filled(Shortlist.fit(shop_catalog, (), vectors=vectors).with_more(past))) == 5


def test_without_history_only_cards_speak(vectors: VectorCache, shop_catalog: Catalog) -> None:
    assert _filled(Shortlist.fit(shop_catalog, (), vectors=vectors)) == {"meaning_module", "meaning_file"}
