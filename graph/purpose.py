"""
What a module is for, in a sentence or two.

Stands below `graph.values` so that a catalog can derive its purposes again after symbols were held out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

LONGEST_PURPOSE = 240
_FILES_TOLD_BY_TWO = 12
_NOTE = re.compile(
    r"^\W*(?:please\s+)?"
    r"(?:notes?|n\.?b\.?|nota bene|warning|caution|attention|important|todo|fixme|xxx|hack|deprecated|see|submodules)\b"
    r"(?=\s*[:!]|\s+-|\s+(?:that|about|also|should|must|https?)\b|\W*$|\s+(?-i:[A-Z#<]))"
    r"|\b(?:TODO|FIXME|XXX)\b|\bnoqa\b|\bpylint\b|\beslint\b|https?://\S+$"
    r"|\bcircular (?:import|dependenc|reference)|\bbackwards?[- ]compatib|\blegacy reasons\b|\bset up here\b"
    r"|\b(?:edit|editing|modify|modifying|change|changing|update|updating) this file\b|\bkeep (?:\w+ )?(?:in )?sync\b"
    r"|\b(?:do not|don't|never|should(?: only| not)?|must(?: not)?) (?:be )?"
    r"(?:import|export|edit|remove|use[d]? directly)"
    r"|\bimport(?:ed|ing)? (?:\w+ ){0,3}(?:from )?here\b|\bfor maintainability\b|\bleft here for reference\b",
    re.IGNORECASE,
)
_TODO = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
_RULER = re.compile(r"^\W*([-=~*#_])\1+ .* \1\1+\W*$")
"""A heading between lines."""
_DRAWN = re.compile(r"[_|\\/]")
_EMPTY_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "is",
        "for",
        "of",
        "class",
        "interface",
        "enum",
        "struct",
        "type",
        "object",
        "constructor",
        "defines",
        "initializes",
        "new",
        "instance",
        "gets",
        "sets",
    ]
)
_WHAT = {"css": "Style sheets for", "html": "Templates for", "shell": "Scripts:", "sql": "SQL for"}


class _Symbol(Protocol):
    @property
    def qualified(self) -> str: ...
    @property
    def doc(self) -> str: ...


class _File(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def doc(self) -> str: ...
    @property
    def symbols(self) -> Sequence[_Symbol]: ...


def purpose_from(doc: str, main_symbols: Sequence[str], files: Sequence[_File]) -> str:
    """
    Say what a module is for.

    Its own documentation comes first; then the documentation of its only or leading files; then what its main
    symbols say about themselves; then just their names.

    Args:
        doc: The module's own documentation, may be empty.
        main_symbols: Qualified names, most telling first.
        files: Its files with their documentation and symbols.

    Returns:
        At most two sentences; empty only for a module without files.

    >>> purpose_from("Shortest paths.  All of them.  And more.", (), ())
    'Shortest paths. All of them.'
    >>> purpose_from("", ("Router", "Via"), ())
    'Holds Router and Via.'
    """
    if sentences := lead(doc, 2):
        return sentences
    told = _file_docs(files) or _symbol_docs(main_symbols, files)
    if told:
        return clip(" ".join(told[:2]))
    return _names("Holds", short_names(main_symbols)) or _files(files)


def lead(text: str, count: int) -> str:
    """
    Give the first *count* sentences of the first paragraph that is more than a heading, clipped.

    >>> lead("Money\\n\\nAmounts of money and how to round them. And so on.", 1)
    'Amounts of money and how to round them.'
    """
    chosen: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        parts = _parts(_TODO.split(" ".join(paragraph.split()), 1)[0].rstrip())
        told = [part for part in parts if _is_told(part)]
        if len(" ".join(told).split()) > 2:
            chosen = told
            break
        chosen = chosen or told
    return clip(" ".join(chosen[:count]))


def _parts(paragraph: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"'`(\d])", paragraph)


def _is_told(sentence: str) -> bool:
    """
    Whether a sentence says what something is, and is no note to developers, heading, lead-in to a list or drawing.

    >>> [_is_told(text) for text in ("Rounds money.", "PLEASE NOTE: keep both.", "Set up here:", "TODO: own menu?")]
    [True, False, False, False]
    >>> [_is_told(text) for text in ("--- public function ---", "___| | | |_ for OpenVMS", "Reads a -- b.")]
    [False, False, True]
    """
    if not re.search(r"[^\W\d_]{2}", sentence) or _NOTE.search(sentence) or _RULER.search(sentence):
        return False
    if 3 * len(_DRAWN.findall(sentence)) > len("".join(sentence.split())):  # a picture made of signs
        return False
    shouted = sentence.isupper() and len(sentence.split()) > 1
    return not (shouted or sentence.endswith((":", ":.")))


def short_names(qualified: Sequence[str]) -> tuple[str, ...]:
    """
    Say members by their own name where what they belong to was already said.

    >>> short_names(("Graph", "Graph.add_edge", "View.items"))
    ('Graph', 'add_edge', 'View.items')
    """
    said = set(qualified)
    return tuple(
        dict.fromkeys(name.rpartition(".")[2] if name.rpartition(".")[0] in said else name for name in qualified)
    )


def clip(text: str, limit: int = LONGEST_PURPOSE) -> str:
    """
    Cut at a word, with an ellipsis, where *text* is longer than *limit*.

    >>> clip("one two three", 9)
    'one two …'
    """
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"


def _file_docs(files: Sequence[_File]) -> list[str]:
    documented = [file for file in files if file.doc]
    if not documented or len(documented) * 2 < len(files):
        return []
    largest = sorted(documented, key=lambda file: (-len(file.symbols), file.path))
    if len(files) <= _FILES_TOLD_BY_TWO:
        return _distinct(_sentence(lead(file.doc, 1)) for file in largest[:2])
    names = list(dict.fromkeys(_plain_stem(file.path) for file in files if file is not largest[0]))
    return [_sentence(lead(largest[0].doc, 1)), _names("Also", [name for name in names if name])]


def _symbol_docs(main_symbols: Sequence[str], files: Sequence[_File]) -> list[str]:
    docs: dict[str, str] = {}
    for file in files:
        for symbol in file.symbols:
            if symbol.doc:
                docs.setdefault(symbol.qualified, symbol.doc)
    told = (
        _told_of(short, said)
        for name, short in zip(main_symbols, short_names(main_symbols), strict=False)
        if (said := lead(docs.get(name, ""), 1))
    )
    return _distinct(islice(filter(None, told), 2))


def _told_of(name: str, said: str) -> str:
    """
    Put a name before what is said of it, unless that begins with it; nothing where it says no more than the name.

    >>> _told_of("Rate", "A rate of VAT"), _told_of("rate_of", "rate_of() gives VAT."), _told_of("Rate", "Class Rates.")
    ('Rate: A rate of VAT.', 'rate_of() gives VAT.', '')
    """
    words = set(re.findall(r"\w+", said.casefold())) - _EMPTY_WORDS
    if (
        not words
        or re.fullmatch(r"(?:class|interface|enum|struct)\s+\w+\W*", said, re.IGNORECASE)
        or words
        <= {
            name.casefold(),
            *re.findall(r"\w+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()),
        }
    ):
        return ""
    last = name.rpartition(".")[2]
    begins = said.startswith((f"{name} ", f"{last} ", f"{last}() ", f"{last}: "))
    return _sentence(said if begins else f"{name}: {said}")


def _names(verb: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    if len(names) > 6:
        return f"{verb} {', '.join(names[:5])} and {len(names) - 5} more."
    return f"{verb} {', '.join(names[:-1])} and {names[-1]}." if len(names) > 1 else f"{verb} {names[0]}."


def _files(files: Sequence[_File]) -> str:
    """
    Describe what has no symbols (templates, style sheets) by the names of its files.
    """
    if not files:
        return ""
    language = Counter(file.language for file in files).most_common(1)[0][0]
    stems = dict.fromkeys(_plain_stem(file.path) for file in files)
    return _names(_WHAT.get(language, "Files:"), [stem for stem in stems if stem])


def _plain_stem(path: str) -> str:
    stem = path.rsplit("/", 1)[-1].split(".", 1)[0]
    return "" if stem in ("__init__", "index", "mod") else re.sub(r"[-_]+", " ", stem).strip()


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else text + "."


def _distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]
