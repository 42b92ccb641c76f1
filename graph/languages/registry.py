"""
Which languages there are, how a path tells its language, and how a grammar is loaded.

Grammars come as one wheel per language. The all-in-one pack is avoided: its later versions carry no
grammars and fetch them at the first parse, which hangs without a network.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from graph.languages import imports

if TYPE_CHECKING:
    import tree_sitter

log = logging.getLogger("signpost.graph")

REFERENCES = ";; references\n"


@dataclass(frozen=True, slots=True)
class Language:
    """
    One language with a grammar.

    Attributes:
        name: What cards say: ``python``.
        suffixes: File name endings, lower case, with the dot.
        package: The importable grammar wheel.
        factory: The function in it that gives the grammar.
        query: Name of the query file beside this module, without its ending.
        read_import: Turns the text of one import statement into the names it imports.
        docstrings: Whether documentation stands inside the definition and not before it.
    """

    name: str
    suffixes: tuple[str, ...]
    package: str
    query: str
    read_import: Callable[[str], tuple[str, ...]]
    factory: str = "language"
    docstrings: bool = False


LANGUAGES: tuple[Language, ...] = (
    Language("python", (".py", ".pyi"), "tree_sitter_python", "python", imports.python, docstrings=True),
    Language("java", (".java",), "tree_sitter_java", "java", imports.jvm),
    Language("kotlin", (".kt", ".kts"), "tree_sitter_kotlin", "kotlin", imports.jvm),
    Language("javascript", (".js", ".jsx", ".mjs", ".cjs"), "tree_sitter_javascript", "javascript", imports.literal),
    Language(
        "typescript",
        (".ts", ".mts", ".cts"),
        "tree_sitter_typescript",
        "typescript",
        imports.literal,
        "language_typescript",
    ),
    Language("tsx", (".tsx",), "tree_sitter_typescript", "typescript", imports.literal, "language_tsx"),
    Language("go", (".go",), "tree_sitter_go", "go", imports.literal),
    Language("c", (".c",), "tree_sitter_c", "c", imports.include),
    Language(
        "cpp",
        (".cpp", ".cc", ".cxx", ".c++", ".h", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".inl", ".cu", ".cuh"),
        "tree_sitter_cpp",
        "cpp",
        imports.include,
    ),
    Language("rust", (".rs",), "tree_sitter_rust", "rust", imports.rust),
    Language("csharp", (".cs",), "tree_sitter_c_sharp", "csharp", imports.csharp),
    Language("ruby", (".rb", ".rake"), "tree_sitter_ruby", "ruby", imports.ruby),
    Language("php", (".php",), "tree_sitter_php", "php", imports.php, "language_php"),
    Language("swift", (".swift",), "tree_sitter_swift", "swift", imports.literal),
    Language("scala", (".scala", ".sc"), "tree_sitter_scala", "scala", imports.scala),
    Language("objc", (".m", ".mm"), "tree_sitter_objc", "objc", imports.include),
)

_PLAIN_TEXT_SUFFIXES: dict[str, str] = {
    "html": ".html .htm .xhtml .jinja .jinja2 .j2 .erb .haml .twig .mustache .hbs .ejs .jsp .cshtml .razor"
    " .ftl .vm .pug .slim",
    "css": ".css .scss .sass .less .styl",
    "shell": ".sh .bash .zsh .fish .ps1 .bat",
    "elixir": ".ex .exs .heex .eex",
    "erlang": ".erl .hrl",
    "haskell": ".hs .lhs",
    "ocaml": ".ml .mli",
    "fsharp": ".fs .fsx .fsi",
    "clojure": ".clj .cljs .cljc",
    "groovy": ".groovy .gradle",
    "fortran": ".f .f90 .f95 .f03 .for",
    "perl": ".pl .pm",
    "shader": ".vert .frag .glsl .hlsl .metal .wgsl .comp",
    "assembly": ".asm .s",
    "cython": ".pyx .pxd .pxi",
    "terraform": ".tf .hcl",
    "vue": ".vue",
    "svelte": ".svelte",
    "astro": ".astro",
    "sql": ".sql",
    "protobuf": ".proto",
    "thrift": ".thrift",
    "graphql": ".graphql .gql",
    "lua": ".lua",
    "r": ".r",
    "julia": ".jl",
    "dart": ".dart",
    "zig": ".zig",
    "nim": ".nim",
    "pascal": ".pas",
    "visualbasic": ".vb",
    "elm": ".elm",
    "solidity": ".sol",
    "opencl": ".cl",
    "cmake": ".cmake",
    "qml": ".qml",
}

PLAIN_TEXT = {suffix: name for name, suffixes in _PLAIN_TEXT_SUFFIXES.items() for suffix in suffixes.split()}
"""Text languages that count as files of their module although nothing is parsed in them."""

_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}
_OBJECTIVE_C = _BY_SUFFIX[".m"]
_DIRECTIVE = re.compile(rb"^[ \t]*(?:@(?:interface|protocol|class|import|end)\b|#[ \t]*import[ \t])", re.MULTILINE)
_NAMES = PLAIN_TEXT | {suffix: language.name for suffix, language in _BY_SUFFIX.items()}


@dataclass(frozen=True, slots=True)
class Grammar:
    """
    A loaded grammar with its compiled queries.
    """

    parser: tree_sitter.Parser
    definitions: tree_sitter.Query
    references: tree_sitter.Query


def language_of(path: str) -> str | None:
    """
    Name the language of a file by the ending of its name, or None for something that is not source text.

    >>> language_of("src/App.TSX"), language_of("site.scss"), language_of("logo.png")
    ('tsx', 'css', None)
    """
    return _NAMES.get(_suffix(path))


def language_in(path: str, source: bytes) -> Language | None:
    """
    Give the language with a grammar that a file is written in, if there is one.

    A header is C++ for all its name says; one of Objective-C shows it by its directives.

    >>> language_in("Tax.h", b"#import <Foundation/Foundation.h>").name, language_in("tax.h", b"#include <vector>").name
    ('objc', 'cpp')
    """
    suffix = _suffix(path)
    return _OBJECTIVE_C if suffix == ".h" and _DIRECTIVE.search(source) else _BY_SUFFIX.get(suffix)


def _suffix(path: str) -> str:
    """
    Give the ending of a file's name, lower case, with the dot; a name that is all ending has none.

    >>> _suffix("src/App.TSX"), _suffix("src.d/.py"), _suffix("Makefile")
    ('.tsx', '', '')
    """
    stem, dot, suffix = path.rpartition(".")
    return f".{suffix.lower()}" if dot and stem and stem[-1] != "/" and "/" not in suffix else ""


@cache
def load_grammar(language: Language) -> Grammar | None:
    """
    Load a grammar, once per process.

    Returns:
        None when its wheel is missing or does not fit; that is said once, as a warning, because the files of
        that language then count without their symbols.
    """
    import tree_sitter  # only where something is parsed: finding a path's language must be cheap

    try:
        factory = getattr(importlib.import_module(language.package), language.factory)
        grammar = tree_sitter.Language(factory())
        with open(os.path.join(os.path.dirname(__file__), f"{language.query}.scm"), encoding="utf-8") as file:
            text = file.read()
        definitions, _, references = text.partition(REFERENCES)
        return Grammar(
            parser=tree_sitter.Parser(grammar),
            definitions=tree_sitter.Query(grammar, definitions),
            references=tree_sitter.Query(grammar, references),
        )
    except (ImportError, AttributeError, OSError, ValueError) as error:
        wheel = language.package.replace("_", "-")
        log.warning(
            "no grammar for %s (%s): its files count, but without symbols; install the wheel %s",
            language.name,
            error,
            wheel,
        )
        return None
