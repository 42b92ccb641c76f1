import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from graph.values import Catalog
from inference.labelled import LabelledText
from inference.off_topic import load_off_topic, signs, variant
from inference.ranker import Ranker
from inference.shortlist import Shortlist
from tests.codebase import requirement
from training.encoder import encoder_name
from training.off_topic import VARIANTS, fit, read_rows

NOTHING = ["thanks!", "what's for lunch?", "my phone does not ring any more", "谢谢", "see you all on monday, have fun"]


def test_the_labelled_set_is_large_and_mixed() -> None:
    rows = read_rows()
    held = [row for row in rows if row.part == "held"]

    assert len(rows) >= 150
    assert len({row.text for row in rows}) == len(rows)
    assert {row.language for row in held} == {"en", "zh"}
    assert 40 <= sum(row.requirement for row in held) <= len(held) - 40
    assert {"other product", "near", "thanks", "small talk"} <= {row.kind for row in held if not row.requirement}


@pytest.mark.parametrize("name", VARIANTS)
def test_weights_and_signs_have_the_same_names(
    name: str, shop_catalog: Catalog, past: tuple[LabelledText, ...]
) -> None:
    model = load_off_topic(name)
    found = signs("Wrong postage", Shortlist.fit(shop_catalog, past if "history" in name else ()))
    meant = {"meant_module", "meant_file"} if "encoder" in name else set()

    assert set(model.weights) == found.keys() | meant


def test_another_encoder_counts_as_none() -> None:
    assert variant(history=True, encoder="another") == "history"
    assert variant(history=False, encoder=None) == "code"
    assert variant(history=True, encoder=encoder_name()) == "history and encoder"


def test_a_code_base_nobody_fitted_it_on_is_served_too(ranker: Ranker) -> None:
    asked = [requirement(number)[0] for number in range(200, 230)]

    assert sum(not ranker.is_off_topic(text) for text in asked) >= 29
    assert all(ranker.is_off_topic(text) for text in NOTHING)


def test_what_is_no_requirement_is_never_sure_and_nothing_belongs(ranker: Ranker) -> None:
    ranking = ranker.rank("thanks!")
    reasoning = ranker.explain("thanks!", ranking)

    assert ranking.off_topic
    assert not ranking.sure
    assert not any(module.belongs for module in ranking.modules)
    assert reasoning.text.startswith("This does not look like a change to shop.")
    assert (reasoning.evidence, reasoning.generated) == ((), False)


def test_a_requirement_has_a_module_that_belongs(ranker: Ranker) -> None:
    ranking = ranker.rank("Wrong postage when two people edit at once")

    assert not ranking.off_topic
    assert ranking.modules[0].belongs


def test_the_threshold_lets_real_requirements_pass() -> None:
    rng = np.random.default_rng(0)
    truth = [bool(i % 2) for i in range(200)]
    found = [{"a": float(rng.normal(3.0 * good, 1.0)), "b": float(rng.normal())} for good in truth]
    real = [{"a": float(rng.normal(1.5, 1.0)), "b": float(rng.normal())} for _ in range(300)]
    model = fit(found, truth, real)

    assert np.mean([model.is_requirement(row) for row in real]) >= 0.96
    assert model.threshold < 0.5
    assert roc_auc_score(truth, [model.probability(row) for row in found]) > 0.95
