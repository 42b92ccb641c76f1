"""
The general localizer for a causal language model: an adapter that puts requirements beside the files they touched.

    python -m training.localizer.adapter_training SHARDS --base QWEN3_4B --out ADAPTER --merged MERGED --steps 3000

The same shards, batches and loss as `encoder_training`; what is compared is what serving ranks by, the state of a
prompt's last token. *MERGED* is then a base model like any other: `SIGNPOST_BASE_MODEL=MERGED`. Meant for a GPU. On a
processor it works for the small model and takes hours; what ships was trained with `encoder_training`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from inference.packed import decoder_of
from inference.prompt import end_token_id, place_prompt, shorten
from training.backends import choose_backend, open_backend
from training.config import TrainingConfig
from training.localizer.encoder_training import WHOLE, read_pools, shuffled_shards, train_encoder

LEARNING_RATE = 2e-4
"""Peak, for an adapter; below a single repository's training, which sees far fewer texts."""
STRIP = 8
"""Prompts of similar length that are run together."""


class AdaptedModel:
    """
    A causal language model whose adapter learns.

    Args:
        base: Folder of the base model.
        config: The adapter's size, and how many layers go without one.
    """

    def __init__(self, base: Path, config: TrainingConfig) -> None:
        self.model, self.tokenizer = open_backend(choose_backend(), base, config)
        self.trained = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        self._pad = end_token_id(self.tokenizer)

    def encode(self, texts: Sequence[str], *, tokens: int) -> torch.Tensor:
        """
        Pose each text as a requirement and give the state of its prompt's last token.  # (texts, size), unit length

        The mean of the texts is taken out, as serving takes out the mean of the cards: all states of a causal model
        lie close together.
        """
        device = next(self.model.parameters()).device
        prompts = [self._ids(text, tokens) for text in texts]
        states: list[torch.Tensor | None] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: (len(prompts[i]), i))
        for start in range(0, len(order), STRIP):
            picked = order[start : start + STRIP]
            longest = max(len(prompts[i]) for i in picked)
            ids = torch.tensor([prompts[i] + [self._pad] * (longest - len(prompts[i])) for i in picked], device=device)
            shown = torch.tensor([[1] * len(prompts[i]) + [0] * (longest - len(prompts[i])) for i in picked])
            hidden = decoder_of(self.model)(
                input_ids=ids, attention_mask=shown.to(device), use_cache=False
            ).last_hidden_state
            for place, i in enumerate(picked):
                states[i] = hidden[place, len(prompts[i]) - 1].float()
        stacked = torch.stack([state for state in states if state is not None])
        return torch.nn.functional.normalize(stacked - stacked.mean(dim=0), dim=1).cpu()

    def _ids(self, text: str, tokens: int) -> list[int]:
        asked = shorten(self.tokenizer, text, limit=tokens)
        prompt = place_prompt(self.tokenizer, repository="the repository", requirement=asked)
        found: list[int] = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        return found

    def save(self, adapter: Path, *, merged: Path | None = None) -> None:
        """
        Write the adapter for plain PEFT, and the base model with it merged; this ends the training of this object.
        """
        self.model.save_pretrained(adapter, safe_serialization=True, save_embedding_layers=False)
        if merged is not None:
            whole: Any = self.model.merge_and_unload()
            whole.save_pretrained(merged, safe_serialization=True)
            self.tokenizer.save_pretrained(merged)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Train an adapter on the shards of many repositories.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="folder of a causal language model")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    parser.add_argument("--merged", type=Path, help="folder for the base model with the adapter merged")
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--repositories", type=int, help="as many repositories at most")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(0)
    network = AdaptedModel(chosen.base, replace(TrainingConfig(), frozen_share=0.5))
    pools = read_pools(shuffled_shards(chosen.shards)[: chosen.repositories])
    sys.stdout.write(f"{len(pools)} repositories, {sum(len(pool.asked) for pool in pools)} requirements\n")
    checkpoint = chosen.out.with_suffix(".checkpoint")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    train_encoder(network, pools, steps=chosen.steps, checkpoint=checkpoint, shape=WHOLE, learning_rate=LEARNING_RATE)
    network.save(chosen.out, merged=chosen.merged)
    checkpoint.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
