"""
Who knows a module: CODEOWNERS, and the people who changed it lately.

Names go onto the cards; with their e-mail addresses owners are kept in a file beside the catalog, so that whoever
shows a card can find the person behind a name (Slack, say, finds its users by address).
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from graph.snapshot import Snapshot
from graph.values import Catalog, RepositoryError, write_atomically

SHARE = 0.1
"""Whoever has less of a module than this is not named."""
OWNERS = 5
SHOWN = 3
ADDRESSES = 3
FORGETS = 0.99
"""Each older change of a module counts this much of the one after it."""
_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
_UNREACHABLE = re.compile(
    r"(?:@|\.)(?:noreply\.|localhost$|local$|localdomain$|\(none\)$)|^(?:no-?reply|root)@", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Owner:
    """
    A person (or team) and a module.

    Attributes:
        person: A name as commits tell it, or what CODEOWNERS says: ``@team/web``, ``ada@example.org``.
        share: Of the module's files (CODEOWNERS) or of its recent changes (history), from 0 to 1.
        source: ``CODEOWNERS`` or ``history``.
        mails: Addresses under which the person can be reached, the one used last first; may be empty.
    """

    person: str
    module: str
    share: float
    source: str
    mails: tuple[str, ...] = ()


class People:
    """
    Counts who changed which module, newest change first.

    One person often commits under several names and addresses: what shares an address is one person, called by the
    name used last. (A ``.mailmap`` of the repository is followed already by git.)
    """

    def __init__(self) -> None:
        self._changes: dict[str, Counter[str]] = defaultdict(Counter)
        self._seen: Counter[str] = Counter()
        self._name_of: dict[str, str] = {}
        self._mails: dict[str, dict[str, None]] = defaultdict(dict)

    def add(self, author: str, mail: str, modules: Iterable[str]) -> None:
        """
        Count one change of some modules; the next one must be older.
        """
        address = mail.strip().casefold()
        name = self._name_of.setdefault(address, author) if "@" in address else author
        if can_be_reached(address):
            self._mails[name].setdefault(address)
        for module in modules:
            self._changes[module][name] += round(1000 * FORGETS ** self._seen[module])
            self._seen[module] += 1

    def know(self, modules: Iterable[str]) -> bool:
        """
        Tell whether somebody was found for every module.
        """
        return all(module in self._changes for module in modules)

    def owners(self) -> list[Owner]:
        """
        Give those with a share of a module worth naming, best first, module by module.
        """
        found: list[Owner] = []
        for module, counts in sorted(self._changes.items()):
            total = sum(counts.values())
            for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:OWNERS]:
                if name and count >= SHARE * total:
                    mails = tuple(self._mails[name])[:ADDRESSES]
                    found.append(Owner(name, module, round(count / total, 3), "history", mails))
        return found


def can_be_reached(mail: str) -> bool:
    """
    Tell whether an address is one that people read.

    >>> [can_be_reached(mail) for mail in ("ada@example.org", "7+ada@users.noreply.github.com", "ada@pc.local")]
    [True, False, False]
    """
    return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", mail) is not None and not _UNREACHABLE.search(mail)


def with_owners(catalog: Catalog, owners: Sequence[Owner]) -> Catalog:
    """
    Put the owners' names on the cards, those of CODEOWNERS first.
    """
    names = {module: [owner.person for owner in found] for module, found in by_module(owners).items()}
    cards = tuple(
        replace(card, owners=tuple(dict.fromkeys(names.get(card.id, ())))[:SHOWN]) for card in catalog.modules
    )
    return replace(catalog, modules=cards)


def by_module(owners: Iterable[Owner]) -> dict[str, tuple[Owner, ...]]:
    """
    Sort owners by module: those of CODEOWNERS first, then by share.

    >>> found = by_module([Owner("Ada", "tax", 0.8, "history"), Owner("@taxes", "tax", 1.0, "CODEOWNERS")])
    >>> [owner.person for owner in found["tax"]]
    ['@taxes', 'Ada']
    """
    found: dict[str, list[Owner]] = defaultdict(list)
    for owner in sorted(owners, key=lambda owner: (owner.module, owner.source, -owner.share, owner.person)):
        found[owner.module].append(owner)
    return {module: tuple(people) for module, people in found.items()}


def save_owners(path: Path, owners: Iterable[Owner]) -> None:
    """
    Write owners with their addresses as JSON, by module; a reader sees the old file or the new one.
    """
    rows: dict[str, list[dict[str, object]]] = {}
    for module, people in by_module(owners).items():
        rows[module] = [{key: value for key, value in asdict(one).items() if key != "module"} for one in people]
    write_atomically(path, json.dumps(rows, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


def load_owners(path: Path) -> dict[str, tuple[Owner, ...]]:
    """
    Read what `save_owners` wrote.

    Returns:
        Module id → its owners, whom to ask first in front; modules without owners are missing. Empty without a file:
        a repository that was indexed before there was one.

    Raises:
        RepositoryError: The file is damaged.
    """
    try:
        rows: Mapping[str, list[dict[str, object]]] = json.loads(Path(path).read_bytes())
        return {module: tuple(_owner(module, row) for row in people) for module, people in rows.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RepositoryError(f"{path} does not name owners ({error}): index the repository again") from error


def _owner(module: str, row: Mapping[str, object]) -> Owner:
    mails = row["mails"]
    if not isinstance(mails, list):
        raise TypeError("mails must be a list")
    share = row["share"]
    if not isinstance(share, int | float):
        raise TypeError("share must be a number")
    return Owner(str(row["person"]), module, float(share), str(row["source"]), tuple(map(str, mails)))


def code_owners(snapshot: Snapshot, catalog: Catalog) -> list[Owner]:
    """
    Read the CODEOWNERS of a snapshot, where there is one: who owns at least a tenth of a module's files.
    """
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
        Owner(name, module, round(count / sizes[module], 3), "CODEOWNERS", (name,) if can_be_reached(name) else ())
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
