"""
The bytes of one file → what it says: symbols with documentation, imports, calls, identifiers, inheritance.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from dataclasses import dataclass

from tree_sitter import Node, Point, QueryCursor, Tree

from graph.languages.comments import clean_doc, is_heading, is_licence
from graph.languages.identifiers import frequent_identifiers, type_names
from graph.languages.registry import Grammar, Language, language_in, language_of, load_grammar
from graph.parsed import ParsedFile, Symbol

PARSE_SECONDS = 10.0
"""Of processor time, not of the clock: a busy machine must not change what is found."""
MATCH_LIMIT = 200_000

_CLASS_LIKE = frozenset({"class", "interface", "enum", "scope", "module", "type"})
_KINDS = _CLASS_LIKE | {"function", "method", "constructor", "constant", "property", "macro", "prototype"}
_GENERAL = {"type": 0, "class": 1}
"""Kinds that give way to a more telling one when two patterns match the same definition."""
_IMPLICIT = frozenset({"java", "kotlin", "scala", "csharp", "php", "swift", "ruby", "go"})
"""Languages where files of one package or target use each other's types without an import."""
_WRAPPERS = frozenset(
    {
        "decorated_definition",
        "export_statement",
        "template_declaration",
        "type_declaration",
        "const_declaration",
        "var_declaration",
        "lexical_declaration",
        "variable_declaration",
        "variable_declarator",
        "expression_statement",
        "assignment_expression",
        "field_declaration",
    }
)


_CONTEXT = re.compile(rb"^[ \t]*context\([^()\n]*\)[ \t]*$", re.MULTILINE)
"""Context parameters, which the grammar does not know yet: it would lose the definitions after them."""


class ParseTimeoutError(Exception):
    """
    Parsing one file took longer than `PARSE_SECONDS`.
    """


@dataclass(frozen=True, slots=True)
class _Definition:
    kind: str
    node: Node
    name: str
    receiver: str


def parse_file(path: str, data: bytes, *, blob: str, seconds: float = PARSE_SECONDS) -> ParsedFile:
    """
    Parse one file.

    Bytes that are not UTF-8 are replaced, line ends are made uniform; broken code gives what could be read.

    Args:
        path: Its path in the repository; its ending tells the language.
        data: Its contents.
        blob: Object id of the contents.
        seconds: How long the parser may take.

    Returns:
        A file without symbols when its language has no grammar here.

    Raises:
        ParseTimeoutError: The parser was stopped.
    """
    source = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").encode("utf-8")
    language = language_in(path, source)
    grammar = load_grammar(language) if language else None
    if language is None or grammar is None:
        return _plain_file(path, source, blob)
    tree = _parse(grammar, _CONTEXT.sub(_blank, source) if language.name == "kotlin" else source, seconds)
    return _Reader(path, blob, source, language, grammar, tree).read()


def _blank(match: re.Match[bytes]) -> bytes:
    return b" " * len(match[0])


def _parse(grammar: Grammar, source: bytes, seconds: float) -> Tree:
    deadline = time.thread_time() + seconds

    def chunk(offset: int, _point: Point) -> bytes:
        return source[offset:]

    try:
        return grammar.parser.parse(chunk, progress_callback=lambda _at, _error: time.thread_time() > deadline)
    except ValueError as error:
        # A parser that was stopped would continue with the old text at its next use.
        grammar.parser.reset()
        raise ParseTimeoutError(f"the parser was stopped after {seconds:g} seconds") from error


def _plain_file(path: str, source: bytes, blob: str) -> ParsedFile:
    return ParsedFile(
        path=path,
        blob=blob,
        language=language_of(path) or "text",
        lines=_line_count(source),
        doc="",
        symbols=(),
        imports=(),
        calls=(),
        identifiers=frequent_identifiers(source),
    )


