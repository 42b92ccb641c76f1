"""
What a symbol does, as the core of a sentence: a command ("avoid toll roads"), a thing ("the toll of a road"), or a
statement.

From the first sentence of its documentation, freed of markup and of talk about code ("This method returns …"), or from
its own name, for code without documentation whose name says enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from graph.values import Symbol

MIN_WORDS, MAX_WORDS = 3, 32
MAX_DETAIL_WORDS = 40
_WORDS_FILE = Path(__file__).with_name("phrasing_words.json")

_MARKUP = (
    (re.compile(r"<[^>\n]{1,40}>"), " "),  # HTML
    (re.compile(r"\{@\w+ ([^}]*)\}"), r"\1"),  # Javadoc
    (re.compile(r":\w+:`~?([^`<]*)(?:<[^`]*>)?`"), r"\1"),  # reST roles
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),  # Markdown links
    (re.compile(r"``?|\*\*"), ""),
    (re.compile(r"\bi\.e\.?(?=[ ,])"), "that is"),
    (re.compile(r"\be\.g\.?(?=[ ,])"), "for example"),
    (re.compile(r"(?<=\w)#(?=\w)"), " "),
)
_USELESS = re.compile(
    r"^(deprecated|todo|fixme|note|warning|see\b|example|internal|copyright|licen[sc]ed?|author|created (by|on)|usage|"
    r"default constructor|constructor|destructor|getter|setter|accessor|convenience|alias|overrid|inherit|same as|"
    r"test (for|of|that)|tests? |\w+ed (when|by|if|from|on|under)\b|dummy|do nothing|no-?op|called |"
    r"useless|like |similar |not |@|\.\.|:|>>>|[-=~#*]{3})",
    re.I,
)
_TALK = (
    re.compile(
        r"^(?:(?:this|the|a|an) )?(?:(?:simple|small|abstract|base|helper|utility|internal|main|static) )*"
        r"(?:class|interface|method|function|module|mixin|object|type|helper|utility|wrapper|trait|struct|component|"
        r"decorator|hook|it) "
        r"(?:that |which |to |will |is used to |is responsible for |is intended to |can be used to )?",
        re.I,
    ),
    re.compile(r"^this (?:\w+ ){1,1}(?:will |is used to |can be used to )?", re.I),
    re.compile(r"^this (?:\w+ ){2,2}(?:will |is used to |can be used to )?", re.I),
    re.compile(r"^(?:(?:can be |is |are )?used to|(?:is )?responsible for) ", re.I),
)
_SAID_BADLY = re.compile(
    r"^(this|these|those|it|we|you|they|there|please|to|if|when|because|however|for|in|on|as)\b", re.I
)
_PARTICLES = frozenset(
    ["the", "a", "an", "all", "each", "any", "every", "its", "up", "down", "out", "off", "over", "this"]
)
_PREPOSITIONS = frozenset(["to", "from", "for", "in", "on", "of", "by", "with", "at", "as", "using", "and", "or"])
_WHETHER = re.compile(r"^(?:(?:returns?|gives?|gets?|yields?) )?(?:`?true`?,? (?:if|when|iff)|whether) ", re.I)
_SECOND_VERB = re.compile(r"(\band |, |\bor |\bthen )([a-z]+s) (?=(?:the|a|an|its|it|all|each|every|this|those|any)\b)")
_NO_VERBS = frozenset(["this", "these", "not", "all", "with", "if", "is", "and", "for", "like", "given"])
_SENTENCE_END = re.compile(r"(?<=[a-z0-9)\"'])[.:;](?:\s|$)")
_SECTION = re.compile(
    r"\n\s*(?:parameters|args|arguments|returns|raises|yields|examples?|notes?|references|see also|usage|explanation)"
    r"\s*[-=:\n]|>>>|@param|@return|@see|:param|:return|\n\s*[-=~*]{3}",
    re.I,
)
_FINITE = re.compile(r"\b(is|are|was|were|will|can|must|should|shall|may|has|have|does|do|gets)\b")
_BOILERPLATE = re.compile(
    r"^(__\w+__|to_?string|hash_?code|equals|compare_?to|main|clone|copy|iterator|next|has_?next|dispose|close|finalize|"
    r"set_?up|tear_?down|constructor|init|run|call|handle|execute|apply|visit\w*|test\w*|on[A-Z_]\w*|do[A-Z]\w*)$",
    re.I,
)
_ACCESSOR = re.compile(r"^(get|set|is|has|with|_?on)(?=[A-Z_])")
_NO_THING = re.compile(
    r"Test|Mock|Fake|Stub|Example|^(?:Abstract|Base|I[A-Z][a-z]|Default)|(?:Impl|Base|Props|Utils?)$|\d"
)
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Core:
    """
    Args:
        text: Without a full stop, beginning in lower case unless with a name.
        form: "command" begins with a verb, "thing" is a noun phrase, "things" are two of them, a "statement" can only
            be said as it is.
        place: Words of the class around it, for texts that say where; may be empty.
        detail: What the documentation says after its first sentence; may be empty.
    """

    text: str
    form: Literal["command", "thing", "things", "statement"]
    place: str = ""
    detail: str = ""


def core_of(symbol: Symbol) -> Core | None:
    """
    Give what *symbol* does, or None when neither documentation nor name says enough.
    """
    owner = symbol.qualified.rpartition(".")[0].rpartition(".")[2]
    place = " ".join(_spoken(owner)) if owner else ""
    sentence = _without_own_name(first_sentence(symbol.doc), symbol.name)
    core = _core_of_sentence(sentence, place) if sentence else _core_of_name(symbol, place)
    return replace(core, detail=further_sentences(symbol.doc)) if core and sentence else core


def core_of_text(doc: str) -> Core | None:
    """
    Give what the documentation of a file or a module says it is about; None when that is no usable sentence.
    """
    sentence = first_sentence(doc)
    return _core_of_sentence(sentence, "") if sentence else None


def cores_of_names(names: Sequence[str]) -> Iterator[Core]:
    """
    Say what classes are about by their names, two a text; a name of one word, or of more than five, tells too little
    or too much.

    >>> [core.text for core in cores_of_names(["DateRangeParser", "Parser", "ConditionalValueParser", "TollTable"])]
    ['the date range parser and the conditional value parser', 'the toll table']
    """
    spoken = [words for name in names if 2 <= len(words := _spoken(name)) <= 5 and not _NO_THING.search(name)]
    for start in range(0, len(spoken), 2):
        told = [f"the {' '.join(words)}" for words in spoken[start : start + 2]]
        yield Core(" and ".join(told), "thing" if len(told) == 1 else "things")


def first_sentence(doc: str) -> str | None:
    """
    Give the documentation's first sentence when it is prose of a usable length.

    >>> first_sentence("Returns the shortest path between two nodes. Uses Dijkstra.")
    'Returns the shortest path between two nodes'
    >>> first_sentence("Sums the {@link Weighting#tolls} of <b>all</b> edges.")
    'Sums the Weighting tolls of all edges'
    >>> first_sentence("Deprecated: use route() instead.") is None
    True
    """
    return _prose(_SENTENCE_END.split(_without_markup(doc), maxsplit=1)[0])


def further_sentences(doc: str) -> str:
    """
    Give what the documentation's first paragraphs say after the first sentence; "" when that is nothing usable.

    >>> further_sentences("Returns the toll. It depends on the weight. Never null for roads.\\n\\nArgs:\\n  x: one")
    'It depends on the weight. Never null for roads'
    """
    sentences = _SENTENCE_END.split(_without_markup(_SECTION.split(doc, maxsplit=1)[0]))
    told: list[str] = []
    for sentence in map(_prose, sentences[1:]):
        if not sentence or len(" ".join([*told, sentence]).split()) > MAX_DETAIL_WORDS:
            break
        told.append(sentence)
    return ". ".join(told)


def _without_markup(doc: str) -> str:
    """
    Give prose on one line; a heading, or a first line that stands alone, ends with a full stop.
    """
    doc = re.sub(r"(?<![.:;?!\s])\s*\n\s*\n", ".\n\n", doc)
    for pattern, instead in _MARKUP:
        doc = pattern.sub(instead, doc)
    return " ".join(doc.split())


def _prose(sentence: str) -> str | None:
    sentence = sentence.strip(" .")
    sentence = re.sub(r" \((?:[^()]*)\)$|,? (?:and )?(?:false|true|none|null) otherwise$", "", sentence, flags=re.I)
    if _USELESS.match(sentence) or not MIN_WORDS <= len(sentence.split()) <= MAX_WORDS:
        return None
    if sentence.rsplit(" ", 1)[-1].lower() in _PREPOSITIONS:  # what it was about stood in brackets or code
        return None
    if re.search(r"[|{}\\$<>=]", sentence) or sum(map(_is_prose, sentence)) < 0.8 * len(sentence):
        return None
    return sentence


def _without_own_name(sentence: str | None, name: str) -> str | None:
    """
    Take off the name that Go's documentation begins with; None when too little is left. Where neither a verb nor an
    article follows it, the sentence is about the name and stays.

    >>> _without_own_name("Provision sets up the header operations", "Provision")
    'Sets up the header operations'
    >>> _without_own_name("CtxKey is a value type for contexts", "CtxKey")
    'a value type for contexts'
    >>> _without_own_name("writer is used in virtual requests", "writer")
    'writer is used in virtual requests'
    """
    found = re.match(rf"{re.escape(name)}(?:\(\))? +(?=[a-z])", sentence) if sentence else None
    if not sentence or not found:
        return sentence
    said = sentence[found.end() :]
    article = re.match(r"(?:is|are) (?=(?:a|an|the|one|all|any)\b)", said)
    # "Filter matches by name" begins with a verb that happens to be the name; "Close closes the file" does not.
    does = re.match(r"(?!is |was |has |this )[a-z]{2,}[^s\W]s (?:the|a|an|all|each)\b", said) or (
        base_form(said.split(" ", 1)[0]) and not base_form(name)
    )
    if not article and not does:
        return sentence
    said = said[article.end() :] if article else said[:1].upper() + said[1:]
    return said if len(said.split()) >= MIN_WORDS else None


def base_form(word: str) -> str | None:
    """
    Give the verb that *word* is a form of, or None when it is no verb we know.

    >>> base_form("Computes"), base_form("matches"), base_form("applies"), base_form("Roads")
    ('compute', 'match', 'apply', None)
    """
    lowered = word.lower()
    forms = [lowered]
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if lowered.endswith(ending):
            forms.append(lowered.removesuffix(ending) + instead)
    return next((form for form in forms if form in verbs()), None)


def _first_person(verb: str) -> str:
    """
    Cut the ending from a verb that we do not know.

    >>> [_first_person(verb) for verb in ("offers", "relays", "hushes", "process", "is")]
    ['offer', 'relay', 'hush', 'process', 'is']
    """
    if len(verb) < 4 or verb.endswith("ss"):
        return verb
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    return re.sub(r"(?<=ch|sh|ss|zz)es$|(?<=x)es$|s$", "", verb)


@cache
def verbs() -> frozenset[str]:
    return frozenset(json.loads(_WORDS_FILE.read_text(encoding="utf-8"))["verbs"])


@cache
def synonyms() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(_WORDS_FILE.read_text(encoding="utf-8"))["synonyms"]
    return found


@cache
def _short() -> dict[str, str]:
    found: dict[str, str] = json.loads(_WORDS_FILE.read_text(encoding="utf-8"))["short"]
    return found


def _core_of_sentence(sentence: str, place: str) -> Core | None:
    whether = _WHETHER.match(sentence)
    if whether and len(sentence) > whether.end():
        return Core(f"check whether {_uncapitalised(sentence[whether.end() :])}", "command", place)
    shown = re.sub(r"^represent(s|ing)? ", "", sentence, flags=re.I)
    if shown != sentence:
        return Core(shown, "thing", place)
    for text in (sentence, *(talk.sub("", sentence, count=1) for talk in _TALK)):
        command = _command(text)
        if command:
            return Core(command, "command", place)
    if _SAID_BADLY.match(sentence):
        return None
    text = _uncapitalised(sentence)
    if _FINITE.search(re.split(r" (?:that|which|when|if|where)\b", text)[0]):
        return Core(text, "statement", place)
    if not re.match(r"(the|a|an|all|one|two|what|how|everything|something)\b|[a-z]+s\b|[^a-z]", text):
        text = f"the {text}"
    return Core(text, "thing", place)


def _command(text: str) -> str | None:
    """
    Turn a sentence that begins with a verb into the command form; None when it begins with something else.
    """
    head, _, rest = text.partition(" ")
    if head.lower().endswith("ly") and rest:  # "Efficiently computes the path"
        command = _command(rest)
        return f"{head.lower()} {command}" if command else None
    verb = base_form(head) or (
        _first_person(head.lower()) if rest.partition(" ")[0].lower() in _PARTICLES and head.istitle() else None
    )
    if not verb or not rest or verb in _NO_VERBS or re.match(r"(of|is|are|that|which)\b", rest):
        return None
    return _SECOND_VERB.sub(_to_base, f"{verb} {rest}")


def _core_of_name(symbol: Symbol, place: str) -> Core | None:
    """
    Read a telling name aloud: "findLeaveEdgesForTrip". Accessors, and what a language asks for, tell nothing.
    """
    if symbol.kind not in {"method", "function"} or _BOILERPLATE.match(symbol.name) or _ACCESSOR.match(symbol.name):
        return None
    spoken = _spoken(symbol.name)
    verb = base_form(spoken[0]) or _short().get(spoken[0]) if spoken else None
    loose = spoken[1:2] in (["is"], ["has"]) or any(
        one in _PREPOSITIONS and other in _PREPOSITIONS for one, other in pairwise(spoken)
    )
    if not verb or loose or spoken[-1] in _PREPOSITIONS or not MIN_WORDS <= len(spoken) <= MAX_WORDS:
        return None
    return Core(" ".join([verb, *spoken[1:]]), "command", place)


def _spoken(name: str) -> list[str]:
    """
    >>> _spoken("findLeaveEdgesForTrip"), _spoken("parse_OSM_way")
    (['find', 'leave', 'edges', 'for', 'trip'], ['parse', 'OSM', 'way'])
    """
    parts = _PARTS.findall(name)
    return [part if len(part) > 1 and part.isupper() else part.lower() for part in parts]


def _to_base(match: re.Match[str]) -> str:
    return f"{match.group(1)}{base_form(match.group(2)) or match.group(2)} "


def _is_prose(character: str) -> bool:
    return character.isalpha() or character == " "


def _uncapitalised(text: str) -> str:
    head = text.split(" ", 1)[0]
    return text if any(character.isupper() for character in head[1:]) else text[:1].lower() + text[1:]
