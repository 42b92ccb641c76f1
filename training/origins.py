"""
Rows from each origin: past requirements, reviewed feedback and outcomes, symbols of the graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from graph.values import Catalog, PastRequirement
from inference.labelled import LabelledText
from inference.text import words
from training.example import Example, names_module
from training.phrasing import requirement_from

DEV_SHARE = TEST_SHARE = 0.1


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


def corrected_examples(corrections: Sequence[LabelledText], catalog: Catalog) -> list[Example]:
    """
    Turn reviewed feedback, and outcomes of past questions, into train rows.
    """
    return [
        Example(
            id=row.id,
            origin="outcome" if row.origin == "outcome" else "feedback",
            split="train",
            requirement=row.text,
            modules=row.modules,
            commit=catalog.commit,
            date=row.date,
            names_module=names_module(row.text, row.modules, row.files),
            files=row.files,
        )
        for row in corrections
    ]


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
