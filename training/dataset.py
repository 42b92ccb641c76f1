"""
A dataset: examples of all origins, split, without near copies, each with its chain of thought.

It is a folder named by the hash of its rows and never changed. Splits: history by time (what came after a snapshot of
the code is held out, its older half dev, its newer half test); texts from the graph by the hash of their symbol's
words: a few test rows beside history, and dev and test rows in a repository without history. What
says nearly the same is one row before that (`training.collapse`), so that nothing held out was seen in training.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from graph.values import Catalog, PastRequirement, Progress, write_atomically
from inference.evidence import LEAST_ALIKE, EvidenceIndex
from inference.labelled import LabelledText, known_only
from inference.lexical import PastIndex
from inference.reasoning import template_reasoning, worth_telling
from inference.short_names import short_lines, short_names, shorten_names
from inference.text import distinct
from training.collapse import collapse
from training.config import TrainingConfig
from training.example import SPLITS
from training.example import Example as Example
from training.origins import (
    DEV_SHARE,
    TEST_SHARE,
    corrected_examples,
    graph_examples,
    history_examples,
    split_by_text,
    split_few,
)
from training.outcomes import QUESTION, outcomes
from training.writer import Writer, written_examples

DATASET_FORMAT = 3
MIN_HISTORY = 120


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    Args:
        examples: All rows, train first, then dev, then test.
        held_out: Which origin the dev rows and most test rows come from: "history" or "graph". Beside past requirements
            there are a few texts from the graph among the test rows, whose symbols are held out.
        left_out: How many rows near copies cost, by why; see `training.collapse`.
    """

    examples: tuple[Example, ...]
    held_out: str
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """
        SHA-256 over the rows, as hex.
        """
        digest = hashlib.sha256()
        for example in self.examples:
            digest.update(example.to_line().encode() + b"\n")
        return digest.hexdigest()

    def split(self, name: str) -> tuple[Example, ...]:
        return tuple(example for example in self.examples if example.split == name)

    def asked(self, name: str) -> tuple[Example, ...]:
        """
        The rows of a held-out split that a release is tuned on, or judged by: those of the origin `held_out`.
        """
        return tuple(example for example in self.split(name) if example.origin == self.held_out)

    def asked_of_symbols(self) -> tuple[Example, ...]:
        """
        Test rows from held-out symbols, where past requirements are what a release is judged by; else none.
        """
        return tuple(e for e in self.split("test") if e.origin == "graph") if self.held_out == "history" else ()

    def held_out_symbols(self) -> frozenset[tuple[str, str]]:
        """
        Symbols behind dev and test rows: the evaluation catalog must not know them.
        """
        return frozenset(e.symbol for e in self.examples if e.symbol and e.split != "train")

    def save(self, root: Path) -> Path:
        """
        Write the dataset into *root*/<hash>; an existing one is left alone.
        """
        folder = root / self.hash[:16]
        if not (folder / "dataset.json").exists():
            write_atomically(folder / "examples.jsonl", "".join(e.to_line() + "\n" for e in self.examples).encode())
            about = {
                "format": DATASET_FORMAT,
                "hash": self.hash,
                "held_out": self.held_out,
                "counts": self.counts(),
                "left_out": dict(self.left_out),
            }
            write_atomically(folder / "dataset.json", json.dumps(about, indent=2).encode())
        return folder

    def counts(self) -> dict[str, int]:
        """
        Rows by "origin/split".
        """
        return dict(sorted(Counter(f"{e.origin}/{e.split}" for e in self.examples).items()))


def load_dataset(folder: Path) -> Dataset:
    """
    Read what `Dataset.save` wrote.

    Raises:
        ValueError: the rows are not those the folder is named after, or were written by another version.
    """
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    if about["format"] != DATASET_FORMAT:
        raise ValueError(f"it has format {about['format']}, this version reads {DATASET_FORMAT}")
    with (folder / "examples.jsonl").open(encoding="utf-8") as lines:
        rows = tuple(Example.from_line(line) for line in lines)
    dataset = Dataset(rows, about["held_out"], about["left_out"])
    if dataset.hash != about["hash"]:
        raise ValueError(f"{folder} was altered: its rows do not have the hash it names; build the dataset again")
    return dataset


