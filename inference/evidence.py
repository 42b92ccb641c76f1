"""
What speaks for a module: definitions, past requirements and graph edges that meet the requirement.

The same function feeds the reasoning prompts of training and of serving, and the template that speaks when no
generated sentence survives.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graph.values import Catalog, Symbol
from inference.chinese import with_english
from inference.labelled import LabelledText
from inference.lexical import Neighbour
from inference.text import distinct, stem, words
from inference.values import Evidence

COMMON_SHARE = 0.35
"""A word that the definitions of more modules than this share have speaks for none of them: "only", "class", "get"."""
LEAST_ALIKE = 0.2
"""Cosine below which a past requirement shares a word by chance; read by eye on two repositories."""
_IDLE = frozenset(
    """
    again all already also always another any before better both but even every good instead just less more most much
    must never now off old only other out over really same still than too under until up very well while without
    added adding adds changed changes changing fixed fixes fixing made makes making supported supporting supports
    updated updates updating
    """.split()  # noqa: SIM905 -- a block of words reads better than a list of strings
)
"""
Words that a small repository has in few modules by chance, and that never tell where something belongs; and the forms
of what every requirement asks for, whose plain form is a stop word.
"""


@dataclass(frozen=True, slots=True)
class _Definition:
    symbol: Symbol
    file: str
    names: frozenset[str]
    docs: frozenset[str]


class EvidenceIndex:
    """
    The definitions of a catalog by module, with how rare each word is among modules.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._definitions: dict[str, list[_Definition]] = defaultdict(list)
        spread: dict[str, set[str]] = defaultdict(set)
        for file in catalog.files:
            for symbol in file.symbols:
                names, docs = _stems(symbol.qualified), _stems(symbol.doc)
                self._definitions[file.module].append(_Definition(symbol, file.path, names, docs))
                for word in names | docs:
                    spread[word].add(file.module)
        total = len(catalog.modules)
        common = max(3, COMMON_SHARE * total)
        own = _stems(catalog.repository)  # its own name tells of all of it
        self._rarity = {
            word: math.log(1 + total / len(modules))
            for word, modules in spread.items()
            if len(modules) <= common and word not in own
        }

    def gather(
        self,
        requirement: str,
        module: str,
        *,
        others: Sequence[str] = (),
        nearest: Sequence[Neighbour] = (),
        without: tuple[str, str] | None = None,
        symbols: int = 3,
        past: int = 2,
    ) -> tuple[Evidence, ...]:
        """
        Collect what speaks for *module*, strongest first within symbols, past requirements and relations.

        Args:
            requirement: What was asked.
            module: Whom the evidence should speak for.
            others: Other ranked modules; an import edge to one of them is a relation worth telling.
            nearest: Near past requirements, best first.
            without: (file path, qualified name) of a symbol that must not be used: the one a training text was made of.
            symbols, past: At most so many of each.
        """
        requirement = with_english(requirement)
        found = [*self._symbols(requirement, module, without=without)[:symbols], *_past(module, nearest)[:past]]
        # alone, an import says nothing of what is asked
        relations = self._relations(module, others)[:1] if found else []
        return (*found, *relations)

    def _symbols(self, requirement: str, module: str, *, without: tuple[str, str] | None) -> list[Evidence]:
        asked = frozenset(stem(word) for word in words(requirement) if word not in _IDLE) & self._rarity.keys()
        spoken = {stem(word): as_written(word, requirement) for word in reversed(words(requirement))}
        scored = []
        for definition in self._definitions.get(module, ()):
            if without == (definition.file, definition.symbol.qualified):
                continue
            by_name, by_doc = asked & definition.names, (asked & definition.docs) - definition.names
            score = sum(2 * self._rarity[word] for word in by_name) + sum(self._rarity[word] for word in by_doc)
            if score > 0:
                met = sorted(by_name | by_doc, key=lambda word: (-self._rarity[word], word))
                scored.append((score / (1 + 0.1 * len(definition.names)), definition, met))
        scored.sort(key=lambda row: (-row[0], row[1].file, row[1].symbol.line))
        return [
            _symbol_evidence(definition, module, [spoken[word] for word in met])
            for definition, met in _unlike((definition, met) for _, definition, met in scored)
        ]

    def _relations(self, module: str, others: Sequence[str]) -> list[Evidence]:
        card = self._catalog.card(module)
        uses, used_by = dict(card.imports), dict(card.imported_by)
        found = []
        for other in others:
            if other in uses and other != module:
                found.append(Evidence("relation", f"{module} imports {other} ({_times(uses[other])})", module, other))
            elif other in used_by and other != module:
                found.append(
                    Evidence("relation", f"{module} is imported by {other} ({_times(used_by[other])})", module, other)
                )
        return found


def _unlike(found: Iterable[tuple[_Definition, list[str]]]) -> Iterator[tuple[_Definition, list[str]]]:
    """
    Leave out what says nothing new: a class's constructor behind the class, the second form of an overloaded method, a
    member that meets only words which its class meets already.
    """
    seen: dict[tuple[str, str], set[str]] = {}
    for definition, met in found:
        owner = definition.symbol.qualified.rpartition(".")[0].rpartition(".")[2]
        said = seen.get((definition.file, owner), set())
        name = (definition.file, definition.symbol.name)
        if name not in seen and not (said and said >= set(met)):
            seen[name] = set(met)
            yield definition, met


def _symbol_evidence(definition: _Definition, module: str, met: Sequence[str]) -> Evidence:
    symbol = definition.symbol
    whole = [word for word in met if not any(word != other and word.lower() in other.lower() for other in met)]
    quoted = ", ".join(f'"{word}"' for word in whole[:3])
    text = f"{symbol.kind} {symbol.qualified} in {definition.file}:{symbol.line} meets {quoted}"
    return Evidence("symbol", text, module, symbol.qualified, definition.file, symbol.line)


def _past(module: str, nearest: Sequence[Neighbour]) -> list[Evidence]:
    """
    Past requirements that speak for *module*, texts of the graph apart; and questions that a commit answered: that
    commit is among them itself, and who asked, perhaps in private, did not ask to be quoted.
    """
    alike = (n.row for n in nearest if n.similarity >= LEAST_ALIKE)
    told = [row for row in alike if module in row.modules and row.origin not in ("graph", "outcome")]
    return [_past_evidence(row, module) for row in told]


def _past_evidence(row: LabelledText, module: str) -> Evidence:
    line = row.text.splitlines()[0][:90] if row.text else ""
    if row.origin == "history":
        return Evidence("past", f'commit {row.id[:10]} "{line}"', module, commit=row.id)
    return Evidence("past", f'a confirmed answer to "{line}"', module)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text))


def shared_words(requirement: str, text: str, *, limit: int = 3) -> tuple[str, ...]:
    """
    Name words of *requirement* that *text* has too, in the requirement's order.
    """
    present = Counter(stem(word) for word in words(text))
    return distinct(word for word in words(requirement) if stem(word) in present)[:limit]


def as_written(word: str, text: str) -> str:
    """
    Give a lower-case word as *text* spells it.

    >>> as_written("customweighting", "The CustomWeighting is slow")
    'CustomWeighting'
    """
    found = re.search(re.escape(word), text, re.IGNORECASE)
    return found.group() if found else word


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
