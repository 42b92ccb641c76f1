"""
What is worth training? Direct and chain-of-thought rows in three mixes, each objective alone and both, an early end.

    python -m tests.bench.bench_objectives OUT train --dataset DIR --catalog FILE
    python -m tests.bench.bench_objectives OUT say --dataset DIR --catalog FILE
    python -m tests.bench.bench_objectives OUT table

DIR is what `Dataset.save` wrote, FILE what `Catalog.save` wrote of its commit. Every run sees the same number of tokens
and is measured on the same dev rows: `train` by its rows, `say` by the ids and the reasons it says itself, which takes
longer. What is in OUT already is not repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from graph.values import Catalog
from inference.evidence import EvidenceIndex
from inference.language_model import LanguageModel
from inference.packed import LowerStates, open_forward
from inference.prompt import MODULE_LINE, end_token_id, explain_prompt, place_prompt
from inference.rows import ModuleRows
from inference.trie import pack_trie
from inference.verifier import Verifier
from training.backends import open_backend
from training.base_model import ensure_base_model
from training.config import TrainingConfig, minutes_config
from training.dataset import Dataset, Example, load_dataset
from training.fitting import fit_rows, shortlist_texts
from training.metrics import bootstrap_interval, mcnemar
from training.mix import dev_rows, training_rows
from training.rows import card_rows
from training.sft import frozen_layers, train_adapter

BASE = replace(minutes_config(), token_budget=60_000, epochs=1, dev_checks=0, max_seconds=10**9, max_encoded=500)
RUNS: dict[str, TrainingConfig] = {
    "joint, direct:CoT 1:1": BASE,
    "generative alone, 1:1": replace(BASE, ranking_share=0.0, rank_weight=0.0),
    "ranking alone": replace(BASE, ranking_share=1.0),
    "joint, direct:CoT 1:0": replace(BASE, reasoning_share=0.0),
    "joint, direct:CoT 0:1": replace(BASE, reasoning_share=1.0),
    "joint 1:1, early end": replace(BASE, dev_checks=8, patience=2),
}
FIRST = "joint, direct:CoT 1:1"
COLUMNS = ("learned rows", "card rows", "closed-book ids")


@dataclass
class Bench:
    """
    What all runs share: the rows, the base model's folder, and what its frozen layers said.
    """

    dataset: Dataset
    catalog: Catalog
    rows: int
    reasons: int
    base: Path
    lower: LowerStates | None = None
    start: ModuleRows | None = None

    @property
    def dev(self) -> list[Example]:
        """
        The first dev rows by hash.
        """
        return sorted(self.dataset.split("dev"), key=lambda row: hashlib.sha256(row.id.encode()).hexdigest())[
            : self.rows
        ]

    def prompts(self, tokenizer: Any) -> list[str]:
        repository = self.catalog.repository
        return [place_prompt(tokenizer, repository=repository, requirement=row.requirement) for row in self.dev]

    def hits(self, scores: Sequence[Any]) -> list[float]:
        ids = self.catalog.module_ids
        return [float(ids[int(np.argmax(one))] in row.modules) for one, row in zip(scores, self.dev, strict=True)]

    def train(self, config: TrainingConfig, adapter: Path) -> dict[str, Any]:
        """
        Train one adapter, keep it, and rank the dev rows by the rows it gives.
        """
        base, tokenizer = open_backend("peft", self.base, config)
        if self.lower is None:
            self.lower = LowerStates(frozen_layers(base))
        untrained = LanguageModel(base.eval(), tokenizer)
        if self.start is None:
            self.start = card_rows(untrained, self.catalog, memory={}, lower=self.lower)
        log = train_adapter(
            base.train(),
            tokenizer,
            training_rows(tokenizer, self.dataset, self.catalog, config),
            start=self.start,
            config=config,
            dev=dev_rows(tokenizer, self.dataset, self.catalog, config),
            forward=open_forward(base, pad=end_token_id(tokenizer), lower=self.lower),
        )
        base.save_pretrained(adapter, safe_serialization=True, save_embedding_layers=False)
        model = LanguageModel(base.eval(), tokenizer)
        past = shortlist_texts(self.dataset)[-config.max_encoded :]
        fitted = fit_rows(model, self.catalog, past, memory={}, lower=self.lower, report=lambda *_: None)
        states = model.hidden_in_batches(self.prompts(tokenizer), lower=self.lower)
        features = [fitted.features(state) for state in states]
        return {
            "config": config.to_json(),
            "seconds": round(log.seconds, 1),
            "tokens": log.tokens,
            "steps": log.steps,
            "stopped_early": log.stopped_early,
            "hits": {name: self.hits([columns[:, i] for columns in features]) for i, name in enumerate(COLUMNS[:2])},
        }

    def say(self, config: TrainingConfig, adapter: Path) -> dict[str, Any]:
        """
        Let a kept adapter say ids, scored exactly, and reasons where it learned to give some.
        """
        tokenizer = AutoTokenizer.from_pretrained(self.base, local_files_only=True)
        base = AutoModelForCausalLM.from_pretrained(self.base, local_files_only=True)
        merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
        model = LanguageModel(merged.eval(), tokenizer)
        trie = pack_trie(model.id_tokens(self.catalog.module_ids))
        scores = [model.score_ids(prompt, trie) for prompt in self.prompts(tokenizer)]
        reasons = config.reasoning_share > 0.0 and config.ranking_share < 1.0
        return {
            "hits": {COLUMNS[2]: self.hits(scores)},
            "reasons": reasoning(model, self.catalog, self.dev[: self.reasons]) if reasons else None,
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


def table(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """
    One line a run: hit@1 with its interval, and the paired test against the first run.
    """
    lines = [
        "| run | steps | tokens | learned rows @1 (95 %), p | card rows | closed-book ids | reasons left | names it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in runs.items():
        cells = [_cell(figures, None if name == FIRST else runs.get(FIRST), column) for column in COLUMNS]
        said = figures.get("reasons")
        cells += [f"{said['survived']:.0%} of {said['asked']}", f"{said['named']:.0%}"] if said else ["-", "-"]
        early = ", ended early" if figures["stopped_early"] else ""
        lines.append(f"| {name} | {figures['steps']}{early} | {figures['tokens']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figures: Mapping[str, Any], first: Mapping[str, Any] | None, column: str) -> str:
    hits = figures["hits"].get(column)
    if hits is None:
        return "-"
    low, high = bootstrap_interval(hits)
    other = first["hits"].get(column) if first is not None else None
    p = f", {mcnemar(hits, other):.2f}" if other is not None else ""
    return f"{np.mean(hits):.3f} ({low:.2f}-{high:.2f}){p}"


def read(out: Path) -> dict[str, dict[str, Any]]:
    """
    All figures that are there, by run.
    """
    found = {}
    for name in RUNS:
        trained, said = (_file(out, name, part) for part in ("train", "say"))
        if trained.exists():
            found[name] = json.loads(trained.read_text())
            if said.exists():
                more = json.loads(said.read_text())
                found[name]["hits"] |= more["hits"]
                found[name]["reasons"] = more["reasons"]
    return found


def _file(out: Path, name: str, part: str) -> Path:
    return out / f"{''.join(c if c.isalnum() else '-' for c in name)}.{part}.json"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table")
    for command in ("train", "say"):
        running = commands.add_parser(command)
        running.add_argument("--dataset", type=Path, required=True)
        running.add_argument("--catalog", type=Path, required=True)
        running.add_argument("--tokens", type=int, default=BASE.token_budget)
        running.add_argument("--rows", type=int, default=150)
        running.add_argument("--reasons", type=int, default=20)
    chosen = parser.parse_args(arguments)
    if chosen.command != "table":
        chosen.out.mkdir(parents=True, exist_ok=True)
        bench = Bench(
            load_dataset(chosen.dataset),
            Catalog.load(chosen.catalog),
            rows=chosen.rows,
            reasons=chosen.reasons,
            base=ensure_base_model(None, models=Path(".demo/models")),
        )
        parts: dict[str, Callable[[TrainingConfig, Path], dict[str, Any]]] = {"train": bench.train, "say": bench.say}
        for name, config in RUNS.items():
            kept = _file(chosen.out, name, chosen.command)
            adapter = kept.with_suffix("").with_suffix("")
            if not kept.exists() and (chosen.command == "train" or adapter.is_dir()):
                found = parts[chosen.command](replace(config, token_budget=chosen.tokens), adapter)
                kept.write_text(json.dumps(found))
                print(f"{name}: {chosen.command}", flush=True)
    print(table(read(chosen.out)))


if __name__ == "__main__":
    main()
