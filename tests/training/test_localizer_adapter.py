"""
The general localizer as an adapter of a causal language model: it learns, and what it learned is a base model.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.language_model import LanguageModel
from inference.prompt import place_prompt
from tests.models import small_base_model, tiny_network
from tests.training.test_localizer import _pool
from training.config import TrainingConfig
from training.localizer import encoder_training
from training.localizer.adapter_training import AdaptedModel
from training.localizer.encoder_training import Shape, train_encoder

CONFIG = replace(TrainingConfig(), lora_rank=8, frozen_share=0.5)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny = tiny_network(small_base_model())
    tiny.model.save_pretrained(folder, safe_serialization=True)
    tiny.tokenizer.save_pretrained(folder)
    return folder


def test_the_adapter_learns_to_find_the_touched_file_and_becomes_a_base_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_training, "MASKED", 0.0)
    torch.manual_seed(0)
    network = AdaptedModel(base, CONFIG)
    losses = train_encoder(
        network,
        [_pool()],
        steps=40,
        checkpoint=tmp_path / "checkpoint",
        shape=Shape(batch=8, text_tokens=16, view_tokens=16),
        learning_rate=1e-2,
    )
    network.save(tmp_path / "adapter", merged=tmp_path / "merged")
    prompt = place_prompt(network.tokenizer, repository="r", requirement="tax is wrong")
    before, after = (LanguageModel.load(folder).hidden([prompt]) for folder in (base, tmp_path / "merged"))

    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert not np.allclose(before, after, atol=1e-3)


def test_a_text_in_a_batch_has_the_state_it_has_alone(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = AdaptedModel(base, CONFIG)
    texts = ["tax", "the tax of a cart is wrong when two people edit it at once", "mail"]
    with torch.no_grad():
        together = network.encode(texts, tokens=32)
        monkeypatch.setattr("training.localizer.adapter_training.STRIP", 1)
        alone = network.encode(texts, tokens=32)

    assert torch.allclose(alone, together, atol=1e-4)
