"""
What the three ways of scoring cost beside one plain forward pass of the same prompt, in CPU seconds.

    python -m tests.bench.bench_scorers .demo/models/smollm2-135m-instruct

Rows (a) and candidates (c) are one forward pass and little more, whatever the number of modules; closed-book ids (b)
grow with the ids. Medians of several runs; weights make no difference to time, so the base model will do.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from graph.values import Catalog, ModuleCard
from inference.language_model import LanguageModel
from inference.rows import ModuleRows
from inference.scorers import CandidateScorer, IdScorer, RowScorer

ASKED = "Instructions at a roundabout exit say 'turn slight right', and the German exit number is wrong"
PARTS = ("core", "web", "routing", "storage", "util", "reader", "navigation", "weighting", "resources", "parsers")


def catalog_of(count: int) -> Catalog:
    """
    Make a catalog of *count* modules with ids as repositories have them: a few levels of common words.
    """
    ids = [f"{PARTS[i % 10]}/{PARTS[i // 10 % 10]}/{PARTS[i // 100 % 10]}{i // 1000 or ''}" for i in range(count)]
    purpose = "Computes what the roads of a map cost."
    cards = tuple(ModuleCard(id, id, id, purpose, (f"{id}/a.py",), ("Way", "Cost")) for id in ids)
    return Catalog("bench", "c" * 40, cards, ())


def seconds(work: Callable[[], object], runs: int) -> float:
    """
    Give the median CPU seconds of *work*.
    """
    work()
    took = []
    for _ in range(runs):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return statistics.median(took)


@torch.inference_mode()
def plain(model: LanguageModel, prompt: str) -> object:
    """
    One forward pass of a prompt with the logits of its last token: the floor.
    """
    ids = model.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    return model.model(input_ids=ids, use_cache=False, logits_to_keep=1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--ids", type=int, nargs="*", default=[50, 150, 300, 1_000])
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model = LanguageModel.load(chosen.model, device="cpu")
    size = model.model.config.hidden_size
    print("| way | ids | prompt tokens | CPU seconds | beside one plain forward |\n|---|---|---|---|---|")
    for count in chosen.ids:
        catalog = catalog_of(count)
        cards = np.random.default_rng(0).normal(size=(count, size)).astype(np.float32)
        flat = np.zeros(count, dtype=np.float32)
        rows = ModuleRows(cards[0], np.ones(1, dtype=np.float32), cards, cards, flat, flat + 1)
        ways = {"a rows": RowScorer(model, catalog, rows), "b closed-book ids": IdScorer(model, catalog)}
        ways["c candidates"] = CandidateScorer(model, catalog)
        for name, scorer in ways.items():
            prompt = scorer.prompt(ASKED, range(count))
            floor = seconds(lambda prompt=prompt: plain(model, prompt), chosen.runs)
            runs = chosen.runs if name[0] != "b" or count < 300 else 3
            took = seconds(lambda scorer=scorer, count=count: scorer.scores(ASKED, range(count)), runs)
            tokens = len(model.tokenizer(prompt)["input_ids"])
            print(f"| {name} | {count} | {tokens} | {took:.2f} | {took / floor:.2f}× |", flush=True)


if __name__ == "__main__":
    main()
