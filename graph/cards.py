"""
Module cards: title, purpose, main symbols, neighbours — read off the files of each module.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from graph.languages.comments import clean_doc
from graph.modules import ModuleFiles
from graph.purpose import purpose_from
from graph.values import FileCard, ModuleCard, ParsedFile, Symbol

MAIN_SYMBOLS = 12
NEIGHBOURS = 12

_HEADS = (
    "__init__.py",
    "package-info.java",
    "doc.go",
    "lib.rs",
    "mod.rs",
    "main.rs",
    "index.ts",
    "index.tsx",
    "index.js",
)
_WEIGHTS = {
    "class": 3.0,
    "interface": 3.0,
    "function": 2.0,
    "enum": 1.5,
    "module": 1.5,
    "type": 1.2,
    "macro": 1.0,
}
_PLAIN_WORDS = (
    "main run init setup test get set new create build index start stop update close open add remove"
    " clear copy load"
    " save read write size next State"
)
_PLAIN_NAMES = frozenset(_PLAIN_WORDS.split())
_EVERY_OBJECT = "toString equals hashCode clone finalize to_s inspect description Dispose ToString Equals GetHashCode"
_SAID_OF_EVERY_OBJECT = frozenset(_EVERY_OBJECT.split())
_FEW_SYMBOLS = 3


def make_cards(
    modules: Sequence[ModuleFiles],
    files: Mapping[str, ParsedFile],
    imports: Mapping[str, Sequence[str]],
    readmes: Mapping[str, str],
    *,
    described: Mapping[str, str] | None = None,
) -> tuple[tuple[ModuleCard, ...], tuple[FileCard, ...]]:
    """
    Describe modules and files.

    Args:
        modules: Which files each module has.
        files: Parsed files by path.
        imports: Paths that each file imports.
        readmes: Folder → text of the README in it.
        described: Module id → what people say it is for, instead of what its documentation says.

    Returns:
        Module cards in the order of *modules*, and one file card per file.
    """
    module_of = {path: module.id for module in modules for path in module.files}
    forward, backward = _neighbours(module_of, imports)
    used = _used_from_elsewhere(files, module_of)
    cards: list[ModuleCard] = []
    file_cards: list[FileCard] = []
    for module in modules:
        own = tuple(_file_card(files[path], module.id) for path in module.files)
        symbols = main_symbols(own, used)
        doc = (described or {}).get(module.id) or _module_doc(module, own, readmes)
        cards.append(
            ModuleCard(
                id=module.id,
                title=title_of(module.id, run=_is_run(module)),
                path=module.path,
                purpose=purpose_from(doc, symbols, own),
                files=module.files,
                symbols=symbols,
                imports=_strongest(forward.get(module.id, Counter())),
                imported_by=_strongest(backward.get(module.id, Counter())),
                doc=doc,
            )
        )
        file_cards += own
    return tuple(cards), tuple(file_cards)


def title_of(id: str, *, run: bool = False) -> str:
    """
    Make a title for people out of a module id.

    Args:
        id: The module id.
        run: Whether its last part names no folder or file but how the names of its files begin, see `graph.modules`.

    >>> title_of("algorithms/shortest_paths"), title_of("core/routing/AStarRouter"), title_of("(root)")
    ('Shortest paths (algorithms)', 'A star router (core/routing)', 'Top level')
    >>> title_of("plugins/c-f", run=True), title_of("lib/cu", run=True)
    ('Names from c to f (plugins)', 'Names with cu (lib)')
    """
    if id == "(root)":
        return "Top level"
    parent, _, last = id.rpartition("/")
    if run:
        first, dash, final = last.partition("-")
        last = f"Names from {first} to {final}" if dash else f"Names with {first}"
        return f"{last} ({parent})" if parent else last
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-.]+", " ", last).split()
    flat = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words) or last
    title = flat[0].upper() + flat[1:]
    return f"{title} ({parent})" if parent else title


def _is_run(module: ModuleFiles) -> bool:
    """
    Tell whether a module holds what begins as its id says, between two beginnings or with one.
    """
    last = module.id.rpartition("/")[2].casefold()
    first, _, final = last.partition("-")
    below = sorted({path[len(module.path) :].lstrip("/").split("/", 1)[0].casefold() for path in module.files})
    stems = {name.split(".", 1)[0] for name in below}
    named = posixpath.basename(module.path).casefold() == last  # a folder of that name
    return not named and last not in stems and below[0].startswith(first) and below[-1].startswith(final or first)


def main_symbols(files: Iterable[FileCard], used: Mapping[str, int]) -> tuple[str, ...]:
    """
    Choose what tells most about a module: public classes and functions that are large, documented and used
    elsewhere.

    Args:
        files: The module's files.
        used: Name → number of files of other modules that mention it.

    Returns:
        At most `MAIN_SYMBOLS` distinct qualified names, most telling first.
    """
    files = tuple(files)
    outer = _by_score(files, used, lambda name: "." not in name and not name.startswith("_"))
    if len(outer) >= _FEW_SYMBOLS:
        return tuple(outer[:MAIN_SYMBOLS])
    # Few large classes are told by what they can do; a module of hidden helpers by those.
    members = _by_score(files, used, lambda name: "." in name and not re.search(r"(?:^|\.)_", name))
    found = outer + members or _by_score(files, used, lambda name: True)
    return tuple(found[:MAIN_SYMBOLS])


def _by_score(files: Sequence[FileCard], used: Mapping[str, int], wanted: Callable[[str], bool]) -> list[str]:
    scored: dict[str, float] = {}
    for file in files:
        inner = Counter(symbol.qualified.split(".", 1)[0] for symbol in file.symbols if "." in symbol.qualified)
        for symbol in file.symbols:
            name = symbol.qualified
            if not wanted(name) or symbol.kind == "constructor" or symbol.name in _SAID_OF_EVERY_OBJECT:
                continue
            score = _score(symbol, inner[symbol.name], used)
            if score > scored.get(name, 0.0):
                scored[name] = score
    return [name for name, _ in sorted(scored.items(), key=lambda item: (-round(item[1], 6), item[0]))]


def _score(symbol: Symbol, members: int, used: Mapping[str, int]) -> float:
    weight = _WEIGHTS.get(symbol.kind, 0.5 if "." in symbol.qualified else 0.3)
    size = math.log2(2 + symbol.end_line - symbol.line + 4 * members)
    mentions = 0 if symbol.name in _PLAIN_NAMES else used.get(symbol.name, 0)
    hidden = 0.2 if symbol.name.startswith("_") else 1.0
    return weight * (size + 2 * math.log2(1 + mentions) + (2 if symbol.doc else 0)) * hidden


def _file_card(file: ParsedFile, module: str) -> FileCard:
    return FileCard(file.path, module, file.language, file.lines, file.doc, file.symbols, file.identifiers)


def _used_from_elsewhere(files: Mapping[str, ParsedFile], module_of: Mapping[str, str]) -> dict[str, int]:
    defined = {symbol.name for file in files.values() for symbol in file.symbols}
    said: dict[str, set[str]] = defaultdict(set)
    for path, file in files.items():
        said[module_of[path]].update(file.calls, file.identifiers)
    counts: Counter[str] = Counter()
    for names in said.values():
        counts.update(names & defined)
    return {name: count - 1 for name, count in counts.items() if count > 1}


def _neighbours(
    module_of: Mapping[str, str], imports: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    forward: dict[str, Counter[str]] = {}
    backward: dict[str, Counter[str]] = {}
    for path, targets in imports.items():
        for target in targets:
            source, aim = module_of[path], module_of[target]
            if source != aim:
                forward.setdefault(source, Counter())[aim] += 1
                backward.setdefault(aim, Counter())[source] += 1
    return forward, backward


def _strongest(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NEIGHBOURS])


def _module_doc(module: ModuleFiles, files: Sequence[FileCard], readmes: Mapping[str, str]) -> str:
    """
    Find what a module says about itself: its package documentation, else the README of its folder.
    """
    direct = {posixpath.basename(file.path): file for file in files if posixpath.dirname(file.path) == module.path}
    for head in _HEADS:
        if head in direct and direct[head].doc:
            return direct[head].doc
    if len(files) == 1:
        return files[0].doc
    for file in files:
        own = posixpath.dirname(file.path) == module.path
        if own and file.language == "go" and re.match(r"Package \w+ ", file.doc):
            return file.doc
    return prose_of_readme(readmes[module.path]) if module.path in readmes else ""


def prose_of_readme(text: str) -> str:
    """
    Give the first prose of a README: no headings, badges, lists or code.

    >>> prose_of_readme("# Tax\\n\\n[![ci](x)](y)\\n\\nComputes *VAT* for carts.\\n\\n```sh\\nmake\\n```")
    'Computes VAT for carts.'
    """
    text = re.sub(r"```.*?(?:```|\Z)|<!--.*?-->", "", text.replace("\r\n", "\n"), flags=re.DOTALL)
    text = re.sub(r"^[^\n]+\n[=~^-]{3,}[ \t]*$", "", text, flags=re.MULTILINE)
    prose = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line for line in paragraph.strip().split("\n") if line.strip()]
        if lines and not any(
            re.match(r"\s*(?:#|!?\[!?\[|!\[|[-*+|] |\d+\. |<|\.\. |::|\{|:\w+:|\$ |> )", line) for line in lines
        ):
            prose.append(clean_doc("\n".join(lines)))
    return "\n\n".join([part for part in prose if len(part.split()) >= 4][:2])[:800]
