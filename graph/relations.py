"""
What only history knows: which files and modules change together, and who changed them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from graph.git import git_directory
from graph.history import read_changes
from graph.knowledge import Graph, file_node, module_node, person_node
from graph.messages import is_bot
from graph.owners import Owner, People, code_owners
from graph.snapshot import Snapshot
from graph.values import Catalog

COMMITS = 3000
"""How many commits are looked at: what changed together years ago says little about today."""
MOST_COMMITS = 15_000
"""How far back is looked for somebody who knows a module that has not changed since."""
OFTEN = 3
MOST_TOGETHER = 20


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

    A commit that touches many files (a reformatting, an import) says nothing about what belongs together. Modules that
    nobody touched in the latest commits get their owners from the ones before.

    Args:
        snapshot: An open snapshot.
        catalog: Its modules.
        commits: How many commits are looked at for what changes together.
    """
    owners = code_owners(snapshot, catalog)
    directory = git_directory(snapshot.location)
    if directory is None or not snapshot.is_git:
        return Relations(owners=tuple(owners))
    files: Counter[tuple[str, str]] = Counter()
    modules: Counter[tuple[str, str]] = Counter()
    people = People()
    names: dict[str, str] = {}
    for number, change in enumerate(read_changes(directory, snapshot.commit, max(commits, MOST_COMMITS))):
        late = number < commits
        if not late and people.know(catalog.module_ids):
            break
        for old, new in change.renames:
            names[old] = names.get(new, new)
        touched = sorted({names.get(path, path) for path in change.paths})
        known = [path for path in touched if catalog.module_of(path)]
        if not known or len(touched) > MOST_TOGETHER or is_bot(change.author, change.mail):
            continue
        homes = sorted({catalog.module_of(path) or "" for path in known})
        if late:
            files.update(combinations(known, 2))
            modules.update(combinations(homes, 2))
        people.add(change.author, change.mail, homes)
    return Relations(_often(files), _often(modules), (*owners, *people.owners()))


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
        graph.add_edge(node, module_node(owner.module), key=key, kind="owns", told_by=owner.source, share=owner.share)


def _often(counts: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    return tuple(sorted((a, b, count) for (a, b), count in counts.items() if count >= OFTEN))