def build_dataset(
    catalog: Catalog,
    history: Sequence[PastRequirement],
    corrections: Sequence[LabelledText],
    config: TrainingConfig,
    *,
    held_out: int | None = None,
    writer: Writer | None = None,
    progress: Progress = lambda done, total, label: None,
) -> Dataset:
    """
    Make all examples of one repository.

    Args:
        catalog: The snapshot whose code may be read; labels must name its modules.
        history: Past requirements, oldest first, labelled by this catalog.
        corrections: Reviewed feedback, and past questions (origin "question"), which count once a commit that may be
            learned from has answered them; always train rows. Labels of modules that are no more are dropped.
        config: Limits.
        held_out: How many of the newest past requirements are held out, `training.corpus.Corpus.held_out`; None takes
            `held_out_count`.
        writer: A language model that says texts from the graph again; None leaves it at the rules.

    With at least `MIN_HISTORY` past requirements the held-out rows are the newest of them, and a few texts of held-out
    symbols; else they are all texts from the graph, held out by symbol.
    """
    from_history = len(history) >= MIN_HISTORY
    if held_out is None:
        held_out = held_out_count(len(history), config)
    newest = history[-max(config.max_past, held_out) :]
    past = history_examples(newest, held_out=held_out if from_history else 0)
    graph = graph_examples(
        catalog,
        split=split_few(catalog, config.symbol_rows) if from_history else split_by_text,
        limit=config.max_graph_examples,
        phrasings_each=config.phrasings,
    )
    known = settled_corrections(corrections, [row for row in past if row.split == "train"], catalog)
    written = written_examples(graph, writer, progress=progress) if writer else []
    collapsed = collapse([*past, *corrected_examples(known, catalog), *graph, *written])
    rows = _limit_held_out(collapsed.rows, config.max_eval_rows)
    rows.sort(key=lambda e: (SPLITS.index(e.split), e.origin, e.date, e.id))
    dataset = Dataset(tuple(rows), "history" if from_history else "graph", collapsed.left_out)
    return replace(dataset, examples=tuple(_with_reasoning(dataset, catalog, progress)))


def settled_corrections(
    corrections: Sequence[LabelledText], commits: Sequence[Example], catalog: Catalog
) -> tuple[LabelledText, ...]:
    """
    Reviewed feedback, and the questions that one of *commits* has answered, labelled by modules that *catalog* knows.
    """
    answered = outcomes([row for row in corrections if row.origin == QUESTION], commits)
    return known_only([*(row for row in corrections if row.origin != QUESTION), *answered], catalog)


def held_out_count(count: int, config: TrainingConfig) -> int:
    """
    How many of so many past requirements are held out: a share of those that are used, and no more than are asked.
    """
    return 2 * min(int(min(count, config.max_past) * (DEV_SHARE + TEST_SHARE) / 2), config.max_eval_rows)


def _limit_held_out(rows: Sequence[Example], limit: int) -> list[Example]:
    """
    Keep the newest (history) or hash-first (graph) held-out rows; what is over the limit is left out, never trained on.
    """
    kept = [row for row in rows if row.split == "train"]
    for origin in ("history", "graph"):
        for split in ("dev", "test"):
            chosen = [row for row in rows if row.split == split and row.origin == origin]
            chosen.sort(key=lambda e: (e.date, hashlib.sha256(e.id.encode()).hexdigest()), reverse=True)
            kept += chosen[:limit]
    return kept


def _with_reasoning(dataset: Dataset, catalog: Catalog, progress: Progress) -> Iterable[Example]:
    """
    Write the chain-of-thought answer of every train row from graph evidence.
    """
    index = EvidenceIndex(catalog.without_symbols(dataset.held_out_symbols()))
    train = dataset.split("train")
    memory = PastIndex([e.labelled for e in train if e.origin != "graph"])
    for done, example in enumerate(dataset.examples, start=1):
        progress(done, len(dataset.examples), "examples")
        if example.split != "train":
            yield example
            continue
        nearest = [
            n
            for n in memory.nearest(example.requirement, limit=6)
            if n.row.id != example.id and _before(n.row, example)
        ]
        evidence = worth_telling(
            index.gather(
                example.requirement,
                example.modules[0],
                others=distinct(m for n in nearest if n.similarity >= LEAST_ALIKE for m in n.row.modules),
                nearest=nearest,
                without=example.symbol,
            )
        )
        names = short_names(evidence)
        variant = int(hashlib.sha256(example.id.encode()).hexdigest()[:4], 16)
        yield replace(
            example,
            evidence=short_lines(evidence, names),
            reasoning=shorten_names(
                template_reasoning(example.requirement, example.modules[0], evidence, variant=variant), names
            ),
        )


def _before(row: LabelledText, example: Example) -> bool:
    """
    History must not explain itself by its own future.
    """
    return not example.date or row.date < example.date
