"""
Merge the adapter into the base weights, save 16-bit safetensors, and prove that nothing was lost on the way.

The proof compares base + adapter, as it was trained, with the folder that will be served, loaded by a process that
cannot import what only training needs. Both are forced through the same golden rows (`inference.replay`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file

from graph.values import Progress
from inference.language_model import LanguageModel
from inference.replay import Replayed, Row, replay
from training.fresh import FreshProcessError, run_fresh

TOP1_BAR = 0.995  # share of places where the likeliest token must be the same
BASE_ROWS = 32  # enough to see that the adapter is in
# Logits. A model that computes in bf16 says its logits in steps of 0.125 (from 16 on), and swaps two tokens a few steps
# apart when anything is rounded elsewhere. Observed on the small model at 768 places: fp32 training saved as fp16, no
# token swapped, logits 0.04 apart at most; bf16 training, 8 % swapped, up to 1.0 and 1.7 apart.
NEAR_TIE = {torch.float16: 0.0, torch.bfloat16: 1.0}  # two tokens this close count as the same
LOGIT_BOUND = {torch.float16: 0.25, torch.bfloat16: 2.5}
# What a tokenizer is made of, whichever of these a base model has; copied byte by byte, never written anew.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)


class MergeError(Exception):
    """
    The merged model is not the model that was trained. Nothing is released.
    """


@dataclass(frozen=True, slots=True)
class Reference:
    """
    What was seen before the merge.

    Args:
        adapted: Base + adapter, in the precision of the training.
        base: Logits of the base model alone, on the first `BASE_ROWS` rows.  # (places, vocabulary)
        half: The 16-bit type of the saved weights.
    """

    adapted: Replayed
    base: torch.Tensor
    half: torch.dtype


@dataclass(frozen=True, slots=True)
class MergeReport:
    """
    Base + adapter in training precision against the merged folder as it will be served.

    Args:
        prompts: How many golden prompts were compared.
        places: At how many places: the ends of the prompts, and some inside the answers.
        top1_agreement: Share of places whose likeliest next token is the same.
        prompt_top1_agreement: The same at the ends of the prompts alone.
        near_ties: At how many of the others the two tokens were as close as `NEAR_TIE` in base + adapter.
        beyond_rounding: How many differ by more than that; these are what `TOP1_BAR` counts.
        max_logit_difference: Largest difference of a next-token logit.
        difference_from_base: Largest difference between merged model and base model: zero would mean that the merge
            lost the adapter.
    """

    prompts: int
    places: int
    top1_agreement: float
    prompt_top1_agreement: float
    near_ties: int
    beyond_rounding: int
    max_logit_difference: float
    difference_from_base: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def save_merged(
    model: Any, tokenizer: Any, *, base: Path, target: Path, adapter: Path, golden: Sequence[Row]
) -> Reference:
    """
    Save the adapter, then the merged 16-bit model with the base model's own tokenizer and template.

    Args:
        model: The trained PEFT model; it is merged in place and must not be used afterwards.
        base: Folder of the base model.
        golden: Rows to compare on.
    """
    model.eval()
    adapted = replay(LanguageModel(model, tokenizer), golden)
    with model.disable_adapter():
        untrained = replay(LanguageModel(model, tokenizer), golden[:BASE_ROWS]).logits
    model.save_pretrained(adapter, safe_serialization=True, save_embedding_layers=False)
    merged = model.merge_and_unload()
    merged.config.use_cache = True
    # fp16 keeps three more bits of an fp32 training; a bf16 training is not rounded again.
    half = torch.bfloat16 if merged.dtype == torch.bfloat16 else torch.float16
    merged.to(half).save_pretrained(target, safe_serialization=True)
    for name in TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, target / name)
    return Reference(adapted, untrained, half)


def verify_merged(
    folder: Path,
    reference: Reference,
    golden: Sequence[Row],
    *,
    base: Path,
    progress: Progress = lambda done, total, label: None,
) -> MergeReport:
    """
    Prove that the model in *folder* is the one that `save_merged` saw, in a fresh process.

    Raises:
        MergeError: it is not, or it equals the base model, or its tokenizer is not the base model's.
    """
    check_tokenizer(folder, base)
    progress(0, 1, "merged = adapter, in a new process")
    merged = replay_fresh(folder, golden)
    progress(1, 1, "merged = adapter, in a new process")
    return compare_replays(reference, merged)


def check_tokenizer(folder: Path, base: Path) -> None:
    """
    Compare tokenizer and chat template with those of the base model, byte by byte.

    Raises:
        MergeError: one of the files differs, or is in one of the folders only.
    """
    for name in TOKENIZER_FILES:
        ours, theirs = ((f / name).read_bytes() if (f / name).is_file() else None for f in (folder, base))
        if ours != theirs:
            raise MergeError(f"{name} of the merged model is not the base model's: nothing was released; train again.")


def replay_fresh(folder: Path, rows: Sequence[Row]) -> Replayed:
    """
    Let a process without the training packages load *folder* and replay *rows*.

    Raises:
        MergeError: it cannot.
    """
    with TemporaryDirectory(dir=folder.parent, prefix=".replay-") as scratch:
        asked, answered = Path(scratch) / "rows.json", Path(scratch) / "logits.safetensors"
        asked.write_text(json.dumps([astuple(row) for row in rows]), encoding="utf-8")
        try:
            run_fresh("inference.replay", [folder, asked, answered])
        except FreshProcessError as error:
            raise MergeError(
                f"The merged model does not load in a process of its own ({error}): nothing was released; train again."
            ) from error
        found = load_file(answered)
    return Replayed(found["logits"], tuple(found["firsts"].tolist()), tuple(found["tokens"].tolist()))


def compare_replays(reference: Reference, merged: Replayed) -> MergeReport:
    """
    Compare what the merged model said with what base + adapter had said.

    Raises:
        MergeError: they disagree, or the merged model equals the base model.
    """
    adapted, after = reference.adapted.logits, merged.logits
    if merged.tokens != reference.adapted.tokens:
        raise MergeError("The merged model's tokenizer reads the golden prompts otherwise: nothing was released.")
    best, chosen = adapted.argmax(dim=1), after.argmax(dim=1)  # (places,)
    same = best == chosen
    lead = (adapted.gather(1, best[:, None]) - adapted.gather(1, chosen[:, None]))[:, 0]
    beyond = int((lead > NEAR_TIE[reference.half]).sum())
    moved = after[: len(reference.base)] - reference.base
    report = MergeReport(
        prompts=len(merged.firsts),
        places=len(after),
        top1_agreement=round(float(same.float().mean()), 4),
        prompt_top1_agreement=round(float(same[list(merged.firsts)].float().mean()), 4),
        near_ties=int((~same).sum()) - beyond,
        beyond_rounding=beyond,
        max_logit_difference=round(float((after - adapted).abs().max()), 4),
        difference_from_base=round(float(moved.abs().max()), 4),
    )
    # Of a few places one may fall on a tie: a share cannot be asked of nine. The bound on the logits holds in any case.
    allowed = max(1.0, (1.0 - TOP1_BAR) * len(after))
    if beyond > allowed or not report.max_logit_difference <= LOGIT_BOUND[reference.half]:
        raise MergeError(
            f"The merged model disagrees with base + adapter (the same next token at {report.top1_agreement:.1%} of "
            f"{report.places} places, {report.near_ties} more are near ties, logits up to "
            f"{report.max_logit_difference:.2f} apart): nothing was released. Train again; report it if it repeats."
        )
    rounding = (after - adapted)[: len(reference.base)]
    if moved.abs().mean() <= rounding.abs().mean():  # rounding to 16 bit moves both: only the comparison tells
        raise MergeError("The merged model equals the base model: the merge lost the adapter; nothing was released.")
    return report
