"""
Requirement texts made from the graph: what an engineer might ask whose answer is this symbol's module.

By rule, not by sampling: the rule is chosen by a hash of the symbol, so the same code gives the same texts. Rules:

    documentation   first sentence of the documentation, third person turned into a command ("Returns" → "return")
    question        the same as a question ("where do we …?", "which part should …?")
    complaint       the same as something that goes wrong ("it does not … correctly")
    name            the words of the symbol's own name, for code without documentation
"""

from __future__ import annotations

import hashlib
import re

from graph.values import Symbol
from inference.text import words

_DIRECTIVE = re.compile(
    r"^(deprecated|todo|fixme|note|warning|see also|see |example|internal|copyright|@|\.\.|:param)", re.I
)
_VERB = re.compile(r"^([A-Z]?[a-z]+)(s)\b")
_NOT_VERBS = frozenset(
    [
        "this",
        "class",
        "is",
        "has",
        "was",
        "does",
        "its",
        "as",
        "us",
        "less",
        "process",
        "access",
        "address",
        "across",
    ]
)
_KEEP_ES = ("ss", "sh", "ch", "x", "zz", "o")
MIN_WORDS = 3
MAX_WORDS = 32


def requirement_from(symbol: Symbol) -> str | None:
    """
    Give one requirement text for *symbol*, or None when neither documentation nor name says enough.
    """
    sentence = first_sentence(symbol.doc)
    number = int(hashlib.sha256(f"{symbol.qualified}\n{symbol.doc}".encode()).hexdigest(), 16)
    if sentence:
        return _phrase(imperative(sentence), number)
    named = [word for word in words(re.sub(r"[._]", " ", symbol.qualified)) if len(word) > 2]
    parts = [word for word in named if not any(word != other and other in word for other in named)]
    if symbol.kind in {"class", "interface", "struct", "trait"} or len(set(parts)) < MIN_WORDS:
        return None
    return _phrase(" ".join(dict.fromkeys(parts)), number)


def first_sentence(doc: str) -> str | None:
    """
    Give the documentation's first sentence when it is prose of a usable length.

    >>> first_sentence("Returns the shortest path between two nodes. Uses Dijkstra.")
    'Returns the shortest path between two nodes'
    >>> first_sentence("Deprecated: use route() instead.") is None
    True
    """
    text = " ".join(doc.split())
    sentence = re.split(r"(?<=[a-z0-9)\"'`])[.:;](?:\s|$)", text, maxsplit=1)[0].strip(" .")
    count = len(sentence.split())
    if _DIRECTIVE.match(sentence) or not MIN_WORDS <= count <= MAX_WORDS:
        return None
    if sum(character.isalpha() or character == " " for character in sentence) < 0.75 * len(sentence):
        return None
    return sentence


def imperative(sentence: str) -> str:
    """
    Turn a leading third person verb into the command form.

    >>> imperative("Returns the path"), imperative("Computes flows"), imperative("Class of roads")
    ('return the path', 'compute flows', 'class of roads')
    >>> imperative("Matches edges"), imperative("Applies tolls")
    ('match edges', 'apply tolls')
    """
    match = _VERB.match(sentence)
    head, _, rest = sentence.partition(" ")
    if match and match.group(0) == head and head.lower() not in _NOT_VERBS and not head.endswith("ss"):
        word = head.lower()
        if word.endswith("ies") and len(word) > 4:
            word = word[:-3] + "y"
        elif word.endswith("es") and word[:-2].endswith(_KEEP_ES):
            word = word[:-2]
        else:
            word = word[:-1]
        return f"{word} {rest}"
    keeps_case = len(head) > 1 and any(character.isupper() for character in head[1:])
    return sentence if keeps_case else sentence[:1].lower() + sentence[1:]


_VERBS = frozenset(
    [
        "add",
        "apply",
        "assign",
        "attach",
        "build",
        "calculate",
        "call",
        "change",
        "check",
        "clear",
        "close",
        "collect",
        "compute",
        "connect",
        "construct",
        "convert",
        "copy",
        "count",
        "create",
        "decide",
        "decode",
        "define",
        "delete",
        "describe",
        "detect",
        "determine",
        "disable",
        "display",
        "draw",
        "enable",
        "encode",
        "ensure",
        "estimate",
        "evaluate",
        "execute",
        "expand",
        "export",
        "extract",
        "fetch",
        "fill",
        "filter",
        "find",
        "fit",
        "format",
        "generate",
        "get",
        "give",
        "handle",
        "import",
        "initialize",
        "insert",
        "iterate",
        "join",
        "list",
        "load",
        "look",
        "make",
        "map",
        "mark",
        "match",
        "merge",
        "modify",
        "move",
        "normalize",
        "open",
        "parse",
        "perform",
        "prepare",
        "print",
        "produce",
        "provide",
        "raise",
        "read",
        "rebuild",
        "record",
        "register",
        "relabel",
        "remove",
        "rename",
        "render",
        "replace",
        "represent",
        "request",
        "reset",
        "resolve",
        "restore",
        "return",
        "run",
        "sample",
        "save",
        "search",
        "select",
        "send",
        "serialize",
        "set",
        "show",
        "shuffle",
        "solve",
        "sort",
        "split",
        "start",
        "stop",
        "store",
        "test",
        "throw",
        "transform",
        "traverse",
        "try",
        "turn",
        "update",
        "use",
        "validate",
        "verify",
        "wait",
        "wrap",
        "write",
        "yield",
    ]
)
_COMMANDS = (
    "{}",
    "{}",
    "{}",
    "where do we {}?",
    "which part should {}?",
    "it does not {} correctly",
    "please {} faster",
)
_THINGS = ("{}", "{}", "{}", "where is {}?", "something is wrong with {}", "change {}")


def _phrase(core: str, number: int) -> str:
    forms = _COMMANDS if core.split(" ", 1)[0].lower() in _VERBS else _THINGS
    text = forms[number % len(forms)].format(core)
    return text[:1].upper() + text[1:] if number % 3 else text
