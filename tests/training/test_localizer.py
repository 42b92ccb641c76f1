from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from inference.reranker import Reranker, network_inputs
from inference.shortlist import MEASURED
from tests.codebase import write_shop_with_history
from training.localizer import encoder_training, shards
from training.localizer.encoder_training import Pool, TopLayers, save_top_layers, train_encoder
from training.localizer.reranker_training import Lesson, hits, save_reranker, train_reranker
from training.localizer.shards import Source, load_shard, make_shard, read_recipe, save_shard


def _tiny_encoder() -> TopLayers:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=4, num_attention_heads=2)
    network = object.__new__(TopLayers)
    network._model = BertModel(config).train()
    network._model.requires_grad_(False)
    network._layers = network._model.encoder.layer
    network._tokenizer = lambda texts, **limits: _letters(texts, limits["max_length"])
    network.trained = dict(network._layers[-encoder_training.TOP_LAYERS :].named_parameters())
    for parameter in network.trained.values():
        parameter.requires_grad_(True)
    return network


def _letters(texts: list[str], most: int) -> dict[str, torch.Tensor]:
    ids = torch.zeros((len(texts), min(most, max(map(len, texts)))), dtype=torch.long)
    for row, text in enumerate(texts):
        for column, letter in enumerate(text[: ids.shape[1]]):
            ids[row, column] = 1 + ord(letter.lower()) % 63
    return {"input_ids": ids, "attention_mask": (ids > 0).long()}


def _pool() -> Pool:
    words = ["tax", "cart", "mail", "route", "index", "queue", "token", "layer"]
    views = tuple(f"{word} in shop. {word} of the {word}" for word in words)
    asked = tuple(
        (f"{word} number {i} is wrong", (at,), ((at + 1) % 8,)) for i in range(6) for at, word in enumerate(words)
    )
    return Pool("shop", views, tuple(range(8)), asked)


def test_a_killed_encoder_training_goes_on_with_the_same_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_training, "CHECKPOINT_EVERY", 2)
    whole = _tiny_encoder()
    train_encoder(whole, [_pool()], steps=4, checkpoint=tmp_path / "whole")
    first = _tiny_encoder()
    with pytest.raises(KeyboardInterrupt):
        _train_until(first, [_pool()], killed_at=3, steps=4, checkpoint=tmp_path / "killed")

    again = _tiny_encoder()
    train_encoder(again, [_pool()], steps=4, checkpoint=tmp_path / "killed")

    for name, value in whole.trained.items():
        torch.testing.assert_close(again.trained[name], value)


def _train_until(network: TopLayers, pools: list[Pool], *, killed_at: int, steps: int, checkpoint: Path) -> None:
    encode, calls = network.encode, 0

    def dying(texts: list[str], *, tokens: int) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > 2 * (killed_at - 1):
            raise KeyboardInterrupt
        return encode(texts, tokens=tokens)

    network.encode = dying  # type: ignore[method-assign]
    train_encoder(network, pools, steps=steps, checkpoint=checkpoint)


def test_the_encoder_learns_to_find_the_touched_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_training, "LEARNING_RATE", 1e-2)
    monkeypatch.setattr(encoder_training, "MASKED", 0.0)
    losses = train_encoder(_tiny_encoder(), [_pool()], steps=60, checkpoint=tmp_path / "checkpoint")

    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])


def test_only_the_upper_layers_ship_and_in_half_precision(tmp_path: Path) -> None:
    network = _tiny_encoder()
    save_top_layers(network.trained, tmp_path / "encoder.safetensors")
    kept = load_file(tmp_path / "encoder.safetensors")

    assert set(kept) == set(network.trained)
    assert {value.dtype for value in kept.values()} == {torch.float16}


def _lesson(repository: str, *, rows: int = 60, modules: int = 12, seed: int = 0) -> Lesson:
    """
    A repository where the third feature is right and the first one misleads.
    """
    rng = np.random.default_rng(seed)
    columns = rng.random((rows, modules, len(MEASURED))).astype(np.float32)
    truth = np.zeros((rows, modules), dtype=np.float32)
    for row in range(rows):
        true = int(rng.integers(modules))
        truth[row, true] = 1.0
        columns[row, true, 2] += 1.0
        columns[row, int(rng.integers(modules)), 0] += 2.0
    pairs = [network_inputs(row) for row in columns]
    return Lesson(
        repository,
        "warm",
        torch.from_numpy(np.stack([inputs for inputs, _ in pairs])),
        torch.from_numpy(np.stack([context for _, context in pairs])),
        torch.from_numpy(truth),
        rng.random(rows) < 0.5,
    )


def test_the_reranker_learns_which_feature_to_trust_and_keeps_it_elsewhere(tmp_path: Path) -> None:
    network = train_reranker([_lesson(f"r{i}", seed=i) for i in range(8)])
    save_reranker(network, tmp_path / "reranker.safetensors")
    right, first_three, *_ = hits(network, [_lesson("other", seed=99)])["warm"]

    assert right > 0.9
    assert first_three >= right
    assert Reranker.load(tmp_path / "reranker.safetensors").features == MEASURED


def test_a_shard_holds_what_was_asked_after_the_code_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LATER_COMMITS", 60)
    monkeypatch.setattr(shards, "LEAST_MODULES", 2)
    monkeypatch.setattr(shards, "LEAST_ROWS", 5)
    repository = write_shop_with_history(tmp_path / "shop", commits=120)
    shard = make_shard(Source("people/shop"), repository, cache=tmp_path / "cache")
    assert shard is not None
    save_shard(tmp_path / "shards", shard)
    kept = load_shard(tmp_path / "shards" / "people+shop.json.gz")

    assert kept["warm"].shape == (len(kept["rows"]), len(kept["modules"]), len(MEASURED))
    assert not kept["cold"][..., MEASURED.index("classifier")].any()
    assert kept["warm"][..., MEASURED.index("classifier")].any()
    earlier = {pair["text"] for pair in kept["pairs"]}
    assert len(kept["pairs"]) < kept["history"] + 1
    assert all(row["modules"] and row["files"] for row in kept["rows"])
    assert earlier  # what came before is kept apart from what came later


def test_the_recipe_that_ships_names_commits_and_none_of_the_reserved_repositories() -> None:
    recipe = read_recipe(Path(shards.__file__).parent / "recipe.json")
    reserved = (
        "netbox",
        "django",
        "mapbox",
        "opentripplanner",
        "bitwarden",
        "mnn",
        "graphhopper",
        "wagtail",
        "anki",
        "sympy",
    )

    assert len(recipe) >= 100
    assert all(len(source.head) == 40 and len(source.snapshot) == 40 for source in recipe)
    assert not [source for source in recipe if any(word in source.repository.lower() for word in reserved)]
