"""
How texts become terms: one tokenizer for requirements, cards and code, so that they meet.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

MAX_REQUIREMENT_CHARACTERS = 4_000

_TAIL_CHARACTERS = 1_300
_CJK_SET = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[A-Za-z][A-Za-z0-9]*|[0-9]+|[{_CJK_SET}]+|[^\W\d_{_CJK_SET}]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_CJK = re.compile(f"[{_CJK_SET}]")
_CJK_EDGE = re.compile(rf"(?<=[{_CJK_SET}])(?=[A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?=[{_CJK_SET}])")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "new",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "please",
        "should",
        "so",
        "some",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "use",
        "used",
        "uses",
        "using",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "you",
        "your",
        "add",
        "fix",
        "make",
        "change",
        "update",
        "support",
    ]
)
_SUFFIXES = ("ations", "ation", "ings", "ing", "ies", "ers", "er", "ed", "es", "s", "e")


def clean_requirement(text: str) -> str:
    """
    Return what a person asked with control characters removed, white space folded and a bounded length.

    Lines stay lines: the first one says what is asked, the others tell around it. Of what is too long the middle goes:
    the end of a stack trace says most.

    >>> clean_requirement("  where is\\x00 the  router?\\n\\n It is slow. ")
    'where is the router?\\nIt is slow.'
    """
    lines = []
    for line in unicodedata.normalize("NFKC", text).splitlines():
        printable = "".join(character if character.isprintable() else " " for character in line)
        lines.append(" ".join(printable.split()))
    cleaned = "\n".join(line for line in lines if line)
    if len(cleaned) <= MAX_REQUIREMENT_CHARACTERS:
        return cleaned
    gap = "\n…\n"
    head = MAX_REQUIREMENT_CHARACTERS - _TAIL_CHARACTERS - len(gap)
    return cleaned[:head].rstrip() + gap + cleaned[-_TAIL_CHARACTERS:].lstrip()


def language_of(text: str) -> str:
    """
    Name the language a person asked in: "zh" where Chinese characters carry the sentence, else "en".

    Identifiers and paths inside a Chinese sentence do not make it English.

    >>> language_of("where is the router?"), language_of("Router 在哪里初始化 RoutingService？")
    ('en', 'zh')
    >>> language_of("the label 收费 is cut off in the toll dialog of the map")
    'en'
    """
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    plain = len(re.findall(r"(?<![\w./])[a-z]{2,}(?![\w./])", text))
    return "zh" if chinese > 2 * plain else "en"


def stem(word: str) -> str:
    """
    Cut the common English endings, so that "routing", "routes" and "route" meet.

    A full stemmer is not worth its errors on identifiers; this one never cuts below four characters.

    >>> [stem(word) for word in ("routing", "routes", "route", "bus")]
    ['rout', 'rout', 'rout', 'bus']
    """
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 4:
            word = word[: -len(suffix)]
            if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            return word
    return word


def words(text: str) -> list[str]:
    """
    Split a text into lower-case words and the parts of its identifiers, stop words removed.

    >>> words("Make getUserName in auth_utils.py faster")
    ['getusername', 'user', 'name', 'auth', 'utils', 'py', 'faster', 'get']
    >>> words("修复RoutingService的初始化")
    ['修复', 'routingservice', 'routing', 'service', '的初', '初始', '始化']
    """
    found: list[str] = []
    late: list[str] = []
    for match in _WORD.finditer(text):
        token = match.group()
        if _CJK.search(token):
            found.extend(token[i : i + 2] for i in range(max(1, len(token) - 1)))
            continue
        parts = [part.lower() for part in _CAMEL.findall(token)]
        whole = token.lower()
        if len(parts) > 1:
            found.append(whole)
            late.extend(part for part in parts if part in {"get", "set", "is", "to"})
            parts = [part for part in parts if part not in {"get", "set", "is", "to"}]
        else:
            parts = [whole]
        found.extend(part for part in parts if part not in _STOP and len(part) > 1)
    return found + late


def terms(text: str) -> list[str]:
    """
    Return the stemmed words of *text* in order, repeats kept: what BM25 counts.
    """
    return [stem(word) for word in words(text)]


def joined_terms(text: str) -> list[str]:
    """
    Return what adjacent words would be as one word, stemmed: "note type" may be spelled "notetype" in the code.

    >>> joined_terms("sort note types")
    ['sortnot', 'notetyp']
    """
    found = [match.group().lower() for match in _WORD.finditer(text) if match.group().isascii()]
    return [stem(left + right) for left, right in itertools.pairwise(found)]


def apart_from_cjk(text: str) -> str:
    """
    Put spaces where Chinese, Japanese or Korean touches other letters: a name inside a sentence is a name of its own.

    >>> apart_from_cjk("修复RoutingService的初始化 in util")
    '修复 RoutingService 的初始化 in util'
    """
    return _CJK_EDGE.sub(" ", text)


def title_of(text: str) -> str:
    """
    Return the first line, which says what is asked; the others tell around it.
    """
    return text.strip().split("\n", 1)[0]


def distinct(items: Iterable[str]) -> tuple[str, ...]:
    """
    Keep the first of each, in order.
    """
    return tuple(dict.fromkeys(items))
