from pathlib import Path

import numpy as np
import torch

from graph.values import Catalog
from inference.fusion import Fusion
from inference.labelled import LabelledText
from inference.reranker import Reranker, network_inputs
from inference.shortlist import FEATURES, MEASURED, Shortlist
from training.localizer.reranker_training import Network, save_reranker


def _columns(modules: int = 30, seed: int = 0) -> np.ndarray:
    columns = np.random.default_rng(seed).gamma(1.0, 2.0, (modules, len(MEASURED))).astype(np.float32)
    columns[:, -5:] = 0.0  # no encoder
    return columns


def test_the_reranker_that_ships_knows_the_features_of_this_version() -> None:
    assert Reranker.load().features == MEASURED


def test_the_same_network_gives_the_same_scores_with_and_without_torch(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = Network(len(MEASURED)).eval()
    torch.nn.init.normal_(network.last.weight)
    torch.nn.init.normal_(network.gate.weight, std=0.1)
    save_reranker(network, tmp_path / "reranker.safetensors")
    columns = _columns()
    inputs, context = network_inputs(columns)
    with torch.inference_mode():
        expected = network(torch.from_numpy(inputs)[None], torch.from_numpy(context)[None])[0].numpy()

    scores = Reranker.load(tmp_path / "reranker.safetensors").scores(columns)

    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_scores_move_with_their_modules() -> None:
    columns, order = _columns(), np.random.default_rng(2).permutation(30)
    reranker = Reranker.load()

    np.testing.assert_allclose(reranker.scores(columns)[order], reranker.scores(columns[order]), atol=1e-4)


def test_the_parts_of_a_score_add_up() -> None:
    reranker, columns = Reranker.load(), _columns()

    np.testing.assert_allclose(reranker.parts(columns).sum(axis=1), reranker.scores(columns), rtol=1e-5)


def test_a_module_that_leads_in_everything_is_put_first() -> None:
    columns = _columns()
    columns[17] = columns.max(axis=0) * 1.5

    assert int(Reranker.load().scores(columns).argmax()) == 17


def test_one_module_and_columns_that_say_nothing_are_no_trouble() -> None:
    assert np.isfinite(Reranker.load().scores(np.zeros((1, len(MEASURED)), dtype=np.float32))).all()
    assert np.ptp(Reranker.load().scores(np.zeros((5, len(MEASURED)), dtype=np.float32))) == 0.0


def test_without_held_out_rows_the_network_alone_decides(shop_catalog: Catalog, past: tuple[LabelledText, ...]) -> None:
    shortlist = Shortlist.fit(shop_catalog, past)
    requirement = past[3].text
    probabilities = Fusion.default(FEATURES).probabilities(shortlist.features(requirement))

    assert int(probabilities.argmax()) == int(Reranker.load().scores(shortlist.columns(requirement)).argmax())
