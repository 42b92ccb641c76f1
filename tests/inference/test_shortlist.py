import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from graph.values import Catalog
from inference.classifier import TextClassifier
from inference.evidence import EvidenceIndex
from inference.labelled import LabelledText
from inference.lexical import Bm25
from inference.meaning import MEANING_FEATURES
from inference.ranker import readable
from inference.reranker import SHIPPED
from inference.shortlist import FEATURES, MEASURED, NETWORK, Shortlist, load_shortlist, neutral_where_unknown
from inference.text import joined_terms, title_of


def _column(shortlist: Shortlist, requirement: str, feature: str) -> dict[str, float]:
    values = shortlist.features(requirement)[:, FEATURES.index(feature)]
    return dict(zip(shortlist.catalog.module_ids, map(float, values), strict=True))


def _best(column: dict[str, float]) -> str:
    return max(column, key=lambda module: column[module])


def test_bm25_finds_the_module_whose_code_speaks_of_it(shop_catalog: Catalog) -> None:
    shortlist = Shortlist.fit(shop_catalog, ())

    assert _best(_column(shortlist, "tracking numbers of parcels are wrong", "bm25")) == "shipping"
    assert _best(_column(shortlist, "tracking numbers of parcels are wrong", "bm25_file")) == "shipping"


def test_a_file_name_in_the_requirement_points_to_its_module(shop_catalog: Catalog) -> None:
    shortlist = Shortlist.fit(shop_catalog, ())

    assert _best(_column(shortlist, "stack trace mentions two_factor_code.py", "names")) == "accounts"


def test_past_requirements_vote_and_teach(shop_catalog: Catalog, past: tuple[LabelledText, ...]) -> None:
    shortlist = Shortlist.fit(shop_catalog, past)

    assert _best(_column(shortlist, "every pallet and shelf", "past")) == "warehouse"
    assert _best(_column(shortlist, "Wrong pallet when two people edit", "classifier")) == "warehouse"


def test_without_history_the_learned_features_are_silent(shop_catalog: Catalog) -> None:
    shortlist = Shortlist.fit(shop_catalog, ())

    assert set(_column(shortlist, "pallet", "past").values()) == {0.0}
    assert set(_column(shortlist, "pallet", "classifier").values()) == {0.0}


