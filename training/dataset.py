"""
Examples: one JSONL schema for texts from the graph, from history and from reviewed feedback.

A dataset is a folder named by the hash of its rows and never changed. Splits: history by time (the newest tenth is
test, the tenth before it dev), texts from the graph by the hash of their own words, so that equal texts never cross.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from graph.values import Catalog, PastRequirement, Progress, write_atomically
from inference.evidence import EvidenceIndex
from inference.labelled import LabelledText
from inference.lexical import PastIndex
from inference.reasoning import template_reasoning, worth_telling
from inference.short_names import short_lines, short_names, shorten_names
from inference.text import distinct, words
from training.config import TrainingConfig
from training.phrasing import requirement_from

DATASET_FORMAT = 2
MIN_HISTORY = 120
DEV_SHARE = TEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Example:
    """
    One row of a dataset.

    Args:
        id: Commit id, question id, or "path::symbol".
        origin: "graph", "history" or "feedback".
        split: "train", "dev" or "test".
        requirement: The text.
        modules: Relevant modules, most touched first.
        commit: Commit whose code or change it comes from.
        date: ISO date; "" for texts from the graph.
        symbol: (file path, qualified name) it was made of, for texts from the graph.
        names_module: Whether the text holds the last path part of a true module or the stem of one of its touched
            files: such rows are easier, and reports tell them apart.
        evidence: Lines that speak for the first module, without the symbol the text was made of, with short names
            (`inference.short_names`).
        reasoning: The chain-of-thought answer, written from the evidence.
        files: Files the change touched, under their names at the indexed commit; empty for other origins.
    """

    id: str
    origin: str
    split: str
    requirement: str
    modules: tuple[str, ...]
    commit: str
    date: str = ""
    symbol: tuple[str, str] | None = None
    names_module: bool = False
    evidence: tuple[str, ...] = ()
    reasoning: str = ""
    files: tuple[str, ...] = ()

    @property
    def labelled(self) -> LabelledText:
        return LabelledText(self.id, self.requirement, self.modules, self.origin, self.date, self.files)

    def to_line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_line(cls, line: str) -> Example:
        value: dict[str, Any] = json.loads(line)
        for name in ("modules", "evidence", "files"):
            value[name] = tuple(value[name])
        value["symbol"] = tuple(value["symbol"]) if value["symbol"] else None
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    Args:
        examples: All rows, train first, then dev, then test.
        held_out: Which origin the dev and test rows come from: "history" or "graph".
    """

    examples: tuple[Example, ...]
    held_out: str

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
        ValueError: the rows are not those the folder is named after.
    """
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    with (folder / "examples.jsonl").open(encoding="utf-8") as lines:
        dataset = Dataset(tuple(Example.from_line(line) for line in lines), about["held_out"])
    if dataset.hash != about["hash"]:
        raise ValueError(f"{folder} was altered: its rows do not have the hash it names; build the dataset again")
    return dataset


def build_dataset(
    catalog: Catalog,
    history: Sequence[PastRequirement],
    corrections: Sequence[LabelledText],
    config: TrainingConfig,
    *,
    progress: Progress = lambda done, total, label: None,
) -> Dataset:
    """
    Make all examples of one repository.

    Args:
        catalog: The snapshot whose code may be read; labels must name its modules.
        history: Past requirements, oldest first, labelled by this catalog.
        corrections: Reviewed feedback; always train rows.
        config: Limits.

    With at least `MIN_HISTORY` past requirements the held-out rows are the newest of them; else they are texts from the
    graph, held out by symbol.
    """
    from_history = len(history) >= MIN_HISTORY
    past = history_examples(history[-config.max_past :], hold_out=from_history)
    graph = graph_examples(catalog, hold_out=not from_history, limit=config.max_graph_examples)
    feedback = [_feedback_example(row, catalog) for row in corrections]
    rows = _without_copies([*past, *feedback, *graph])
    rows = _limit_held_out(rows, config.max_eval_rows)
    order = {"train": 0, "dev": 1, "test": 2}
    rows.sort(key=lambda e: (order[e.split], e.origin, e.date, e.id))
    dataset = Dataset(tuple(rows), "history" if from_history else "graph")
    return Dataset(tuple(_with_reasoning(dataset, catalog, progress)), dataset.held_out)


def history_examples(history: Sequence[PastRequirement], *, hold_out: bool) -> list[Example]:
    """
    Turn past requirements into rows, split by time when *hold_out*.
    """
    count = len(history)
    first_dev = count - int(count * (DEV_SHARE + TEST_SHARE)) if hold_out else count
    first_test = count - int(count * TEST_SHARE) if hold_out else count
    return [
        Example(
            id=row.id,
            origin="history",
            split="train" if i < first_dev else "dev" if i < first_test else "test",
            requirement=row.text,
            modules=row.modules,
            commit=row.id,
            date=row.date,
            names_module=names_module(row.text, row.modules, row.files),
            files=row.files,
        )
        for i, row in enumerate(history)
    ]


def graph_examples(catalog: Catalog, *, hold_out: bool, limit: int) -> list[Example]:
    """
    Make one text from each documented or tellingly named symbol, spread over the modules when there are too many.
    """
    by_module: dict[str, list[Example]] = {card.id: [] for card in catalog.modules}
    for file in catalog.files:
        for symbol in file.symbols:
            text = requirement_from(symbol)
            if text:
                key = _text_key(text)
                by_module[file.module].append(
                    Example(
                        id=f"{file.path}::{symbol.qualified}",
                        origin="graph",
                        split=split_by_text(key) if hold_out else "train",
                        requirement=text,
                        modules=(file.module,),
                        commit=catalog.commit,
                        symbol=(file.path, symbol.qualified),
                        names_module=names_module(text, (file.module,), (file.path,)),
                    )
                )
    return _spread(by_module, limit)


def split_by_text(key: str) -> str:
    """
    Assign a split by the hash of a text's words: the same words are always in the same split.
    """
    share = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    return "test" if share < TEST_SHARE else "dev" if share < TEST_SHARE + DEV_SHARE else "train"


def names_module(text: str, modules: Iterable[str], files: Iterable[str]) -> bool:
    """
    Whether *text* holds the last path part of a module or the stem of a file, as a word or inside one.

    >>> names_module("Speed up the weighting", ["core/weighting"], [])
    True
    >>> names_module("Speed it up", ["core/weighting"], [])
    False
    """
    lowered = text.lower()
    names = {module.rsplit("/", 1)[-1].lower() for module in modules}
    names |= {file.rsplit("/", 1)[-1].split(".", 1)[0].lower() for file in files}
    return any(len(name) > 2 and name in lowered for name in names)


def _feedback_example(row: LabelledText, catalog: Catalog) -> Example:
    return Example(
        id=row.id,
        origin="feedback",
        split="train",
        requirement=row.text,
        modules=row.modules,
        commit=catalog.commit,
        date=row.date,
        names_module=names_module(row.text, row.modules, ()),
    )


def _text_key(text: str) -> str:
    return " ".join(sorted(set(words(text))))


def _spread(by_module: dict[str, list[Example]], limit: int) -> list[Example]:
    """
    Take rows round robin over the modules, each module's in the order of a hash, until *limit*.
    """
    queues = [sorted(rows, key=lambda e: hashlib.sha256(e.id.encode()).digest()) for rows in by_module.values()]
    chosen: list[Example] = []
    for depth in range(max(map(len, queues), default=0)):
        layer = [queue[depth] for queue in queues if depth < len(queue)]
        chosen += layer[: limit - len(chosen)]
    return chosen


def _without_copies(rows: Sequence[Example]) -> list[Example]:
    """
    Keep one row a text: held-out rows first (a train row with the same words would give the answer away).
    """
    order = {"test": 0, "dev": 1, "train": 2}
    kept: dict[str, Example] = {}
    for row in sorted(rows, key=lambda e: order[e.split]):
        kept.setdefault(_text_key(row.requirement), row)
    return list(kept.values())


def _limit_held_out(rows: Sequence[Example], limit: int) -> list[Example]:
    """
    Keep the newest (history) or hash-first (graph) held-out rows; what is over the limit is left out, never trained on.
    """
    kept = [row for row in rows if row.split == "train"]
    for split in ("dev", "test"):
        chosen = [row for row in rows if row.split == split]
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
                others=distinct(module for n in nearest for module in n.row.modules),
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
