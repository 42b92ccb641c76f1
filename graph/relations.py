"""
What only history and people know: which files and modules change together, and who owns what.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from graph.git import git_directory
from graph.history import read_changes
from graph.knowledge import Graph, file_node, module_node, person_node
from graph.messages import is_bot
from graph.snapshot import Snapshot
from graph.values import Catalog, RepositoryError

COMMITS = 3000
"""How many commits are looked at: what changed together years ago says little about today."""
OFTEN = 3
MOST_TOGETHER = 20
SHARE = 0.1
OWNERS = 5
_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")


@dataclass(frozen=True, slots=True)
class Owner:
    """
    A person (or team) and a module, with the share of its files or of its recent changes, from 0 to 1.
    """

    person: str
    module: str
    share: float
    source: str  # "CODEOWNERS" or "history"


@dataclass(frozen=True, slots=True)
class Relations:
    """
    Relations that are not in the code.

    Attributes:
        files: (path, path, number of commits that touched both), at least `OFTEN`, sorted.
        modules: The same for modules.
        owners: Sorted by module, source, share.
    """

    files: tuple[tuple[str, str, int], ...] = ()
    modules: tuple[tuple[str, str, int], ...] = ()
    owners: tuple[Owner, ...] = ()


def read_relations(snapshot: Snapshot, catalog: Catalog, *, commits: int = COMMITS) -> Relations:
    """
    Read CODEOWNERS and the latest commits; a plain folder has no commits.

    A commit that touches many files (a reformatting, an import) says nothing about what belongs together.
    """
    owners = _code_owners(snapshot, catalog)
    directory = git_directory(snapshot.location)
    if directory is None or not snapshot.is_git:
        return Relations(owners=tuple(owners))
    files: Counter[tuple[str, str]] = Counter()
    modules: Counter[tuple[str, str]] = Counter()
    people: dict[str, Counter[str]] = defaultdict(Counter)
    seen: Counter[str] = Counter()
    names: dict[str, str] = {}
    for change in read_changes(directory, snapshot.commit, commits):
        for old, new in change.renames:
            names[old] = names.get(new, new)
        touched = sorted({names.get(path, path) for path in change.paths})
        known = [path for path in touched if catalog.module_of(path)]
        if not known or len(touched) > MOST_TOGETHER or is_bot(change.author, change.mail):
            continue
        files.update(combinations(known, 2))
        homes = sorted({catalog.module_of(path) or "" for path in known})
        modules.update(combinations(homes, 2))
        for module in homes:
            people[module][change.author] += round(1000 * 0.99 ** seen[module])
            seen[module] += 1
    for module, counts in sorted(people.items()):
        owners += _shares(counts, module, "history")
    return Relations(_often(files), _often(modules), tuple(owners))


def add_relations(graph: Graph, relations: Relations) -> None:
    """
    Put co-changes (in both directions, for they have none) and owners into the graph.
    """
    pairs = [(file_node(a), file_node(b), count) for a, b, count in relations.files]
    pairs += [(module_node(a), module_node(b), count) for a, b, count in relations.modules]
    for one, other, count in pairs:
        graph.add_edge(one, other, key="co-changes", kind="co-changes", count=count)
        graph.add_edge(other, one, key="co-changes", kind="co-changes", count=count)
    for owner in relations.owners:
        node = person_node(owner.person)
        graph.add_node(node, kind="person", name=owner.person)
        key = f"owns ({owner.source})"
        graph.add_edge(node, module_node(owner.module), key=key, kind="owns", source=owner.source, share=owner.share)


def with_owners(catalog: Catalog, relations: Relations) -> Catalog:
    """
    Put the owners on the cards, those of CODEOWNERS first.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for owner in sorted(relations.owners, key=lambda owner: (owner.source, -owner.share, owner.person)):
        names[owner.module].append(owner.person)
    cards = tuple(replace(card, owners=tuple(dict.fromkeys(names[card.id]))[:3]) for card in catalog.modules)
    return replace(catalog, modules=cards)


def _often(counts: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    return tuple(sorted((a, b, count) for (a, b), count in counts.items() if count >= OFTEN))


def _shares(counts: Counter[str], module: str, source: str) -> list[Owner]:
    total = sum(counts.values())
    best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:OWNERS]
    return [
        Owner(name, module, round(count / total, 3), source) for name, count in best if name and count >= SHARE * total
    ]


def _code_owners(snapshot: Snapshot, catalog: Catalog) -> list[Owner]:
    paths = {entry.path for entry in snapshot.files}
    place = next((path for path in _CODEOWNERS if path in paths), None)
    if place is None:
        return []
    try:
        rules = parse_code_owners(snapshot.read(place).decode("utf-8", "replace"))
    except RepositoryError:
        return []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for card in catalog.files:
        counts[card.module].update(owners_of(card.path, rules))
    sizes = Counter(card.module for card in catalog.files)
    return [
        Owner(name, module, round(count / sizes[module], 3), "CODEOWNERS")
        for module in sorted(counts)
        for name, count in sorted(counts[module].items(), key=lambda item: (-item[1], item[0]))
        if count >= SHARE * sizes[module]
    ]


def parse_code_owners(text: str) -> list[tuple[re.Pattern[str], tuple[str, ...]]]:
    """
    Read the rules of a CODEOWNERS file, in its order.
    """
    rules = []
    for line in text.splitlines():
        words = re.sub(r"(?:^|\s)#.*$", "", line).split()
        if words and not re.match(r"[\[^!]", words[0]):
            rules.append((_pattern(words[0]), tuple(words[1:])))
    return rules


def owners_of(path: str, rules: Sequence[tuple[re.Pattern[str], Iterable[str]]]) -> tuple[str, ...]:
    """
    Name the owners of a path: those of the last rule that matches it.

    >>> rules = parse_code_owners("* @all\\n/shop/ @shop @ada\\n*.js @web\\nshop/secret")
    >>> [owners_of(path, rules) for path in ("setup.py", "shop/vat.py", "shop/cart.js", "shop/secret/a.py")]
    [('@all',), ('@shop', '@ada'), ('@web',), ()]
    """
    return next((tuple(names) for pattern, names in reversed(rules) if pattern.match(path)), ())


def _pattern(text: str) -> re.Pattern[str]:
    anchored = "/" in text.rstrip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text.strip("/"))
    said = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(said.get(part, re.escape(part)) for part in parts)
    return re.compile(("" if anchored else "(?:.*/)?") + body + ("/.*" if text.endswith("/") else "(?:/.*)?") + r"\Z")
