"""
What a training costs and what it brings: plain PEFT against frozen layers whose output is kept, on equal rows.

    python -m tests.bench.bench_training OUT train --dataset DIR --catalog FILE --name plain --plain \
        --set frozen_share=0
    python -m tests.bench.bench_training OUT train --dataset DIR --catalog FILE --name kept --set frozen_share=0.8
    python -m tests.bench.bench_training OUT release --repo GIT_DIR --name NAME --preset minutes
    python -m tests.bench.bench_training OUT table

DIR is what `Dataset.save` wrote, FILE what `Catalog.save` wrote of its commit. Each training is a process of its own,
so that its memory is its own, too; OUT/run-NAME.json holds its figures. Only train and dev rows are read. "plain" pads
its batches and runs every layer at every step. Both take logits at answer tokens only, which flatters the plain one.
"release" is a whole training, from the repository to a release folder in OUT, with the seconds of each stage.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graph.values import Catalog
from inference.language_model import LanguageModel
from inference.packed import LowerStates, PaddedForward, open_forward
from inference.prompt import end_token_id, place_prompt
from inference.rows import ModuleRows
from training.backends import open_backend
from training.base_model import ensure_base_model
from training.batches import encode_row
from training.config import TrainingConfig, config_named
from training.dataset import Dataset, load_dataset
from training.encoder import ensure_encoder
from training.fitting import fit_rows
from training.metrics import bootstrap_interval, mcnemar
from training.mix import dev_rows, training_rows
from training.rows import card_rows
from training.run import train_release
from training.sft import frozen_layers, train_adapter

NO_LIMIT = 10**9


def main() -> None:
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.command == "table":
        print(table([json.loads(path.read_text()) for path in sorted(arguments.out.glob("run-*.json"))]))
        return
    if arguments.command == "release":
        found = release(arguments.repo, name=arguments.name, home=arguments.out, preset=arguments.preset)
        (arguments.out / f"release-{arguments.name}-{arguments.preset}.txt").write_text(found + "\n")
        print(found)
        return
    figures = train(
        load_dataset(arguments.dataset),
        Catalog.load(arguments.catalog),
        config=_config(arguments.set),
        examples=arguments.examples,
        plain=arguments.plain,
    )
    named = {"name": arguments.name, "settings": arguments.set, "examples": arguments.examples, **figures}
    (arguments.out / f"run-{arguments.name}.json").write_text(json.dumps(named, indent=1))
    print(table([named]))


def train(dataset: Dataset, catalog: Catalog, *, config: TrainingConfig, examples: int, plain: bool) -> dict[str, Any]:
    """
    Train one adapter and measure it on all dev rows of *dataset*, by its rows from cards and those fitted afterwards.

    Args:
        examples: Train rows of the dataset that are used, the first by hash.
    """
    model, tokenizer = open_backend("peft", ensure_base_model(None, models=Path(".demo/models")), config)
    train_rows = training_rows(tokenizer, _first(dataset, examples), catalog, config)
    encoded = [encode_row(tokenizer, row) for row in train_rows]
    lower = LowerStates(0 if plain else frozen_layers(model))
    pad = end_token_id(tokenizer)
    forward = PaddedForward(model, pad=pad) if plain else open_forward(model, pad=pad, lower=lower)
    start = card_rows(LanguageModel(model.eval(), tokenizer), catalog, memory={}, lower=lower)
    clock = _Clock()
    dev = dev_rows(tokenizer, dataset, catalog, config)
    log = train_adapter(model.train(), tokenizer, train_rows, start=start, config=config, dev=dev, forward=forward)
    trained = clock.lap()
    adapted = LanguageModel(model.eval(), tokenizer)
    past = [row.labelled for row in _first(dataset, examples).split("train") if row.origin != "graph"]
    rows = fit_rows(adapted, catalog, past, memory={}, lower=lower, report=lambda *_: None)
    fitted = clock.lap()
    return {
        "rows": len(train_rows),
        "tokens": sum(len(row.ids) for row in encoded),
        "tokens_seen": log.tokens,
        "steps": log.steps,
        "stopped_early": log.stopped_early,
        "threads": torch.get_num_threads(),
        "train": trained,
        "fit": fitted,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
        "dev": log.dev,
        "losses": log.losses[-3:],
        "hits": _hits(adapted, rows, dataset, catalog, lower=lower),
    }


def release(repository: Path, *, name: str, home: Path, preset: str) -> str:
    """
    Train a release of *repository* and give a table: seconds and CPU seconds from each stage's first report to the next
    stage's, then what the scorecard says.
    """
    models = home / "models"
    base, encoder = ensure_base_model(None, models=models), ensure_encoder(models)
    clock = _Clock()
    stages: list[tuple[str, float, float]] = []
    current = ["read the repository"]

    def report(stage: str, done: int, total: int, detail: str) -> None:
        if stage != current[0]:
            stages.append((current[0], *clock.lap()))
            print(_stage_line(stages[-1]), flush=True)  # a run that is cut off has told this much
            current[0] = stage

    trained = train_release(
        location=repository,
        name=name,
        home=home,
        base_model=base,
        encoder=encoder,
        config=config_named(preset),
        report=report,
    )
    stages.append((current[0], *clock.lap()))
    total = ("all", sum(cpu for _, cpu, _ in stages), sum(wall for _, _, wall in stages))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    rankers = {ranker: found["all"] for ranker, found in trained.scorecard["rankers"].items()}
    return "\n".join(
        [
            "| stage | wall s | CPU s |",
            "|---|---|---|",
            *map(_stage_line, (*stages, total)),
            f"Child processes: {children.ru_utime + children.ru_stime:.1f} CPU seconds. "
            f"Peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024} MB.",
            json.dumps(
                {"rankers": rankers, "dataset": trained.scorecard["dataset"], "rows": trained.scorecard["rows"]}
            ),
        ]
    )


def _stage_line(stage: tuple[str, float, float]) -> str:
    name, cpu, wall = stage
    return f"| {name} | {wall:.1f} | {cpu:.1f} |"


def table(runs: Sequence[dict[str, Any]]) -> str:
    """
    One line a run; hit@1 with its interval, and CPU seconds as a share of the plain run's.
    """
    lines = [
        "| run | rows | steps | CPU s to train | wall s | CPU s per 1,000 tokens | CPU s to fit | peak MB "
        "| hit@1 fitted rows | hit@1 cards | hit@1 both |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        hits = []
        for column in ("learned", "cards", "both"):
            low, high = bootstrap_interval(run["hits"][column])
            hits.append(f"{np.mean(run['hits'][column]):.3f} ({low:.3f}–{high:.3f})")
        cpu, wall = run["train"]
        lines.append(
            f"| {run['name']} | {run['rows']} | {run['steps']} | {cpu:.0f} | {wall:.0f} | "
            f"{1_000 * cpu / run['tokens_seen']:.2f} | {run['fit'][0]:.0f} | {run['peak_mb']} | {' | '.join(hits)} |"
        )
    plain = next((run for run in runs if run["name"].startswith("plain")), None)
    for run in runs:
        if plain is not None and run is not plain and len(run["hits"]["both"]) == len(plain["hits"]["both"]):
            saved = (plain["train"][0] / plain["tokens_seen"]) / (run["train"][0] / run["tokens_seen"])
            p = mcnemar(run["hits"]["both"], plain["hits"]["both"])
            lines.append(
                f"{run['name']}: {saved:.1f} times fewer CPU seconds a token than {plain['name']}; hits p = {p:.2f}"
            )
    return "\n".join(lines)


class _Clock:
    """
    CPU seconds of all threads, and seconds, since the last lap.
    """

    def __init__(self) -> None:
        self._last = self._now()

    def lap(self) -> tuple[float, float]:
        last, self._last = self._last, self._now()
        return (round(self._last[0] - last[0], 2), round(self._last[1] - last[1], 2))

    def _now(self) -> tuple[float, float]:
        return (time.process_time(), time.perf_counter())


def _hits(
    model: LanguageModel, rows: ModuleRows, dataset: Dataset, catalog: Catalog, *, lower: LowerStates
) -> dict[str, list[float]]:
    """
    1.0 or 0.0 for each dev row: by the fitted rows, by card rows, by the sum of both.
    """
    dev = dataset.split("dev")
    prompts = [place_prompt(model.tokenizer, repository=catalog.repository, requirement=row.requirement) for row in dev]
    found: dict[str, list[float]] = {"learned": [], "cards": [], "both": []}
    for row, state in zip(dev, model.hidden_in_batches(prompts, lower=lower), strict=True):
        features = rows.features(state)
        scores = {"learned": features[:, 0], "cards": features[:, 1], "both": features.sum(axis=1)}
        for name, values in scores.items():
            found[name].append(float(catalog.module_ids[int(np.argmax(values))] in row.modules))
    return found


def _first(dataset: Dataset, examples: int) -> Dataset:
    """
    The dataset with its first train rows of each origin, in the order of their ids; history and graph alike.
    """
    train_rows = sorted(dataset.split("train"), key=lambda row: row.id)
    step = max(1, -(-len(train_rows) // examples))
    kept = [row for row in dataset.examples if row.split != "train"]
    return replace(dataset, examples=(*train_rows[::step], *kept))


def _config(settings: Sequence[str]) -> TrainingConfig:
    """
    The full configuration without limits of time and tokens, and *settings* as "name=value" over it.
    """
    config = TrainingConfig(token_budget=NO_LIMIT, max_seconds=NO_LIMIT, patience=0, dev_checks=0, epochs=1)
    given = dict(setting.split("=", 1) for setting in settings)
    values: dict[str, Any] = {name: json.loads(value) for name, value in given.items()}
    if "target_modules" in values:
        values["target_modules"] = tuple(values["target_modules"])
    return replace(config, **values)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table")
    training = commands.add_parser("train")
    whole = commands.add_parser("release")
    whole.add_argument("--repo", type=Path, required=True)
    whole.add_argument("--name", required=True)
    whole.add_argument("--preset", default="minutes")
    training.add_argument("--dataset", type=Path, required=True)
    training.add_argument("--catalog", type=Path, required=True)
    training.add_argument("--name", required=True)
    training.add_argument("--examples", type=int, default=NO_LIMIT)
    training.add_argument("--plain", action="store_true")
    training.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
