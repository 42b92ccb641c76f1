"""
Rows from each origin: past requirements, reviewed feedback and outcomes, symbols of the graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest

from graph.values import Catalog, ModuleCard, PastRequirement
from inference.labelled import LabelledText
from inference.text import words
from training.example import Example, names_module
from training.phrasing import phrasings
from training.sentences import Core, core_of, core_of_text, cores_of_names

DEV_SHARE = TEST_SHARE = 0.1
CARD_LINES = 3
"""Texts made of what a card says of its classes, at most."""
CLASS_KINDS = ("class", "interface", "enum", "type")


def history_examples(history: Sequence[PastRequirement], *, held_out: int) -> list[Example]:
    """
    Turn past requirements, oldest first, into rows; of the last *held_out* the first half is dev, the second test.
    """
    first_dev = len(history) - held_out
    first_test = len(history) - held_out // 2
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


def graph_examples(
    catalog: Catalog, *, split: Callable[[str], str], limit: int, phrasings_each: int = 1, full: bool = False
) -> list[Example]:
    """
    Make texts from what symbols, files and modules say they do, spread over the modules when there are too many.

    A module's symbols come first, their further phrasings after that; held-out symbols are asked for once. What files
    and modules say, and what cards say of a module's symbols together, is never held out: the cards know it.

    Args:
        split: Gives the split of a symbol by the words of its text, see `text_key`: `split_by_text`, `split_few`, or
            `none_held_out`.
        limit: Train rows, and held-out rows, at most.
        phrasings_each: Texts made of one symbol, at most.
        full: Whether texts say where and go on with more of the documentation, see `phrasings`.
    """

    def say(empty: Example, core: Core, path: str) -> list[Example]:
        limit = phrasings_each if empty.split == "train" else 1
        if names_module(core.place.replace(" ", ""), empty.modules, ()):
            core = replace(core, place="")  # where a class has its module's name, to say it would be to answer
        return [
            replace(
                empty,
                id=empty.id if number == 1 else f"{empty.id}~{number}",
                requirement=text,
                names_module=names_module(text, empty.modules, (path,)),
            )
            for number, text in enumerate(phrasings(core, key=empty.id, limit=limit, full=full), start=1)
        ]

    by_module: dict[str, list[list[Example]]] = {card.id: [] for card in catalog.modules}
    hidden: set[tuple[str, str]] = set()  # module and outermost name of what is held out
    for file in catalog.files:
        cores = {symbol.qualified: core_of(symbol) for symbol in reversed(file.symbols)}  # the first of overloads stays
        for name, core in {**cores, "": core_of_text(file.doc)}.items():
            if core:
                symbol = (file.path, name) if name else None
                chosen = split(text_key(core.text)) if name else "train"
                if chosen != "train":
                    hidden.add((file.module, name.partition(".")[0]))
                empty = Example(
                    f"{file.path}::{name}", "graph", chosen, "", (file.module,), catalog.commit, symbol=symbol
                )
                by_module[file.module].append(say(empty, core, file.path))
    for card in catalog.modules:
        core = core_of_text(card.doc)
        if core:
            empty = Example(f"{card.id}::", "graph", "train", "", (card.id,), catalog.commit)
            by_module[card.id].append(say(empty, core, card.path))
    for card, line, core in _card_cores(catalog, hidden):
        empty = Example(f"{card.id}::symbols {line}", "graph", "train", "", (card.id,), catalog.commit)
        by_module[card.id].append(say(empty, core, card.path))
    held_out = {id: [texts for texts in said if texts[0].split != "train"] for id, said in by_module.items()}
    learned = {id: [texts for texts in said if texts[0].split == "train"] for id, said in by_module.items()}
    return [*_spread(learned, limit), *_spread(held_out, limit)]


def _card_cores(catalog: Catalog, hidden: Collection[tuple[str, str]]) -> Iterator[tuple[ModuleCard, int, Core]]:
    """
    Read the main classes of each card aloud, two a text.

    Args:
        hidden: (module, class) of which a part, or all, is held out.
    """
    classes = {
        (file.module, symbol.qualified)
        for file in catalog.files
        for symbol in file.symbols
        if symbol.kind in CLASS_KINDS and "." not in symbol.qualified
    }
    for card in catalog.modules:
        named = [name for name in card.symbols if (card.id, name) in classes and (card.id, name) not in hidden]
        for line, core in enumerate(islice(cores_of_names(named), CARD_LINES), start=1):
            yield card, line, core


def none_held_out(key: str) -> str:
    """
    Assign every text to the train rows.
    """
    return "train"


def split_by_text(key: str) -> str:
    """
    Assign a split by the hash of a text's words: the same words are always in the same split.
    """
    share = _place_by_hash(key)
    return "test" if share < TEST_SHARE else "dev" if share < TEST_SHARE + DEV_SHARE else "train"


def split_few(catalog: Catalog, count: int) -> Callable[[str], str]:
    """
    Let about *count* symbols of *catalog*, and no more than a tenth of them, be test rows and all others train rows.

    It is for repositories whose dev and test rows are past requirements: too few to be missed in the code, which does
    not know them while the release is measured.
    """
    texts = (core_of(symbol) for file in catalog.files for symbol in file.symbols)
    share = min(TEST_SHARE, count / max(len({text_key(core.text) for core in texts if core}), 1))
    return lambda key: "test" if _place_by_hash(key) < share else "train"


def _place_by_hash(key: str) -> float:
    """
    A number from 0 to 1 that only the words decide.
    """
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


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


def text_key(text: str) -> str:
    """
    What two texts with the same words have in common.

    >>> text_key("Handle tolls, handle them!")
    'handle tolls'
    """
    return " ".join(sorted(set(words(text))))


def _spread(by_module: dict[str, list[list[Example]]], limit: int) -> list[Example]:
    """
    Take rows round robin over the modules until *limit*; within a module first phrasings first, in the order of a hash.
    """
    queues = []
    for said in by_module.values():
        ordered = sorted(said, key=lambda texts: hashlib.sha256(texts[0].id.encode()).digest())
        queues.append([text for layer in zip_longest(*ordered) for text in layer if text])
    return [row for layer in zip_longest(*queues) for row in layer if row][:limit]
