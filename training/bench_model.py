"""
The language model of a benchmark: trained on the folder's own train rows and the code of its snapshot, nothing newer.

The adapter, its module rows and what it said are kept in the cache under the hash of every training row and setting, so
that a second run over the same folder neither trains nor scores again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from peft import PeftModel
from transformers import AutoTokenizer

from graph.values import Catalog, write_atomically
from inference.labelled import LabelledText
from inference.language_model import LanguageModel
from inference.packed import LowerStates, open_forward
from inference.rows import ModuleRows
from inference.shortlist import Shortlist
from training.backends import choose_backend, open_backend
from training.batches import TrainingRow
from training.bench_scores import KeptScores
from training.choosing import nearest_candidates
from training.collapse import collapse
from training.config import TrainingConfig, minutes_config
from training.corpus import Report, stage_of
from training.dataset import Dataset
from training.example import Example
from training.fitting import fit_rows
from training.mix import training_rows
from training.origins import graph_examples, none_held_out
from training.release_parts import weights_hash
from training.rows import PULL, VIEW_TOKENS, VIEWS, card_rows
from training.sft import TrainingLog, frozen_layers, train_adapter

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BenchModel:
    """
    A language model with a row for every module of one benchmark folder.

    Args:
        model: Merged, as it is served.
        catalog: The folder's, under the name that the model knows the repository by.
        rows: In the order of *catalog*.
        about: Where it comes from and what it took, for details.json.
        kept: What it has said before.
        name: Of a release, or what else it is called in a message.
        seen: Ids and `training.origins.text_key` of requirements it was trained on, beyond the folder's train rows.
    """

    model: LanguageModel
    catalog: Catalog
    rows: ModuleRows
    about: dict[str, Any]
    kept: KeptScores
    name: str = "The model"
    seen: frozenset[str] = frozenset()


def bench_config() -> TrainingConfig:
    """
    A training that leaves a benchmark within half an hour on two cores. It does not learn to reason: nobody asks it to.
    """
    return replace(
        minutes_config(),
        token_budget=240_000,
        max_seconds=600.0,
        dev_checks=0,  # dev rows choose the fusion: what they had ended early would look better than it is
        reasoning_share=0.0,
        ranking_share=0.8,
        choice_share=0.1,
        max_graph_examples=1_000,
        max_past=4_000,
        max_encoded=6_000,
    )


def train_model(
    shortlist: Shortlist, *, base_model: Path, config: TrainingConfig, cache: Path, report: Report
) -> BenchModel:
    """
    Train on the past requirements and the catalog of *shortlist*, or take what an equal run has kept in *cache*.

    Raises:
        training.sft.TrainingError: there is nothing to train on, or the loss is no number.
    """
    catalog = shortlist.catalog
    dataset = bench_dataset(catalog, shortlist.past, config)
    tokenizer = AutoTokenizer.from_pretrained(base_model, local_files_only=True)
    rows = training_rows(tokenizer, dataset, catalog, config, candidates=nearest_candidates(shortlist))
    kept = cache / "bench-models" / _key(rows, catalog, base_model, config)
    if not (kept / "about.json").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        log = _train(shortlist, rows, base_model=base_model, config=config, folder=kept, report=report)
        about = {"base model": base_model.name, "train rows": len(rows), **_log_json(log)}
        write_atomically(kept / "about.json", json.dumps(about, indent=1).encode())
    return BenchModel(
        model=_merged(base_model, kept),
        catalog=catalog,
        rows=ModuleRows.load(kept / "rows.safetensors"),
        about=json.loads((kept / "about.json").read_text(encoding="utf-8")),
        kept=KeptScores(kept / "scores.safetensors"),
    )


def bench_dataset(catalog: Catalog, past: Sequence[LabelledText], config: TrainingConfig) -> Dataset:
    """
    Train rows only: the newest past requirements, and texts made from the catalog.
    """
    history = [
        Example(row.id, "history", "train", row.text, row.modules, catalog.commit, row.date, files=row.files)
        for row in past[-config.max_past :]
    ]
    graph = graph_examples(
        catalog, split=none_held_out, limit=config.max_graph_examples, phrasings_each=config.phrasings
    )
    kept = collapse([*history, *graph])
    return Dataset(kept.rows, "history", kept.left_out)


def _train(
    shortlist: Shortlist,
    rows: Sequence[TrainingRow],
    *,
    base_model: Path,
    config: TrainingConfig,
    folder: Path,
    report: Report,
) -> TrainingLog:
    """
    Train the adapter and fit its module rows into *folder*; what the frozen layers say of a text is computed once.
    """
    catalog = shortlist.catalog
    model, tokenizer = open_backend(choose_backend(), base_model, config)
    lower = LowerStates(frozen_layers(model))
    untrained = LanguageModel(model.eval(), tokenizer)
    start = card_rows(untrained, catalog, memory={}, lower=lower, progress=stage_of(report, "module cards, untrained"))
    log = train_adapter(
        model.train(),
        tokenizer,
        rows,
        start=start,
        config=config,
        forward=open_forward(model, pad=untrained.end_token_id, lower=lower),
        progress=stage_of(report, "fine-tune"),
    )
    model.save_pretrained(folder / "adapter", safe_serialization=True, save_embedding_layers=False)
    del model, untrained
    past = shortlist.past[-config.max_encoded :]
    fitted = fit_rows(_merged(base_model, folder), catalog, past, memory={}, lower=lower, report=report)
    fitted.save(folder / "rows.safetensors")
    return log


def _merged(base_model: Path, folder: Path) -> LanguageModel:
    base = LanguageModel.load(base_model)
    merged = PeftModel.from_pretrained(base.model, folder / "adapter").merge_and_unload()
    return LanguageModel(merged.eval(), base.tokenizer)


def _key(rows: Sequence[TrainingRow], catalog: Catalog, base_model: Path, config: TrainingConfig) -> str:
    fitting = [PULL, VIEWS, VIEW_TOKENS]
    known = [weights_hash(base_model), config.to_json(), catalog.fingerprint, fitting]
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for row in rows:
        digest.update(json.dumps(asdict(row)).encode())
    return digest.hexdigest()[:16]


def _log_json(log: TrainingLog) -> dict[str, Any]:
    return {
        "steps": log.steps,
        "tokens": log.tokens,
        "training seconds": round(log.seconds, 1),
        "stopped by time": log.stopped_by_time,
    }
