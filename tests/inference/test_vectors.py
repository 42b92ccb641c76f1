from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graph.values import Catalog, Progress
from inference.embedding import TextEncoder
from inference.labelled import LabelledText
from inference.release import MissingEncoderError, ReleaseError, ReleaseInfo, encoder_folder, hash_file
from inference.shortlist import FEATURES, Shortlist
from inference.vectors import Floats, KeptVectors
from tests.fakes_encoder import LetterModel, LetterTokenizer


class DeafEncoder:
    """
    An encoder that must not be asked.
    """

    def encode(self, texts: Sequence[str], *, progress: Progress = lambda done, total, label: None) -> Floats:
        raise AssertionError(f"asked to encode {texts}")


def _encoder() -> TextEncoder:
    return TextEncoder(LetterModel(), LetterTokenizer(), name="letters")


def test_a_shortlist_rebuilt_from_kept_vectors_encodes_only_the_requirement(
    shop_catalog: Catalog, past: tuple[LabelledText, ...], tmp_path: Path
) -> None:
    recorded = KeptVectors(_encoder())
    fitted = Shortlist.fit(shop_catalog, past, vectors=recorded).features("zzz pallet")
    recorded.save(tmp_path / "vectors.safetensors")
    model = LetterModel()
    kept = KeptVectors.load(tmp_path / "vectors.safetensors", TextEncoder(model, LetterTokenizer(), name="letters"))
    rebuilt = Shortlist.fit(shop_catalog, past, vectors=kept)

    assert model.encoded == 0
    np.testing.assert_array_equal(rebuilt.features("zzz pallet"), fitted)
    assert model.encoded == 1
    assert fitted[:, FEATURES.index("meaning_past")].any()


def test_kept_vectors_are_the_same_after_a_round_trip(tmp_path: Path) -> None:
    vectors = KeptVectors(_encoder())
    found = vectors.encode(["one", "two", "one"])
    vectors.save(tmp_path / "v.safetensors")
    again = KeptVectors.load(tmp_path / "v.safetensors", DeafEncoder())

    np.testing.assert_array_equal(again.encode(["one", "two", "one"]), found)
    np.testing.assert_array_equal(again.encode_new("two"), found[1])


def test_nothing_kept_is_a_file_too(tmp_path: Path) -> None:
    KeptVectors(DeafEncoder()).save(tmp_path / "v.safetensors")

    assert KeptVectors.load(tmp_path / "v.safetensors", _encoder()).encode([]).shape == (0, 64)


def _info(encoder: dict[str, str]) -> ReleaseInfo:
    names = ("id", "repository", "location", "graph_commit", "evaluated_commit", "catalog_fingerprint")
    more = ("dataset_hash", "prompt_hash", "created_at")
    texts = dict.fromkeys((*names, *more), "shop-1")
    return ReleaseInfo(base_model={}, versions={}, training={}, encoder=encoder, **texts)


def test_a_release_finds_the_encoder_it_was_made_with(tmp_path: Path) -> None:
    weights = tmp_path / "small" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")

    assert encoder_folder(_info({"name": "small", "weights": hash_file(weights)}), tmp_path) == weights.parent
    assert encoder_folder(_info({}), tmp_path) is None


def test_a_missing_or_another_encoder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    info = _info({"name": "small", "weights": "0" * 64})
    with pytest.raises(MissingEncoderError, match="signpost base-model"):
        encoder_folder(info, tmp_path)

    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ReleaseError, match="is not the one release shop-1 was made with"):
        encoder_folder(info, tmp_path)
