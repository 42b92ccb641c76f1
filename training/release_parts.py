"""
What lies in the folder of a release, and where it comes from.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.values import Catalog, write_atomically
from inference.labelled import LabelledText, known_only, save_labelled
from inference.packed import LowerStates
from inference.ranker import Ranker
from inference.release import hash_file
from inference.reranker import SHIPPED
from inference.rows import ModuleRows
from inference.shortlist import NETWORK, Shortlist
from training.collapse import collapse
from training.corpus import Corpus, Report, stage_of
from training.dataset import Dataset, settled_corrections
from training.origins import corrected_examples, history_examples
from training.preference.step import PreferenceLog
from training.rows import card_rows
from training.sft import TrainingLog

Floats = npt.NDArray[np.float32]


def deployed_rows(
    ranker: Ranker, catalog: Catalog, *, memory: dict[str, Floats], lower: LowerStates, report: Report
) -> ModuleRows:
    """
    Carry the module rows over to the newest catalog: cards encoded again where the catalog differs, learned rows by id.
    """
    if catalog.fingerprint == ranker.catalog.fingerprint:
        return ranker.rows
    cards = card_rows(
        ranker.model, catalog, memory=memory, lower=lower, progress=stage_of(report, "module cards as of now")
    ).cards
    place = {module: i for i, module in enumerate(ranker.catalog.module_ids)}
    size = cards.shape[1]
    learned = np.zeros((len(catalog.modules), size), dtype=np.float32)
    bias, known = np.zeros(len(learned), dtype=np.float32), np.zeros(len(learned), dtype=np.float32)
    for row, module in enumerate(catalog.module_ids):
        if module in place:
            at = place[module]
            learned[row], bias[row], known[row] = (
                ranker.rows.learned[at],
                ranker.rows.bias[at],
                ranker.rows.known[at],
            )
    return replace(ranker.rows, cards=cards, learned=learned, bias=bias, known=known)


def everything_known(dataset: Dataset, corpus: Corpus, feedback: Sequence[LabelledText]) -> tuple[LabelledText, ...]:
    """
    What the deployed shortlist may know, by the rules of the dataset: the whole history up to now, or all texts from
    the graph, the feedback, and outcomes of past questions; of near copies one, and nothing that was overruled.

    Args:
        feedback: As `build_dataset` takes it.
    """
    if dataset.held_out == "history":
        history = history_examples(corpus.history, held_out=0)
        said = settled_corrections(feedback, history, corpus.catalog)
        rows = collapse([*history, *corrected_examples(said, corpus.catalog)]).rows
    else:
        rows = dataset.examples
    return known_only([row.labelled for row in rows], corpus.catalog)


def requirements_to_ask(dataset: Dataset, count: int) -> list[str]:
    """
    Requirements to ask a finished release: held-out ones first.
    """
    examples = (*dataset.asked("test"), *dataset.asked("dev"), *dataset.split("train"))
    texts = (example.requirement for example in examples)
    return list(dict.fromkeys(text for text in texts if any(map(str.isalnum, text))))[:count]


def write_parts(
    folder: Path,
    catalog: Catalog,
    past: Sequence[LabelledText],
    shortlist: Shortlist,
    rows: ModuleRows,
    ranker: Ranker,
) -> None:
    """
    Write everything that an answer needs but the model and its vectors.
    """
    catalog.save(folder / "catalog.json")
    save_labelled(folder / "past.jsonl", past)
    if shortlist.classifier is not None:
        shortlist.classifier.save(folder)
    shutil.copyfile(SHIPPED, folder / NETWORK)  # it ranks like this when Signpost has learned another one, too
    rows.save(folder / "rows.safetensors")
    write_atomically(folder / "fusion.json", json.dumps(ranker.fusion.to_json(), indent=2).encode())
    write_atomically(folder / "belonging.json", json.dumps(ranker.belonging.to_json()).encode())


def weights_hash(base_model: Path) -> str:
    """
    SHA-256 of a model's weights; of the hashes of all their files in order where there are several.
    """
    weights = base_model / "model.safetensors"
    if weights.is_file():
        return hash_file(weights)
    index = base_model / "model.safetensors.index.json"
    names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    return hashlib.sha256("".join(hash_file(base_model / name) for name in names).encode()).hexdigest()


def versions_here() -> dict[str, str]:
    """
    Versions of what a training depends on, for the record.
    """
    names = (
        "signpost",
        "torch",
        "transformers",
        "peft",
        "tokenizers",
        "safetensors",
        "scikit-learn",
    )
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed as a distribution"
    return versions


def log_json(trained: TrainingLog, preferred: PreferenceLog | None) -> dict[str, Any]:
    """
    How the training went, as `release.json` keeps it.
    """
    return {
        "preferred": preferred.to_json() if preferred is not None else None,
        "steps": trained.steps,
        "tokens": trained.tokens,
        "seconds": round(trained.seconds, 1),
        "stopped_by_time": trained.stopped_by_time,
        "stopped_early": trained.stopped_early,
        "resumed_at": trained.resumed_at,
        "dev": [list(row) for row in trained.dev],
        "losses": [list(row) for row in trained.losses],
    }
