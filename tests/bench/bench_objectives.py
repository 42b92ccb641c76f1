"""
What is worth training? Direct and chain-of-thought rows in three mixes, each objective alone and both, an early end.

    python -m tests.bench.bench_objectives OUT run --dataset DIR --catalog FILE [--only NAME …]
    python -m tests.bench.bench_objectives OUT table

DIR is what `Dataset.save` wrote, FILE what `Catalog.save` wrote of its commit. Every run sees the same number of tokens
and is measured on the same dev rows; OUT/NAME.json holds its figures, and a run that is there is not repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graph.values import Catalog
from inference.evidence import EvidenceIndex
from inference.language_model import LanguageModel
from inference.packed import LowerStates, open_forward
from inference.prompt import MODULE_LINE, end_token_id, explain_prompt, place_prompt
from inference.trie import pack_trie
from inference.verifier import Verifier
from training.backends import open_backend
from training.base_model import ensure_base_model
from training.config import TrainingConfig
from training.dataset import Dataset, Example, load_dataset
from training.fitting import fit_rows, shortlist_texts
from training.metrics import bootstrap_interval, mcnemar
from training.mix import dev_rows, training_rows
from training.rows import card_rows
from training.sft import frozen_layers, train_adapter

BASE = TrainingConfig(token_budget=16_000, epochs=2, dev_checks=0, max_seconds=10**9, max_encoded=500)
RUNS: dict[str, TrainingConfig] = {
    "joint, direct:CoT 1:1": BASE,
    "joint, direct:CoT 1:0": replace(BASE, reasoning_share=0.0),
    "joint, direct:CoT 0:1": replace(BASE, reasoning_share=1.0),
    "generative alone, 1:1": replace(BASE, ranking_share=0.0, rank_weight=0.0),
    "ranking alone": replace(BASE, ranking_share=1.0),
    "joint 1:1, early end": replace(BASE, dev_checks=8, patience=2),
}
FIRST = "joint, direct:CoT 1:1"


def run(dataset: Dataset, catalog: Catalog, *, config: TrainingConfig, rows: int, reasons: int) -> dict[str, Any]:
    """
    Train one adapter, and measure it on the first *rows* dev rows by hash, its reasoning on the first *reasons*.
    """
    began = time.perf_counter()
    base, tokenizer = open_backend("peft", ensure_base_model(None, models=Path(".demo/models")), config)
    lower = LowerStates(frozen_layers(base))
    forward = open_forward(base, pad=end_token_id(tokenizer), lower=lower)
    start = card_rows(LanguageModel(base.eval(), tokenizer), catalog, memory={}, lower=lower)
    log = train_adapter(
        base.train(),
        tokenizer,
        training_rows(tokenizer, dataset, catalog, config),
        start=start,
        config=config,
        dev=dev_rows(tokenizer, dataset, catalog, config),
        forward=forward,
    )
    model = LanguageModel(base.eval(), tokenizer)
    past = shortlist_texts(dataset)[-config.max_encoded :]
    fitted = fit_rows(model, catalog, past, memory={}, lower=lower, report=lambda *_: None)
    dev = sorted(dataset.split("dev"), key=lambda row: hashlib.sha256(row.id.encode()).hexdigest())[:rows]
    prompts = [place_prompt(tokenizer, repository=catalog.repository, requirement=row.requirement) for row in dev]
    features = [fitted.features(state) for state in model.hidden_in_batches(prompts, lower=lower)]
    ids = catalog.module_ids
    trie = pack_trie(model.id_tokens(ids))
    scores = {
        "learned rows": [columns[:, 0] for columns in features],
        "card rows": [columns[:, 1] for columns in features],
        "closed-book ids": [model.score_ids(prompt, trie) for prompt in prompts],
    }
    generates = config.reasoning_share > 0.0 and config.ranking_share < 1.0
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "trained_s": round(log.seconds, 1),
        "tokens": log.tokens,
        "steps": log.steps,
        "stopped_early": log.stopped_early,
        "hits": {
            name: [float(ids[int(np.argmax(each))] in row.modules) for each, row in zip(found, dev, strict=True)]
            for name, found in scores.items()
        },
        "reasons": reasoning(model, catalog, dev[:reasons]) if generates else None,
    }


def reasoning(model: LanguageModel, catalog: Catalog, rows: Sequence[Example]) -> dict[str, float]:
    """
    Let the model say why, as it is served, and count what survives the check against the graph.

    Returns:
        {"asked", "survived": share of texts of which a sentence is left, "named": share that end by naming the module}.
    """
    index, verifier = EvidenceIndex(catalog), Verifier(catalog)
    survived, named, asked = 0, 0, 0
    for row in rows:
        module = row.modules[0]
        evidence = index.gather(row.requirement, module)
        if not evidence:
            continue
        prompt = explain_prompt(
            model.tokenizer,
            repository=catalog.repository,
            requirement=row.requirement,
            module=module,
            evidence=[item.text for item in evidence],
        )
        text = model.generate(prompt)
        asked += 1
        survived += bool(verifier.keep_true(text, requirement=row.requirement, module=module, evidence=evidence))
        named += text.rstrip().endswith(f"\n{MODULE_LINE}{module}")
    return {"asked": asked, "survived": survived / max(asked, 1), "named": named / max(asked, 1)}


def table(runs: dict[str, dict[str, Any]]) -> str:
    """
    One line a run: hit@1 with its interval, and the paired test against the first run.
    """
    columns = ("learned rows", "card rows", "closed-book ids")
    lines = [
        "| run | steps | tokens | learned rows @1 (95 %), p | card rows | closed-book ids | reasons left | names it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in runs.items():
        cells = []
        for column in columns:
            hits = figures["hits"][column]
            low, high = bootstrap_interval(hits)
            p = f", {mcnemar(hits, runs[FIRST]['hits'][column]):.2f}" if FIRST in runs and name != FIRST else ""
            cells.append(f"{np.mean(hits):.3f} ({low:.2f}-{high:.2f}){p}")
        said = figures["reasons"]
        reasons = [f"{said['survived']:.0%} of {said['asked']}", f"{said['named']:.0%}"] if said else ["-", "-"]
        early = ", ended early" if figures["stopped_early"] else ""
        lines.append(
            f"| {name} | {figures['steps']}{early} | {figures['tokens']:,} | {' | '.join([*cells, *reasons])} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table")
    running = commands.add_parser("run")
    running.add_argument("--dataset", type=Path, required=True)
    running.add_argument("--catalog", type=Path, required=True)
    running.add_argument("--only", nargs="*", default=list(RUNS), choices=list(RUNS), metavar="NAME")
    running.add_argument("--tokens", type=int, default=BASE.token_budget)
    running.add_argument("--rows", type=int, default=150)
    running.add_argument("--reasons", type=int, default=20)
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.command == "run":
        dataset, catalog = load_dataset(chosen.dataset), Catalog.load(chosen.catalog)
        for name in chosen.only:
            config = replace(RUNS[name], token_budget=chosen.tokens)
            kept = _file(chosen.out, name)
            if not kept.exists():
                found = run(dataset, catalog, config=config, rows=chosen.rows, reasons=chosen.reasons)
                kept.write_text(json.dumps({"config": config.to_json(), **found}))
            print(table({name: json.loads(kept.read_text())}), flush=True)
        return
    kept_runs = {name: _file(chosen.out, name) for name in RUNS if _file(chosen.out, name).exists()}
    print(table({name: json.loads(file.read_text()) for name, file in kept_runs.items()}))


def _file(out: Path, name: str) -> Path:
    return out / f"{''.join(c if c.isalnum() else '-' for c in name)}.json"


if __name__ == "__main__":
    main()
