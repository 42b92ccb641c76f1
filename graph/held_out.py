"""
Taking symbols out of a catalog, for honest evaluation on requirements made from those symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from graph.purpose import purpose_from

if TYPE_CHECKING:
    from graph.values import Catalog, FileCard, ModuleCard, Symbol


def leave_out(catalog: Catalog, keys: frozenset[tuple[str, str]]) -> Catalog:
    """
    Do the work of `Catalog.without_symbols`, which says what is left out.
    """
    removed: dict[str, list[Symbol]] = {}
    kept: dict[str, tuple[Symbol, ...]] = {}
    for card in catalog.files:
        gone = [symbol for symbol in card.symbols if _is_held_out(card.path, symbol.qualified, keys)]
        if gone:
            removed[card.path] = gone
            kept[card.path] = tuple(symbol for symbol in card.symbols if symbol not in gone)
    if not removed:
        return catalog
    still_defined = {symbol.name for card in catalog.files for symbol in kept.get(card.path, card.symbols)}
    names = {symbol.name for gone in removed.values() for symbol in gone} - still_defined
    files = tuple(_file_without(card, removed.get(card.path, []), kept, names) for card in catalog.files)
    by_path = {card.path: card for card in files}
    affected = {card.module for card in files if card.path in removed}
    modules = tuple(
        _module_without(card, removed, names, by_path) if card.id in affected else card for card in catalog.modules
    )
    return replace(catalog, modules=modules, files=files)


def _is_held_out(path: str, qualified: str, keys: frozenset[tuple[str, str]]) -> bool:
    parts = qualified.split(".")
    return any((path, ".".join(parts[:size])) in keys for size in range(1, len(parts) + 1))


def _file_without(card: FileCard, gone: list[Symbol], kept: dict[str, tuple[Symbol, ...]], names: set[str]) -> FileCard:
    own = names | {symbol.name for symbol in gone}
    if not gone and own.isdisjoint(card.identifiers):
        return card
    return replace(
        card,
        doc=_without_sentences(card.doc, gone),
        symbols=kept.get(card.path, card.symbols),
        identifiers=tuple(name for name in card.identifiers if name not in own),
    )


def _module_without(
    card: ModuleCard, removed: dict[str, list[Symbol]], names: set[str], by_path: dict[str, FileCard]
) -> ModuleCard:
    gone = [symbol for path in card.files for symbol in removed.get(path, [])]
    left = {symbol.qualified for path in card.files if path in by_path for symbol in by_path[path].symbols}
    lost = {symbol.qualified for symbol in gone} - left
    doc = _without_sentences(card.doc, gone)
    symbols = tuple(name for name in card.symbols if name not in lost and name.rsplit(".", 1)[-1] not in names)
    purpose = purpose_from(doc, symbols, tuple(by_path[path] for path in card.files if path in by_path))
    return replace(card, doc=doc, symbols=symbols, purpose=purpose)


def _without_sentences(text: str, gone: list[Symbol]) -> str:
    if not text or not gone:
        return text
    told = {_plain(sentence) for symbol in gone for sentence in _sentences(symbol.doc)}
    if told.isdisjoint(_plain(sentence) for sentence in _sentences(text)):
        return text
    return " ".join(sentence for sentence in _sentences(text) if _plain(sentence) not in told)


def _sentences(text: str) -> Iterator[str]:
    yield from (part.strip() for part in re.split(r"(?<=[.!?])\s+|\n\s*\n", text) if part.strip())


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()
