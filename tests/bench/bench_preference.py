"""
Does a preference step help? One fine-tuned adapter, then votes, corrections, rewards, or plainly more fine-tuning.

    python -m tests.bench.bench_preference OUT sft --bench BENCH_FOLDER --repo GIT_DIR    # again until it says "done"
    python -m tests.bench.bench_preference OUT feedback                 # what the fine-tuned model puts first
    python -m tests.bench.bench_preference OUT kto|dpo|grpo|more [--rate R] [--steps N] [--as NAME]
    python -m tests.bench.bench_preference OUT ids|rows --of sft|NAME [--rows 200]
    python -m tests.bench.bench_preference OUT table

Feedback is simulated on past requirements that fine-tuning does not see: a vote says whether the fine-tuned model's
closed-book first module is true, a correction names the true one. The rows measured on are newer; they are dev rows of
the benchmark, never its test rows. "more" is the fair control: fine-tuning goes on with the true modules of the same
requirements as plain examples, as many steps and rows as KTO and DPO get. Every command takes minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from peft import set_peft_model_state_dict
from safetensors.torch import load_file

from graph.values import Catalog, PastRequirement
from inference.language_model import LanguageModel
from inference.prompt import place_prompt
from inference.ranker import best_first
from inference.trie import pack_trie
from training.backends import open_backend
from training.base_model import ensure_base_model
from training.batches import TrainingRow
from training.bench import index_given_modules
from training.bench_set import read_bench_set
from training.config import PreferenceConfig, TrainingConfig
from training.dataset import Dataset, Example, build_dataset, load_dataset
from training.fitting import fit_rows
from training.metrics import bootstrap_interval, hit_at_k, mcnemar
from training.mix import training_rows
from training.preference.step import prefer
from training.preference.votes import JudgedAnswer, load_judged, save_judged
from training.rows import card_rows
from training.sft import train_adapter

# History only, nearly all of it direct rows: closed-book ids are what preferences are about.
SFT = TrainingConfig(
    token_budget=140_000,
    epochs=1,
    max_seconds=640.0,
    checkpoint_steps=10,
    dev_checks=0,
    max_graph_examples=0,
    reasoning_share=0.1,
    ranking_share=0.15,
)
STEPS = ("kto", "dpo", "grpo", "more")
FEEDBACK = 96  # newest requirements that are voted on and corrected
ENCODED = 300  # past requirements that the module rows are fitted on
BASE = Path(".demo/models")


class PauseError(Exception):
    """The minutes of one command are over; the checkpoint holds what was done."""


def prepare(out: Path, bench_folder: Path, repository: Path) -> None:
    """
    Keep catalog and dataset: its dev rows will be the feedback, its test rows the (dev) rows measured on.
    """
    bench = read_bench_set(bench_folder)
    catalog = index_given_modules(bench, repository, cache=out / "cache")
    rows = [*bench.texts("train"), *bench.texts("dev")]
    history = [PastRequirement(row.id, row.date, row.text, row.modules, row.files, "") for row in rows]
    catalog.save(out / "catalog.json")
    kept = build_dataset(catalog, history, (), SFT).save(out / "datasets")
    (out / "dataset").write_text(kept.name)


def material(out: Path) -> tuple[Catalog, Dataset]:
    return Catalog.load(out / "catalog.json"), load_dataset(out / "datasets" / (out / "dataset").read_text())


def opened(out: Path, adapter: str | None) -> tuple[Any, Any]:
    model, tokenizer = open_backend("peft", ensure_base_model(None, models=BASE), SFT)
    if adapter is not None:
        set_peft_model_state_dict(model, load_file(out / adapter / "adapter_model.safetensors"))
    return model, tokenizer


def keep(out: Path, name: str, model: Any, about: dict[str, Any]) -> None:
    model.save_pretrained(out / name, safe_serialization=True, save_embedding_layers=False)
    (out / name / "about.json").write_text(json.dumps(about, indent=1))


def fine_tune(out: Path, *, minutes: float) -> None:
    """
    Train the one adapter that all others start from.
    """
    catalog, dataset = material(out)
    model, tokenizer = opened(out, None)
    began = time.monotonic()

    def watch(done: int, total: int, line: str) -> None:
        print(done, total, line, flush=True)
        if time.monotonic() - began > 60 * minutes:
            raise PauseError

    start = card_rows(LanguageModel(model.eval(), tokenizer), catalog, memory={})
    rows = training_rows(tokenizer, dataset, catalog, SFT)
    log = train_adapter(
        model.train(), tokenizer, rows, start=start, config=SFT, checkpoint=out / "checkpoint", progress=watch
    )
    keep(out, "sft", model, {"steps": log.steps, "tokens": log.tokens, "seconds": log.seconds, "rows": len(rows)})
    print("done", log.steps, log.tokens, log.seconds)


def closed_book(out: Path, adapter: str, examples: Sequence[Example], kept: Path) -> list[list[str]]:
    """
    Rank all modules by the exact probability of their ids; what *kept* holds already is not asked again.
    """
    known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    if len(known) >= len(examples):
        return known[: len(examples)]
    catalog, _ = material(out)
    model, tokenizer = opened(out, adapter)
    language_model = LanguageModel(model.eval().merge_and_unload(), tokenizer)
    trie = pack_trie(language_model.id_tokens(catalog.module_ids))
    with kept.open("a") as lines:
        for example in examples[len(known) :]:
            prompt = place_prompt(tokenizer, repository=catalog.repository, requirement=example.requirement)
            ranking = [catalog.module_ids[i] for i in best_first(language_model.score_ids(prompt, trie))]
            lines.write(json.dumps(ranking) + "\n")
            lines.flush()
            known.append(ranking)
    return known


def simulate(out: Path) -> None:
    """
    Ask the fine-tuned model the feedback rows and let their labels vote and correct.
    """
    _, dataset = material(out)
    rows = dataset.split("dev")[-FEEDBACK:]
    shown = [ranking[0] for ranking in closed_book(out, "sft", rows, out / "feedback.jsonl")]
    judged = [
        JudgedAnswer(row.id, row.requirement, first, first in row.modules, row.modules[0])
        for row, first in zip(rows, shown, strict=True)
    ]
    save_judged(out / "judged.jsonl", judged)
    print(f"{len(judged)} votes, {sum(row.good for row in judged)} of them good")


def learn(out: Path, method: str, *, name: str, config: PreferenceConfig) -> None:
    """
    Take one step from the fine-tuned adapter.
    """
    catalog, dataset = material(out)
    model, tokenizer = opened(out, "sft")
    feedback = Dataset(tuple(replace(row, split="train") for row in dataset.split("dev")[-FEEDBACK:]), dataset.held_out)
    began, used = time.monotonic(), time.process_time()
    if method == "more":
        about = _more(model, tokenizer, feedback, catalog, config)
    else:
        log = prefer(
            model,
            tokenizer,
            dataset=feedback,
            catalog=catalog,
            judged=load_judged(out / "judged.jsonl"),
            config=config,
            progress=lambda done, total, line: print(done, total, line, flush=True),
        )
        about = log.to_json() if log else {}
    about |= {"config": asdict(config), "cpu": time.process_time() - used, "wall": time.monotonic() - began}
    keep(out, name, model, about)
    print(name, {key: about[key] for key in ("steps", "cpu", "wall")}, about.get("kept", ""))


def _more(model: Any, tokenizer: Any, feedback: Dataset, catalog: Catalog, config: PreferenceConfig) -> dict[str, Any]:
    """
    Fine-tune on, with a fresh schedule, on the same requirements.
    """
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    passes = -(-config.steps * config.batch_rows // len(feedback.examples))
    rows = [
        TrainingRow(
            place_prompt(tokenizer, repository=catalog.repository, requirement=row.requirement),
            row.modules[0],
            tuple(place[module] for module in row.modules[:3]),
        )
        for row in feedback.examples
    ]
    longer = replace(
        SFT, epochs=passes, token_budget=10**9, learning_rate=config.learning_rate, batch_rows=config.batch_rows
    )
    start = card_rows(LanguageModel(model.eval(), tokenizer), catalog, memory={})
    log = train_adapter(
        model.train(),
        tokenizer,
        rows,
        start=start,
        config=longer,
        progress=lambda done, total, line: print(done, total, line, flush=True),
    )
    return {"steps": log.steps}


def measure_ids(out: Path, name: str, *, rows: int) -> None:
    """
    Closed-book ids of one adapter on the newest rows.
    """
    _, dataset = material(out)
    examples = dataset.split("test")[::-1][:rows]
    used = time.process_time()
    rankings = closed_book(out, name, examples, out / name / "closed-book.jsonl")
    hits = {f"closed-book hit@{k}": _hits(rankings, examples, k) for k in (1, 3)}
    _write_hits(out / name / "ids-hits.json", hits, used)


def measure_rows(out: Path, name: str, *, rows: int) -> None:
    """
    Module rows of one adapter, fitted as in every release, only on fewer past requirements.
    """
    catalog, dataset = material(out)
    examples = dataset.split("test")[::-1][:rows]
    used = time.process_time()
    model, tokenizer = opened(out, name)
    language_model = LanguageModel(model.eval().merge_and_unload(), tokenizer)
    past = [e.labelled for e in dataset.split("train")][-ENCODED:]
    fitted = fit_rows(language_model, catalog, past, memory={}, report=lambda *_: None)
    prompts = [place_prompt(tokenizer, repository=catalog.repository, requirement=e.requirement) for e in examples]
    rankings = [
        [catalog.module_ids[i] for i in best_first(fitted.features(state)[:, 0])]
        for state in language_model.hidden_in_batches(prompts)
    ]
    _write_hits(out / name / "rows-hits.json", {"rows hit@1": _hits(rankings, examples, 1)}, used)


def _hits(rankings: Sequence[Sequence[str]], examples: Sequence[Example], k: int) -> list[float]:
    return [hit_at_k(ranking, e.modules, k) for ranking, e in zip(rankings, examples, strict=True)]


def _write_hits(path: Path, hits: dict[str, list[float]], used: float) -> None:
    path.write_text(json.dumps(hits))
    means = {key: round(sum(values) / len(values), 3) for key, values in hits.items()}
    print(path.parent.name, means, f"{time.process_time() - used:.0f} s")


def table(out: Path) -> None:
    """
    Print every measured adapter beside the fine-tuned one.
    """
    first = _measured(out / "sft")
    for folder in sorted({path.parent for path in out.glob("*/*-hits.json")}, key=lambda f: (f.name != "sft", f.name)):
        about = json.loads((folder / "about.json").read_text())
        cells = []
        for key, values in _measured(folder).items():
            low, high = bootstrap_interval(values)
            p = mcnemar(values, first[key])
            cells.append(f"{key} {sum(values) / len(values):.3f} ({low:.2f}-{high:.2f}, n {len(values)}, p {p:.2f})")
        print(f"{folder.name}: {'; '.join(cells)}; steps {about['steps']}, cpu {about.get('cpu', 0):.0f} s")


def _measured(folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for path in sorted(folder.glob("*-hits.json")):
        found |= json.loads(path.read_text())
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("stage", choices=("sft", "feedback", *STEPS, "ids", "rows", "table"))
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--repo", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--rate", type=float, default=PreferenceConfig().learning_rate)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--reasoning", type=float, default=0.0)
    parser.add_argument("--as", dest="name")
    parser.add_argument("--of", default="sft")
    parser.add_argument("--rows", type=int, default=200)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    out: Path = chosen.out
    if chosen.stage == "sft":
        if not (out / "dataset").exists():
            prepare(out, chosen.bench, chosen.repo)
        fine_tune(out, minutes=chosen.minutes)
    elif chosen.stage == "feedback":
        simulate(out)
    elif chosen.stage == "ids":
        measure_ids(out, chosen.of, rows=chosen.rows)
    elif chosen.stage == "rows":
        measure_rows(out, chosen.of, rows=chosen.rows)
    elif chosen.stage == "table":
        table(out)
    else:
        config = PreferenceConfig(
            method="none" if chosen.stage == "more" else chosen.stage,
            learning_rate=chosen.rate,
            steps=chosen.steps,
            grpo_reasoning_share=chosen.reasoning,
        )
        learn(out, chosen.stage, name=chosen.name or chosen.stage, config=config)


if __name__ == "__main__":
    main()