class _Reader:
    """
    Reads one parsed tree; lives for one file.
    """

    def __init__(self, path: str, blob: str, source: bytes, language: Language, grammar: Grammar, tree: Tree) -> None:
        self.path, self.blob, self.source, self.language = path, blob, source, language
        self.grammar, self.root = grammar, tree.root_node
        cursor = QueryCursor(grammar.references)
        cursor.match_limit = MATCH_LIMIT
        # The order of captures depends on how patterns nest: only the order of the file is stable.
        self.captures = {
            name: sorted(nodes, key=lambda node: (node.start_byte, node.end_byte))
            for name, nodes in cursor.captures(self.root).items()
        }
        self.comments = {_last_row(node): node for node in self.captures.get("comment", [])}
        self.used: set[int] = set()
        self.namespaces: dict[str, None] = {}

    def read(self) -> ParsedFile:
        """
        Put everything together.
        """
        symbols, bases = self.symbols_and_bases()
        imports = {name for node in self.captures.get("import", []) for name in self.imported(node)}
        packages = self.captures.get("package", [])
        hidden = self.hidden()
        identifiers = frequent_identifiers(self.source, hidden)
        name = self.language.name
        return ParsedFile(
            path=self.path,
            blob=self.blob,
            language=self.language.name,
            lines=_line_count(self.source),
            doc=self.file_doc(),
            symbols=symbols,
            imports=tuple(sorted(imports)),
            calls=tuple(sorted({self.text(node) for node in self.captures.get("call", [])})),
            identifiers=identifiers,
            bases=bases,
            package=".".join(
                [self.package(node) for node in packages[: None if name == "scala" else 1]] or self.namespaces
            ),
            mentions=type_names(self.source, hidden, identifiers) if name in _IMPLICIT else (),
        )

    def imported(self, node: Node) -> tuple[str, ...]:
        names = self.language.read_import(self.text(node))
        if self.language.name != "rust" or not any(name.startswith("super") for name in names):
            return names
        return tuple(_seen_from_file(name, _inline_modules_around(node)) for name in names)

    def package(self, node: Node) -> str:
        return re.sub(r"\s+|;", "", self.text(node)).replace("\\", ".")

    def text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def definitions(self) -> list[_Definition]:
        cursor = QueryCursor(self.grammar.definitions)
        cursor.match_limit = MATCH_LIMIT
        found: dict[tuple[int, int], _Definition] = {}
        for _, captures in cursor.matches(self.root):
            if "name" not in captures:
                continue
            name = _plain_name(self.text(captures["name"][0]))
            receiver = self.text(captures["receiver"][0]) if "receiver" in captures else ""
            for kind, nodes in captures.items():
                if kind in _KINDS and name:
                    node = nodes[0]
                    place = node.start_byte, -node.end_byte
                    if place not in found or _GENERAL.get(found[place].kind, 9) < _GENERAL.get(kind, 9):
                        found[place] = _Definition(kind, node, name, receiver)
        return [found[key] for key in sorted(found)]

    def symbols_and_bases(self) -> tuple[tuple[Symbol, ...], tuple[tuple[str, str], ...]]:
        symbols: dict[str, Symbol] = {}
        spans: list[tuple[int, int, str]] = []
        stack: list[tuple[int, str, str]] = []
        for definition in self.definitions():
            node = definition.node
            while stack and stack[-1][0] <= node.start_byte:
                stack.pop()
            if definition.kind == "module" and _is_namespace(node):
                self.namespaces[definition.name] = None
                continue
            outer, outer_kind = (stack[-1][1], stack[-1][2]) if stack else ("", "")
            if outer_kind and outer_kind not in _CLASS_LIKE:
                continue
            qualified = ".".join(part for part in (outer, definition.receiver, definition.name) if part)
            kind = _kind_in(definition, outer_kind, qualified)
            stack.append((node.end_byte, qualified, kind))
            if kind in _CLASS_LIKE:
                spans.append((node.start_byte, node.end_byte, qualified))
            if kind != "scope":
                symbol = self.symbol(definition, kind, qualified)
                known = symbols.get(qualified)
                if known is None or (not known.doc and symbol.doc) or known.kind == "prototype":
                    symbols[qualified] = symbol
        return _as_functions(symbols), self.bases(spans)

    def symbol(self, definition: _Definition, kind: str, qualified: str) -> Symbol:
        node = definition.node
        return Symbol(
            name=qualified.rsplit(".", 1)[-1],
            kind=kind,
            qualified=qualified,
            line=node.start_point.row + 1,
            end_line=node.end_point.row + 1,
            signature=self.signature(node),
            doc=self.docstring(node) if self.language.docstrings else self.comment_before(node),
        )

    def signature(self, node: Node) -> str:
        body = _body(node)
        end = body.start_byte if body and body.start_byte > node.start_byte else node.end_byte
        text = self.source[node.start_byte : min(end, node.start_byte + 600)].decode("utf-8", "replace")
        if body is None:
            text = text.split("\n\n", 1)[0].split("{", 1)[0]
        text = re.sub(r"(?<!\S)(?:#|//)[^\n]*\n|^(?:@[\w.]+(?:\([^()]*\))?\s+)+", " ", text)
        text = re.sub(r"\s+", " ", re.split(r":\s+#", text)[0])
        return text.strip().rstrip("{:=> ;").rstrip()[:200]

    def docstring(self, node: Node) -> str:
        body = node if node.type == "module" else _body(node)
        first = next((child for child in body.children if child.type != "comment"), None) if body else None
        if first is not None and first.type == "expression_statement" and first.children:
            first = first.children[0]
        if first is None or first.type != "string":
            return ""
        return clean_doc(re.sub(r"^[rRuUbB]*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", "", self.text(first)))

    def comment_before(self, node: Node) -> str:
        outer = node
        while outer.parent is not None and outer.parent.type in _WRAPPERS:
            outer = outer.parent
        block = self.comment_block(outer.start_point.row - 1)
        return clean_doc("\n".join(block)) if block and not is_licence(block[0]) else ""

    def comment_block(self, row: int) -> list[str]:
        block: list[str] = []
        lines_above = 0
        while row >= 0:
            comment = self.comments.get(row)
            if comment is None and block == [] and lines_above < 8 and self.is_attribute(row):
                row, lines_above = row - 1, lines_above + 1
                continue
            if comment is None or not self.stands_alone(comment):
                break
            if block and comment.type == "block_comment":
                break
            block.insert(0, self.text(comment).rstrip("\n"))
            self.used.add(comment.start_byte)
            row = comment.start_point.row - 1
        return block

    def is_attribute(self, row: int) -> bool:
        return (
            re.match(rb"\s*(?:#!?\[|\[|@(?!interface|implementation|protocol|end|property))", self.line(row))
            is not None
        )

    def stands_alone(self, comment: Node) -> bool:
        start = comment.start_byte - comment.start_point.column
        return not self.source[start : comment.start_byte].strip()

    def line(self, row: int) -> bytes:
        if not hasattr(self, "_lines"):
            self._lines = self.source.split(b"\n")
        return self._lines[row] if 0 <= row < len(self._lines) else b""

    def file_doc(self) -> str:
        """
        Read the docstring, or the comment the file opens with unless that is a licence or belongs to a
        symbol.
        """
        if self.language.docstrings and (doc := self.docstring(self.root)):
            return doc
        block: list[str] = []
        for node in self.root.children:
            if "comment" not in node.type:
                break
            text = self.text(node).rstrip("\n")
            if is_licence(text) or text.startswith("#!"):
                block = []
            elif node.start_byte not in self.used and not is_heading(text):
                block.append(text)
        return clean_doc("\n".join(block))

    def bases(self, spans: list[tuple[int, int, str]]) -> tuple[tuple[str, str], ...]:
        starts = [start for start, _, _ in spans]
        found: dict[tuple[str, str], None] = {}
        for node in self.captures.get("base", []):
            place = bisect_right(starts, node.start_byte) - 1
            while place >= 0 and spans[place][1] < node.end_byte:
                place -= 1
            if place >= 0 and spans[place][2] != (base := self.text(node)):
                found[spans[place][2], base] = None
        return tuple(found)

    def hidden(self) -> list[tuple[int, int]]:
        """
        Give where comments and strings are, in order: prose must not count as identifiers.
        """
        return sorted(
            (node.start_byte, node.end_byte) for name in ("comment", "string") for node in self.captures.get(name, [])
        )


