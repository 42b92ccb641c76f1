"""
Fit and measure the recognition of what is no requirement.

    python -m training.off_topic BENCH GIT_DIRS --models MODELS --cache CACHE      # minutes a repository, first run

`requirement_or_not.jsonl` holds texts written for this, each with the repository it was asked of: requirements in the
style of public trackers, and thanks, small talk, other products' questions and near misses, in English and Chinese.
Rows of part "held" were never looked at while words and weights were chosen; the figure printed is theirs. The
threshold is chosen on real requirements, the dev rows of the benchmark folders.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from graph.values import write_atomically
from inference.embedding import TextEncoder, VectorCache
from inference.labelled import known_only
from inference.off_topic import WEIGHTS, OffTopic, signs
from inference.shortlist import Shortlist
from inference.text import clean_requirement
from training.bench import index_given_modules
from training.bench_set import read_bench_set, repository_of

ROWS = Path(__file__).with_name("requirement_or_not.jsonl")
VARIANTS = ("code", "code and encoder", "history", "history and encoder")
REQUIREMENTS_KEPT = 0.99
"""Share of real requirements that must pass: refusing one costs more than answering small talk with a list. The rest
are texts like "tidy up a bit more", which a person would ask about, too."""
REAL_ROWS = 100
"""Newest dev rows of each benchmark folder, on which the threshold is chosen."""
MOST_PAST = 1_500
_STRENGTH = 0.3


@dataclass(frozen=True, slots=True)
class Row:
    """
    One labelled text.
    """

    text: str
    repository: str
    requirement: bool
    kind: str
    language: str
    part: str


def read_rows(path: Path = ROWS) -> tuple[Row, ...]:
    """
    Read the labelled texts.
    """
    with path.open(encoding="utf-8") as lines:
        return tuple(Row(**json.loads(line)) for line in lines)


def fit(found: Sequence[Mapping[str, float]], truth: Sequence[bool], real: Sequence[Mapping[str, float]]) -> OffTopic:
    """
    Fit one logistic model.

    Args:
        found: Signs of each labelled text, all with the same names.
        truth: Whether it is a requirement.
        real: Signs of real requirements, of which nearly all must pass.
    """
    model = _fit(found, truth, threshold=0.5)
    passed = np.sort([model.probability(row) for row in real])
    threshold = float(passed[int((1 - REQUIREMENTS_KEPT) * len(passed))])
    return replace(model, threshold=round(min(threshold, 0.5), 4))


def _fit(found: Sequence[Mapping[str, float]], truth: Sequence[bool], *, threshold: float) -> OffTopic:
    names = sorted(found[0])
    table = np.array([[row[name] for name in names] for row in found])
    means, scales = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced").fit((table - means) / scales, truth)
    rounded = [[round(float(v), 5) for v in values] for values in (means, scales, model.coef_[0])]
    centre, spread, worth = (dict(zip(names, values, strict=True)) for values in rounded)
    return OffTopic(centre, spread, worth, bias=round(float(model.intercept_[0]), 5), threshold=threshold)


def signs_of(rows: Sequence[Row], shortlist: Shortlist) -> list[dict[str, float]]:
    """
    Compute the signs of every row as serving does.
    """
    return [signs(clean_requirement(row.text), shortlist) for row in rows]


def auroc(model: OffTopic, found: Sequence[Mapping[str, float]], truth: Sequence[bool]) -> float:
    """
    Area under the ROC curve.
    """
    return float(roc_auc_score(truth, [model.probability(row) for row in found]))


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Fit all variants, print how they do on the held-out part, and write `inference/off_topic.json`.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path, help="folder with one benchmark folder a repository")
    parser.add_argument("git_dirs", type=Path, help="folder with OWNER+NAME/repo git directories")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of the sentence encoder")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--dry", action="store_true", help="measure, write nothing")
    chosen = parser.parse_args(arguments)
    vectors = VectorCache(chosen.cache / "vectors.sqlite", TextEncoder.load(chosen.encoder))
    rows = read_rows()
    table: dict[str, list[dict[str, float]]] = {name: [{} for _ in rows] for name in VARIANTS}
    real: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for repository in sorted({row.repository for row in rows}):
        picked = [i for i, row in enumerate(rows) if row.repository == repository]
        for name in VARIANTS:
            shortlist = _shortlist(chosen, repository, name, vectors)
            for i, found in zip(picked, signs_of([rows[i] for i in picked], shortlist), strict=True):
                table[name][i] = found
            dev = read_bench_set(chosen.bench / repository).texts("dev")[-REAL_ROWS:]
            real[name] += [signs(clean_requirement(row.text), shortlist) for row in dev]
    models = {name: _fit_and_print(name, rows, table[name], real[name]) for name in VARIANTS}
    if not chosen.dry:
        stored = {"encoder": chosen.encoder.name, "models": {name: m.to_json() for name, m in models.items()}}
        write_atomically(WEIGHTS, (json.dumps(stored, indent=1) + "\n").encode())


def _shortlist(chosen: argparse.Namespace, repository: str, name: str, vectors: VectorCache) -> Shortlist:
    bench = read_bench_set(chosen.bench / repository)
    git_dir = repository_of(chosen.bench / repository, chosen.git_dirs)
    catalog = index_given_modules(bench, git_dir, cache=chosen.cache)
    past = known_only(bench.texts("train")[-MOST_PAST:], catalog) if "history" in name else ()
    return Shortlist.fit(catalog, past, vectors=vectors if "encoder" in name else None)


def _fit_and_print(
    name: str, rows: Sequence[Row], found: Sequence[dict[str, float]], real: Sequence[dict[str, float]]
) -> OffTopic:
    parts: dict[str, npt.NDArray[np.int64]] = {
        part: np.flatnonzero([row.part == part for row in rows]) for part in ("fit", "held")
    }
    truth = [row.requirement for row in rows]
    inside = parts["fit"]
    model = fit([found[i] for i in inside], [truth[i] for i in inside], real)
    held = parts["held"]
    score = auroc(model, [found[i] for i in held], [truth[i] for i in held])
    passed = [model.is_requirement(found[i]) for i in held if truth[i]]
    stopped = [not model.is_requirement(found[i]) for i in held if not truth[i]]
    print(  # noqa: T201
        f"{name:20} held-out AUROC {score:.3f} (n = {len(held)}); threshold {model.threshold}: "
        f"{np.mean(passed):.0%} of requirements pass, {np.mean(stopped):.0%} of the others are recognised"
    )
    return model


if __name__ == "__main__":
    main()
