"""
Closed book: which module, from what was learned of requirement texts alone, without any code beside the question?

    python -m tests.bench.bench_closed_book OUT words|vectors|rows|ids --set FOLDER --repo GIT_DIR
    python -m tests.bench.bench_closed_book OUT table --set FOLDER                      # dev
    python -m tests.bench.bench_closed_book OUT table --set FOLDER --split test

FOLDER is what `training.article_set` wrote. "words" is the linear classifier without the code's own texts, "vectors" a
softmax regression on the shipped sentence encoder, "rows" an adapter that learned to rank only, with module rows fitted
on its states, "ids" one that learned to say the id only, scored exactly by the trie. The table adds sums of their
log-probabilities. Scores of dev and test rows are kept in OUT, one file a way, so that the table needs no model.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graph.values import Catalog
from inference.classifier import TextClassifier
from inference.embedding import TextEncoder
from inference.labelled import LabelledText, known_only
from inference.language_model import LanguageModel
from inference.packed import LowerStates, open_forward
from inference.prompt import end_token_id, place_prompt
from inference.rows import measure_states, unit
from inference.scorers import IdScorer
from training.backends import open_backend
from training.base_model import ensure_base_model
from training.batches import TrainingRow, encode_row
from training.bench import index_given_modules
from training.bench_set import BenchSet, read_bench_set
from training.config import TrainingConfig, minutes_config
from training.encoder import ensure_encoder
from training.metrics import bootstrap_interval
from training.rows import card_rows, fit_learned_rows
from training.sft import frozen_layers, train_adapter

Floats = npt.NDArray[np.float32]
SPLITS = ("dev", "test")
SUMS = (("words", "vectors"), ("words", "rows"), ("words", "vectors", "rows"), ("words", "vectors", "rows", "ids"))
MODELS = Path(".demo/models")
Scores = dict[str, Floats]


def words(past: Sequence[LabelledText], bench: BenchSet, catalog: Catalog) -> Scores:
    """
    Ridge regression on words and character n-grams of the train texts alone.
    """
    classifier = TextClassifier.fit(past)
    assert classifier is not None
    places = [catalog.module_ids.index(module) for module in classifier.module_ids]
    found = {}
    for split in SPLITS:
        scores = np.full((len(bench.texts(split)), len(catalog.module_ids)), -1.0, dtype=np.float32)
        for i, row in enumerate(bench.texts(split)):
            scores[i, places] = classifier.scores(row.text)
        found[split] = _log_softmax(scores * 8.0)  # about the scale at which they are probabilities
    return found


def vectors(past: Sequence[LabelledText], bench: BenchSet, catalog: Catalog) -> Scores:
    """
    Softmax regression on the sentence vectors of the train texts.
    """
    encoder = TextEncoder.load(ensure_encoder(MODELS))
    states = {split: encoder.encode([row.text for row in bench.texts(split)]) for split in SPLITS}
    return _softmax_regression(encoder.encode([row.text for row in past]), past, states, catalog)


def rows(past: Sequence[LabelledText], bench: BenchSet, catalog: Catalog, config: TrainingConfig) -> Scores:
    """
    Softmax regression on the last hidden states of an adapter that learned to rank the train texts.
    """
    model, lower = _train(past, catalog, replace(config, ranking_share=1.0), answers=False)

    def states(texts: Sequence[LabelledText]) -> Floats:
        prompts = [place_prompt(model.tokenizer, repository=catalog.repository, requirement=row.text) for row in texts]
        return model.hidden_in_batches(prompts, lower=lower)

    return _softmax_regression(states(past), past, {split: states(bench.texts(split)) for split in SPLITS}, catalog)


def ids(past: Sequence[LabelledText], bench: BenchSet, catalog: Catalog, config: TrainingConfig) -> Scores:
    """
    Log-probability of every id by an adapter that learned to say it: the published way.
    """
    model, _ = _train(past, catalog, replace(config, ranking_share=0.0, rank_weight=0.0), answers=True)
    scorer = IdScorer(model, catalog)
    return {
        split: _log_softmax(np.stack([scorer.scores(row.text, ()) for row in bench.texts(split)])) for split in SPLITS
    }


def _train(
    past: Sequence[LabelledText], catalog: Catalog, config: TrainingConfig, *, answers: bool
) -> tuple[LanguageModel, LowerStates]:
    base, tokenizer = open_backend("peft", ensure_base_model(None, models=MODELS), config)
    lower = LowerStates(frozen_layers(base))
    start = card_rows(LanguageModel(base.eval(), tokenizer), catalog, memory={}, lower=lower)
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    training = [
        TrainingRow(
            place_prompt(tokenizer, repository=catalog.repository, requirement=row.text),
            row.modules[0] if answers else "",
            tuple(place[module] for module in row.modules),
        )
        for row in past
    ]
    tokens = sum(len(encode_row(tokenizer, row).ids) for row in training)
    print(f"{len(training)} rows, {tokens:,} tokens, {config.epochs} passes", flush=True)
    began = told = time.monotonic()

    def progress(done: int, total: int, line: str) -> None:
        nonlocal told
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"{told - began:.0f} s: {done} of {total}  {line}", flush=True)

    log = train_adapter(
        base.train(),
        tokenizer,
        training,
        start=start,
        config=config,
        forward=open_forward(base, pad=end_token_id(tokenizer), lower=lower),
        progress=progress,
    )
    print(f"trained: {log.steps} steps, {log.tokens:,} tokens, {log.seconds:.0f} s", flush=True)
    return LanguageModel(base.eval(), tokenizer), lower


def _softmax_regression(states: Floats, past: Sequence[LabelledText], asked: Scores, catalog: Catalog) -> Scores:
    centre, scale = measure_states(states)
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    labels = [tuple(place[module] for module in row.modules) for row in past]
    learned = fit_learned_rows((unit(states) - centre) * scale, labels, modules=len(place))
    found = {}
    for split, given in asked.items():
        scores = (unit(given) - centre) * scale @ learned.weights.T + learned.bias
        found[split] = _log_softmax(np.where(learned.known, scores, scores.min() - 5.0).astype(np.float32))
    return found


def _log_softmax(scores: Floats) -> Floats:
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def table(folder: Path, bench: BenchSet, split: str) -> str:
    """
    One line for each way and each sum: hit@1 with its interval, hit@3.
    """
    kept = {path.stem: np.load(path) for path in sorted(folder.glob("*.npz"))}
    lines = ["| closed book | n | hit@1 (95 %) | hit@3 |", "|---|---|---|---|"]
    sums = [parts for parts in SUMS if all(part in kept for part in parts)]
    for parts in [*((name,) for name in kept), *sums]:
        module_ids = list(kept[parts[0]]["modules"])
        order = np.argsort(-sum(kept[part][split] for part in parts), axis=1, kind="stable")[:, :3]
        hits = [
            [module_ids[at] in row.modules for at in best] for best, row in zip(order, bench.texts(split), strict=True)
        ]
        first = [float(hit[0]) for hit in hits]
        low, high = bootstrap_interval(first)
        three = np.mean([any(hit) for hit in hits])
        lines.append(
            f"| {' + '.join(parts)} | {len(hits)} | {np.mean(first):.3f} ({low:.2f}-{high:.2f}) | {three:.3f} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run one way, or print the table.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("way", choices=("words", "vectors", "rows", "ids", "table"))
    parser.add_argument("--set", type=Path, required=True)
    parser.add_argument("--repo", type=Path)
    parser.add_argument("--split", choices=SPLITS, default="dev")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=900.0, help="time limit of an adapter's training")
    parser.add_argument("--most", type=int, default=100_000, help="train texts, at most")
    parser.add_argument("--first", action="store_true", help="only the first phrasing of each symbol")
    chosen = parser.parse_args(arguments)
    bench = read_bench_set(chosen.set)
    if chosen.way == "table":
        print(table(chosen.out, bench, chosen.split))
        return
    if chosen.repo is None:
        parser.error("--repo is needed to learn anything: the git directory of the set.")
    chosen.out.mkdir(parents=True, exist_ok=True)
    catalog = index_given_modules(bench, chosen.repo, cache=chosen.out)
    past = known_only(bench.texts("train"), catalog)
    past = tuple(row for row in past if not (chosen.first and "~" in row.id))[: chosen.most]
    config = replace(
        minutes_config(), epochs=chosen.passes, token_budget=10**9, max_seconds=chosen.seconds, dev_checks=0
    )
    ways: dict[str, Callable[[], Scores]] = {
        "words": lambda: words(past, bench, catalog),
        "vectors": lambda: vectors(past, bench, catalog),
        "rows": lambda: rows(past, bench, catalog, config),
        "ids": lambda: ids(past, bench, catalog, config),
    }
    scores = ways[chosen.way]()
    np.savez(chosen.out / f"{chosen.way}.npz", modules=np.array(catalog.module_ids), **scores)
    print(table(chosen.out, bench, "dev"))


if __name__ == "__main__":
    main()