def test_a_module_without_history_is_not_buried_by_the_classifier(
    shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    others = [row for row in past if row.modules != ("messages",)]
    column = _column(Shortlist.fit(shop_catalog, others), "render the digest of a message", "classifier")

    assert column["messages"] > 0


def test_what_was_asked_of_a_file_leads_to_its_module(shop_catalog: Catalog) -> None:
    asked = LabelledText("1", "colour blind people", ("search",), "history", files=("shop/search/facet.py",))
    shortlist = Shortlist.fit(shop_catalog, (asked,))

    assert _best(_column(shortlist, "colour blind", "code_and_past")) == "search"


def test_two_words_meet_a_name_that_joins_them() -> None:
    assert Bm25([["other"], ["notetyp"]]).scores(joined_terms("sort note types")).argmax() == 1


def test_features_of_meaning_are_silent_without_an_encoder(shop_catalog: Catalog) -> None:
    features = Shortlist.fit(shop_catalog, ()).features("pallet")

    assert not features[:, [FEATURES.index(name) for name in MEANING_FEATURES]].any()


def test_every_feature_is_finite_for_hostile_requirements(
    shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    shortlist = Shortlist.fit(shop_catalog, past)

    for requirement in ("?", "🙂", "word " * 5_000, "\x00\x01", "在哪里计算运费？", "a" * 20_000):
        assert np.isfinite(shortlist.features(requirement)).all()


def test_one_module_alone_is_no_error(shop_catalog: Catalog) -> None:
    card = shop_catalog.card("billing")
    files = tuple(file for file in shop_catalog.files if file.module == "billing")
    shortlist = Shortlist.fit(Catalog("shop", "c", (card,), files), ())

    assert shortlist.features("refund").shape == (1, len(FEATURES))


def test_a_saved_classifier_says_the_same_after_loading(tmp_path: Path, past: tuple[LabelledText, ...]) -> None:
    fitted = TextClassifier.fit(past)
    assert fitted is not None
    fitted.save(tmp_path)
    loaded = TextClassifier.load(tmp_path)
    assert loaded is not None

    for text in ("Wrong pallet", "speed up the newsletter", "完全不同"):
        # Weights are kept in 16 bit.
        np.testing.assert_allclose(loaded.scores(text), fitted.scores(text), atol=0.01)


def test_a_release_ranks_by_the_network_in_its_folder(
    tmp_path: Path, shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    fitted = Shortlist.fit(shop_catalog, past)
    assert fitted.classifier is not None
    fitted.classifier.save(tmp_path)
    shutil.copyfile(SHIPPED, tmp_path / NETWORK)
    with safe_open(SHIPPED, framework="numpy") as kept:
        other = {name: -kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        metadata = kept.metadata()
    asked = "Wrong pallet when two people edit"
    same = load_shortlist(tmp_path, shop_catalog, past).features(asked)
    save_file(other, tmp_path / NETWORK, metadata=metadata)
    changed = load_shortlist(tmp_path, shop_catalog, past).features(asked)

    assert np.allclose(same, fitted.features(asked), atol=0.01)  # weights of the classifier are kept rounded
    assert not np.allclose(changed, same, atol=0.5)


def test_a_classifier_needs_two_modules(past: tuple[LabelledText, ...]) -> None:
    assert TextClassifier.fit([row for row in past if row.modules == ("billing",)]) is None


def test_the_best_files_are_those_that_meet_the_requirement(shop_catalog: Catalog) -> None:
    files = Shortlist.fit(shop_catalog, ()).best_files("render the customs form", "shipping")

    assert files[0] == "shop/shipping/customs_form.py"


def test_neutral_means_the_mean_of_the_known() -> None:
    scores = np.array([1.0, np.nan, 3.0], dtype=np.float32)

    assert neutral_where_unknown(scores).tolist() == [1.0, 2.0, 3.0]


def test_a_served_requirement_keeps_its_title_apart_from_the_rest() -> None:
    assert title_of(readable("Wrong customs form\r\n\r\nIt happens since  May.")) == "Wrong customs form"


def test_newer_requirements_join_without_a_new_fit(shop_catalog: Catalog, past: tuple[LabelledText, ...]) -> None:
    whole = Shortlist.fit(shop_catalog, past)
    joined = Shortlist.fit(shop_catalog, past[:90]).with_more(past[90:])
    exact = ("recent", "popularity", "code_and_past", "bm25", "names", "size")
    close = ("past", "classifier", "title_classifier")

    assert joined.past == whole.past
    assert past[100] in [near.row for near in joined.nearest(past[100].text)]
    for row in past[80:]:
        columns = [dict(zip(MEASURED, shortlist.columns(row.text).T, strict=True)) for shortlist in (joined, whole)]
        for name in exact:
            np.testing.assert_allclose(columns[0][name], columns[1][name], rtol=1e-5)
        for name in close:
            assert columns[0][name].argmax() == columns[1][name].argmax()


def test_a_word_of_a_newer_requirement_teaches_a_module(shop_catalog: Catalog, past: tuple[LabelledText, ...]) -> None:
    before = Shortlist.fit(shop_catalog, past)
    text = "pallet reports about messages"
    rows = tuple(LabelledText(str(i), text, ("messages",), "history", "2026-01-01") for i in range(5))
    after = before.with_more(rows)

    assert _best(_column(before, text, "classifier")) != "messages"
    assert _best(_column(after, text, "classifier")) == "messages"
    assert before.past == past


def test_a_loaded_classifier_learns_more_as_well(
    shop_catalog: Catalog, past: tuple[LabelledText, ...], tmp_path: Path
) -> None:
    fitted = TextClassifier.fit(past)
    assert fitted is not None
    fitted.save(tmp_path)
    loaded = TextClassifier.load(tmp_path)
    assert loaded is not None
    rows = [LabelledText("1", "every pallet and shelf", ("messages",), "history")]

    np.testing.assert_allclose(
        loaded.with_more(rows).scores("pallet"), fitted.with_more(rows).scores("pallet"), atol=2e-3
    )
    assert loaded.with_more([LabelledText("2", "pallet", ("gone",), "history")]) is loaded


def test_the_first_requirements_can_join_code_without_history(
    shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    joined, whole = Shortlist.fit(shop_catalog, ()).with_more(past), Shortlist.fit(shop_catalog, past)

    np.testing.assert_allclose(joined.columns(past[3].text), whole.columns(past[3].text), rtol=1e-5)


@pytest.mark.parametrize(
    ("asked", "module"),
    [("登录时密码总是错误", "accounts"), ("发票的折扣算错了", "billing"), ("全文搜索很慢", "search")],
)
def test_a_question_in_chinese_alone_finds_its_module(
    shop_catalog: Catalog, past: tuple[LabelledText, ...], asked: str, module: str
) -> None:
    shortlist = Shortlist.fit(shop_catalog, past)

    assert _best(_column(shortlist, asked, "reranked")) == module
    assert shortlist.best_files(asked, module)
    assert EvidenceIndex(shop_catalog).gather(asked, module)
