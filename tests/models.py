"""
Models for tests: the small base model (fetched once, hash-pinned, kept beside the demo's) and a tiny random network.
"""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from inference.language_model import LanguageModel
from training.base_model import ensure_base_model
from training.config import PreferenceConfig
from training.encoder import ensure_encoder
from training.preference.check import PreferenceError, check_preference

KEPT = Path(__file__).parents[1] / ".demo" / "models"


def small_base_model() -> Path:
    """
    The folder of SmolLM2-135M-Instruct; the first call downloads and converts it.
    """
    return ensure_base_model(None, models=KEPT)


def linked_encoder(home: Path) -> Path:
    """
    The folder of the sentence encoder in *home*, where serving looks for it: a link to the one that is kept.
    """
    kept = ensure_encoder(KEPT)
    linked = home / "models" / kept.name
    if not linked.exists():
        linked.parent.mkdir(parents=True, exist_ok=True)
        linked.symlink_to(kept.resolve(), target_is_directory=True)
    return linked


def tiny_network(tokenizer_folder: Path, *, seed: int = 0) -> LanguageModel:
    """
    Two random layers of 64 behind the real tokenizer: fast, and as exact as a large model.
    """
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    return LanguageModel(LlamaForCausalLM(config).eval(), tokenizer)


def skip_without_trl() -> None:
    """
    Skip a test of the preference step where the step would be refused.
    """
    try:
        check_preference(PreferenceConfig(method="kto"))
    except PreferenceError as error:
        pytest.skip(str(error))
