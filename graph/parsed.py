"""
What one file says by itself, and how it is written down.

Apart from the other values, so that a process that only parses starts without whatever those need.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Symbol:
    """
    One definition in a file.

    Attributes:
        name: The last part, as written in the code: ``add_edge``.
        kind: class, interface, enum, function, method, constant, type, module …
        qualified: The name inside its file, outer definitions first: ``Graph.add_edge``.
        line: First line, counted from 1.
        end_line: Last line, inclusive.
        signature: The head of the definition on one line.
        doc: Its documentation as plain text, at most 800 characters; empty when there is none.
    """

    name: str
    kind: str
    qualified: str
    line: int
    end_line: int
    signature: str
    doc: str


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """
    What one file says by itself, before it is related to others. Depends on its bytes and path only.

    Attributes:
        blob: The object id of the contents, as git computes it.
        lines: Number of lines.
        doc: The file's own documentation: a module docstring or the comment it opens with.
        imports: What it imports, as written, sorted, without repeats.
        calls: Names it calls, sorted, without repeats.
        identifiers: Distinct identifiers, most frequent first.
        bases: (qualified class, name of what it inherits from), in order of appearance.
        package: The package or namespace the file declares itself, for languages that do so; else empty.
        mentions: Capitalised names it uses beside *identifiers*, sorted, where a type may be used without an import.
    """

    path: str
    blob: str
    language: str
    lines: int
    doc: str
    symbols: tuple[Symbol, ...]
    imports: tuple[str, ...]
    calls: tuple[str, ...]
    identifiers: tuple[str, ...]
    bases: tuple[tuple[str, str], ...] = ()
    package: str = ""
    mentions: tuple[str, ...] = ()


def pack(parsed: ParsedFile) -> str:
    """
    Write a parse result as JSON, without its path: copies of a file share one result.
    """
    symbols = [astuple(symbol) for symbol in parsed.symbols]
    rest = [
        parsed.blob,
        parsed.language,
        parsed.lines,
        parsed.doc,
        parsed.imports,
        parsed.calls,
        parsed.identifiers,
    ]
    last = [parsed.bases, parsed.package, parsed.mentions]
    return json.dumps([symbols, *rest, *last], ensure_ascii=False, separators=(",", ":"))


def unpack(path: str, value: str) -> ParsedFile:
    """
    Read what `pack` wrote, for the file at *path*.

    Raises:
        ValueError, TypeError: It was not written by `pack`.
    """
    symbols, blob, language, lines, doc, imports, calls, identifiers, *last = json.loads(value)
    bases, package, mentions = last
    return ParsedFile(
        path=path,
        blob=blob,
        language=language,
        lines=lines,
        doc=doc,
        symbols=tuple(Symbol(*row) for row in symbols),
        imports=tuple(imports),
        calls=tuple(calls),
        identifiers=tuple(identifiers),
        bases=tuple((inner, base) for inner, base in bases),
        package=package,
        mentions=tuple(mentions),
    )