def _inline_modules_around(node: Node) -> int:
    count, outer = 0, node.parent
    while outer is not None:
        count, outer = count + (outer.type == "mod_item"), outer.parent
    return count


def _seen_from_file(name: str, depth: int) -> str:
    """
    Say what a path of Rust, written inside *depth* modules of the same file, is to the file.

    >>> _seen_from_file("super::Tax", 1), _seen_from_file("super::super::Tax", 1), _seen_from_file("super", 2)
    ('self::Tax', 'super::Tax', 'self')
    """
    parts = name.split("::")
    while depth and parts[:1] == ["super"]:
        depth, parts = depth - 1, parts[1:]
    return "::".join(parts if parts[:1] == ["super"] or name == "::".join(parts) else ["self", *parts])


def _is_namespace(node: Node) -> bool:
    """
    Tell whether a module of Ruby only says where the classes in it belong, as a namespace does elsewhere: named first
    on every card, and before every name, it would say nothing.
    """
    kinds = {child.type for child in body.named_children} if (body := node.child_by_field_name("body")) else set()
    return not kinds.isdisjoint({"class", "module"}) and kinds.isdisjoint(
        {"method", "singleton_method", "singleton_class"}
    )


def _last_row(node: Node) -> int:
    """
    Give the row a comment ends in; some grammars count the line end to it.
    """
    return node.end_point.row - 1 if node.end_point.column == 0 else node.end_point.row


def _body(node: Node) -> Node | None:
    body = node.child_by_field_name("body")
    if body is None and (value := node.child_by_field_name("value") or node.child_by_field_name("right")):
        body = value.child_by_field_name("body")
    if body is None:
        body = next((child for child in node.named_children if child.type.endswith(("_body", "block"))), None)
    return body


def _plain_name(text: str) -> str:
    text = re.sub(r"<[^<>]*>", "", text.split("(", 1)[0])
    return ".".join(part.strip() for part in re.split(r"::|\.|\\", text) if part.strip())


def _kind_in(definition: _Definition, outer_kind: str, qualified: str) -> str:
    if definition.kind in ("function", "prototype") and (outer_kind in _CLASS_LIKE or "." in qualified):
        return "method"
    return definition.kind


def _as_functions(symbols: dict[str, Symbol]) -> tuple[Symbol, ...]:
    ordered = sorted(symbols.values(), key=lambda symbol: (symbol.line, symbol.qualified))
    return tuple(
        Symbol(s.name, "function", s.qualified, s.line, s.end_line, s.signature, s.doc) if s.kind == "prototype" else s
        for s in ordered
    )


def _line_count(source: bytes) -> int:
    return source.count(b"\n") + (1 if source and not source.endswith(b"\n") else 0)
