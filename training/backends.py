"""
Where the adapter is trained: plain PEFT (CPU, Metal, CUDA), or unsloth when CUDA and unsloth are there.

Both give the same thing: a PEFT model with LoRA on the same layers, whose adapter loads in plain PEFT.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inference.language_model import best_device
from training.config import TrainingConfig

Backend = Callable[[Path, TrainingConfig], tuple[Any, Any]]


def choose_backend(*, cuda: bool | None = None, unsloth: bool | None = None) -> str:
    """
    Name the backend for this machine: "unsloth" or "peft".

    >>> choose_backend(cuda=True, unsloth=True), choose_backend(cuda=False, unsloth=True)
    ('unsloth', 'peft')
    """
    cuda = torch.cuda.is_available() if cuda is None else cuda
    unsloth = importlib.util.find_spec("unsloth") is not None if unsloth is None else unsloth
    return "unsloth" if cuda and unsloth else "peft"


def open_backend(name: str, base_model: Path, config: TrainingConfig) -> tuple[Any, Any]:
    """
    Return (model with a fresh adapter in training mode, tokenizer).
    """
    return {"peft": _open_peft, "unsloth": _open_unsloth}[name](base_model, config)


def trained_layers(layer_count: int, config: TrainingConfig) -> list[int]:
    """
    Indexes of the layers that get an adapter: the upper ones.
    """
    return list(range(int(layer_count * config.frozen_share), layer_count))


def _open_peft(base_model: Path, config: TrainingConfig) -> tuple[Any, Any]:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = best_device()
    torch.manual_seed(config.seed)
    model = AutoModelForCausalLM.from_pretrained(
        base_model,
        dtype=torch.float32 if device == "cpu" else torch.bfloat16,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    ).to(device)
    model.config.use_cache = False
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.target_modules),
        layers_to_transform=trained_layers(model.config.num_hidden_layers, config),
    )
    tokenizer = AutoTokenizer.from_pretrained(base_model, trust_remote_code=False, local_files_only=True)
    return get_peft_model(model, lora).train(), tokenizer


def _open_unsloth(base_model: Path, config: TrainingConfig) -> tuple[Any, Any]:
    from unsloth import (
        FastLanguageModel,  # must be imported before transformers patches matter: first use wins
    )

    model, tokenizer = FastLanguageModel.from_pretrained(
        str(base_model),
        max_seq_length=1_024,
        dtype=torch.bfloat16,
        load_in_4bit=False,
        trust_remote_code=False,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.target_modules),
        layers_to_transform=trained_layers(model.config.num_hidden_layers, config),
        use_gradient_checkpointing="unsloth",
        random_state=config.seed,
    )
    return model, tokenizer
