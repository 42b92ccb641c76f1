"""
Merge the adapter into the base weights, save 16-bit safetensors, and prove that nothing was lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from graph.values import Progress
from inference.language_model import LanguageModel

NEAR_TIE = 0.25  # logits: rounding to 16 bit may swap two tokens that were this close, and nobody would mind
LOGIT_BOUND = 1.0  # observed: 0.03 in fp16, 0.3 in bf16 on the small model


class MergeError(Exception):
    """
    The merged model is not the model that was trained. Nothing is released.
    """


@dataclass(frozen=True, slots=True)
class MergeReport:
    """
    Base + adapter in training precision against the merged folder as it will be served.

    Args:
        prompts: How many golden prompts were compared.
        top1_agreement: Share of prompts whose likeliest next token is the same.
        beyond_rounding: How many of the others differ by more than rounding explains.
        max_logit_difference: Largest difference of a next-token logit.
        difference_from_base: Largest difference between merged model and base model: zero would mean that the merge
            lost the adapter.
    """

    prompts: int
    top1_agreement: float
    beyond_rounding: int
    max_logit_difference: float
    difference_from_base: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def save_merged(model: Any, tokenizer: Any, *, target: Path, adapter: Path, golden: Sequence[str]) -> torch.Tensor:
    """
    Save the adapter, then the merged 16-bit model with tokenizer and template.

    Args:
        model: The trained PEFT model; it is merged in place and must not be used afterwards.
        golden: Prompts to compare on.

    Returns:
        Next-token logits at the end of each golden prompt, with and without adapter.  # (2, prompts, vocabulary)
    """
    model.eval()
    with torch.inference_mode():
        with_adapter = _next_token_logits(model, tokenizer, golden)
        with model.disable_adapter():
            without = _next_token_logits(model, tokenizer, golden)
    model.save_pretrained(adapter, safe_serialization=True, save_embedding_layers=False)
    merged = model.merge_and_unload()
    merged.config.use_cache = True
    # fp16 keeps three more bits of an fp32 training; a bf16 training is not rounded again.
    half = torch.bfloat16 if merged.dtype == torch.bfloat16 else torch.float16
    merged.to(half).save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)
    return torch.stack([with_adapter, without])


def verify_merged(
    merged: LanguageModel,
    logits: torch.Tensor,
    golden: Sequence[str],
    *,
    progress: Progress = lambda done, total, label: None,
) -> MergeReport:
    """
    Compare the folder as loaded for serving with what `save_merged` saw before the merge.

    Raises:
        MergeError: they disagree, or the merged model equals the base model.
    """
    agreed, beyond, worst, moved = 0, 0, 0.0, 0.0
    to_adapter, to_base = 0.0, 0.0
    with torch.inference_mode():
        for i, prompt in enumerate(golden):
            after = _next_token_logits(merged.model, merged.tokenizer, [prompt])[0]
            with_adapter, without = logits[0, i], logits[1, i]
            agreed += int(after.argmax() == with_adapter.argmax())
            beyond += int(with_adapter.max() - with_adapter[after.argmax()] > NEAR_TIE)
            worst = max(worst, float((after - with_adapter).abs().max()))
            moved = max(moved, float((after - without).abs().max()))
            to_adapter += float((after - with_adapter).abs().mean())
            to_base += float((after - without).abs().mean())
            progress(i + 1, len(golden), "merged = adapter")
    report = MergeReport(len(golden), round(agreed / len(golden), 4), beyond, round(worst, 4), round(moved, 4))
    if beyond or worst > LOGIT_BOUND:
        raise MergeError(
            f"The merged model disagrees with base + adapter (top-1 {report.top1_agreement:.1%}, logits up to "
            f"{worst:.2f}): nothing was released; train again, and report this if it repeats."
        )
    if to_base <= to_adapter:  # rounding to 16 bit moves both, so that only the comparison tells
        raise MergeError("The merged model equals the base model: the merge lost the adapter; nothing was released.")
    return report


def _next_token_logits(model: Any, tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    rows = []
    for prompt in prompts:
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"].to(model.device)
        rows.append(model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1].float().cpu())
    return torch.stack(rows)
