"""
The values that leave this package: symbols, files, module cards, the catalog, past requirements.

They are plain frozen dataclasses with a JSON form, so that every other package (the bot included, which
must start without loading anything heavy) can hold them without importing a parser.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from graph.parsed import ParsedFile as ParsedFile
from graph.parsed import Symbol as Symbol

Progress = Callable[[int, int, str], None]
"""Called with (done, total, label) while something long is under way."""

CATALOG_FORMAT = 1


class RepositoryError(Exception):
    """
    A repository, or a file made from one, that cannot be used. The message says what, where and what to do.
    """


@dataclass(frozen=True, slots=True)
class FileCard:
    """
    One source file of the catalog. *identifiers* are distinct, most frequent first, at most 60.
    """

    path: str
    module: str
    language: str
    lines: int
    doc: str
    symbols: tuple[Symbol, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleCard:
    """
    One module: the unit that is ranked.

    Attributes:
        id: Stable, readable path form without the boilerplate of source folders: ``core/routing/weighting``.
        title: A short name for people.
        path: The folder (or the file) of the repository that it stands for.
        purpose: One or two sentences.
        files: Paths of its files, sorted.
        symbols: Qualified names of its main symbols, most telling first.
        imports: (module id, number of import edges), strongest first.
        imported_by: The same, in the other direction.
        owners: Names of people who know it, best first; may be empty.
        recent: Lines of recent past requirements, newest first; may be empty.
        doc: What the module's own documentation says (package docstring, README in its folder); may be empty.
        aliases: Ids it would have or had by its path, and those of modules that went into it; see `graph.continuity`.
    """

    id: str
    title: str
    path: str
    purpose: str
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    imports: tuple[tuple[str, int], ...] = ()
    imported_by: tuple[tuple[str, int], ...] = ()
    owners: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    doc: str = ""
    aliases: tuple[str, ...] = ()

    def text(self) -> str:
        """
        Give the card as a few short lines, the same for the same card: what a prompt or a search index reads.

        >>> print(ModuleCard(id="tax", title="Tax", path="src/tax", purpose="Computes tax.",
        ...                  files=("src/tax/vat.py",), symbols=("vat_of",), imports=(("money", 2),)).text())
        tax: Computes tax.
        Symbols: vat_of
        Files: vat.py
        Uses: money
        """
        from graph.purpose import short_names

        head = f"{self.id}: {self.purpose}" if self.purpose else self.id
        lines = [head]
        for label, items in (
            ("Symbols", short_names(self.symbols[:10])),
            ("Files", tuple(_short_path(path, self.path) for path in self.files[:10])),
            ("Uses", tuple(name for name, _ in self.imports[:5])),
            ("Used by", tuple(name for name, _ in self.imported_by[:5])),
        ):
            if items:
                lines.append(f"{label}: {', '.join(items)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Catalog:
    """
    All module cards of one repository at one commit, with the files behind them.

    *modules* are sorted by id and *files* by path, whatever the order they were handed over in.
    """

    repository: str
    commit: str
    modules: tuple[ModuleCard, ...]
    files: tuple[FileCard, ...]
    _lookup: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "modules", tuple(sorted(self.modules, key=lambda card: card.id)))
        object.__setattr__(self, "files", tuple(sorted(self.files, key=lambda card: card.path)))
        self._lookup["cards"] = {card.id: card for card in self.modules}
        self._lookup["ids"] = {alias: card.id for card in reversed(self.modules) for alias in card.aliases}
        self._lookup["ids"] |= {card.id: card.id for card in self.modules}
        self._lookup["modules"] = {card.path: card.module for card in self.files}
        self._lookup["files"] = {card.path: card for card in self.files}

    @property
    def module_ids(self) -> tuple[str, ...]:
        """
        Ids of all modules, sorted.
        """
        return tuple(card.id for card in self.modules)

    @property
    def fingerprint(self) -> str:
        """
        The SHA-256 of the catalog's canonical JSON, as hex: equal exactly when the catalogs are.
        """
        if "fingerprint" not in self._lookup:
            self._lookup["fingerprint"] = hashlib.sha256(_canonical(self.to_json())).hexdigest()
        return str(self._lookup["fingerprint"])

    def module_of(self, path: str) -> str | None:
        """
        Name the module a file belongs to, or None when the file is not in the catalog.
        """
        module: str | None = self._lookup["modules"].get(path)
        return module

    def current_id(self, id: str) -> str | None:
        """
        Give the id of a module that may be named by an alias, or None when there is no such module any more.
        """
        found: str | None = self._lookup["ids"].get(id)
        return found

    def card(self, id: str) -> ModuleCard:
        """
        Give the card of one module.

        Raises:
            KeyError: There is no module of that id.
        """
        card: ModuleCard = self._lookup["cards"][id]
        return card

    def file(self, path: str) -> FileCard:
        """
        Give the card of one file.

        Raises:
            KeyError: There is no such file in the catalog.
        """
        card: FileCard = self._lookup["files"][path]
        return card

    def without_symbols(self, keys: Collection[tuple[str, str]]) -> Catalog:
        """
        Give the catalog as if the named symbols had never been written.

        Held-out evaluation asks with a symbol's own documentation; leaving any trace of the symbol in the
        cards would measure copying. Gone are the symbol and everything nested in it, its name among the main
        symbols and identifiers (where nothing else defines that name), sentences of its documentation that a
        file or module repeats, and a purpose derived from it.

        Args:
            keys: (file path, qualified name) of each symbol to leave out; unknown ones are ignored.
        """
        from graph.held_out import leave_out

        return leave_out(self, frozenset(keys)) if keys else self

    def to_json(self) -> dict[str, Any]:
        """
        Give the catalog as plain lists and dicts.
        """
        return {
            "format": CATALOG_FORMAT,
            "repository": self.repository,
            "commit": self.commit,
            "modules": [_module_json(card) for card in self.modules],
            "files": [_plain(card) | {"symbols": [_plain(symbol) for symbol in card.symbols]} for card in self.files],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Catalog:
        """
        Read what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        if value["format"] != CATALOG_FORMAT:
            raise ValueError(f"catalog format {value['format']}, expected {CATALOG_FORMAT}")
        return cls(
            repository=value["repository"],
            commit=value["commit"],
            modules=tuple(_module_card(row) for row in value["modules"]),
            files=tuple(_file_card(row) for row in value["files"]),
        )

    def save(self, path: Path) -> None:
        """
        Write the catalog as JSON; a reader sees the old file or the new one, never half of one.
        """
        write_atomically(path, _canonical(self.to_json()))

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """
        Read a catalog that `save` wrote.

        Raises:
            RepositoryError: The file is missing, damaged, or of another format.
        """
        try:
            return cls.from_json(json.loads(Path(path).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RepositoryError(f"{path} is not a readable catalog ({error}): index the repository again") from error


@dataclass(frozen=True, slots=True)
class PastRequirement:
    """
    What a past change asked for, and where it went.

    Attributes:
        id: The commit.
        date: When it was authored, ISO 8601 in UTC.
        text: The requirement, cleaned; the first line is its subject.
        modules: Ids at the indexed commit, most touched first.
        files: Touched files, under their names at the indexed commit.
        author: A name.
    """

    id: str
    date: str
    text: str
    modules: tuple[str, ...]
    files: tuple[str, ...]
    author: str


def save_history(path: Path, rows: Iterable[PastRequirement]) -> None:
    """
    Write past requirements as JSON lines, in the order given.
    """
    write_atomically(path, b"".join(_canonical(asdict(row)) + b"\n" for row in rows))


def load_history(path: Path) -> tuple[PastRequirement, ...]:
    """
    Read what `save_history` wrote.

    Raises:
        RepositoryError: The file is missing or damaged.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        return tuple(_past_requirement(json.loads(line)) for line in lines if line)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RepositoryError(f"{path} is not a readable history ({error}): index the repository again") from error


def write_atomically(path: Path, data: bytes) -> None:
    """
    Put *data* at *path* in one step, making its folder where needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _short_path(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else path.rsplit("/", 1)[-1]


def _plain(value: Any) -> dict[str, Any]:
    """
    Give the fields of a dataclass; unlike `asdict` without copying what is in them, which is most of the time it takes.
    """
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _module_json(card: ModuleCard) -> dict[str, Any]:
    row = _plain(card)
    if not card.aliases:
        del row["aliases"]  # a catalog written before there were any keeps its fingerprint
    return row


def _module_card(row: dict[str, Any]) -> ModuleCard:
    edges = {name: tuple((module, int(count)) for module, count in row[name]) for name in ("imports", "imported_by")}
    lists = {name: tuple(row[name]) for name in ("files", "symbols", "owners", "recent")}
    lists["aliases"] = tuple(row.get("aliases", ()))
    return ModuleCard(**{**row, **edges, **lists})


def _file_card(row: dict[str, Any]) -> FileCard:
    symbols = tuple(Symbol(**symbol) for symbol in row["symbols"])
    return FileCard(**{**row, "symbols": symbols, "identifiers": tuple(row["identifiers"])})


def _past_requirement(row: dict[str, Any]) -> PastRequirement:
    wanted = {item.name: row[item.name] for item in fields(PastRequirement)}
    return PastRequirement(**{**wanted, "modules": tuple(row["modules"]), "files": tuple(row["files"])})
