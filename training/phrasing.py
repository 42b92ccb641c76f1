"""
Requirement texts made from the graph: what an engineer might ask whose answer is this symbol's module.

By rule, not by sampling: which rule comes first is chosen by a hash, so the same code gives the same texts. A core
(`training.sentences`: documentation turned into a command, or a telling name) is said in several ways:

    verb forms   "Returns the toll" → "return the toll"; "… and uses the map" → "… and use the map"
    command      as it is, "we need to …", "please …"
    question     "where do we …?", "which part of the code should …?", "where do I change how we …?"
    complaint    "it fails to …", "… does not work any more"
    synonyms     of the verb: "work out the toll", "give the toll"
    order        what stands behind a preposition first: "for trucks, where do we avoid tolls?"
    domain       the words of the class around it: "avoid tolls (truck profile)"
"""

from __future__ import annotations

import hashlib
import re

from training.sentences import Core, synonyms

_FORMS = {
    "command": (
        "{}",
        "where do we {}?",
        "we need to {}",
        "which part of the code should {}?",
        "it fails to {}",
        "where do I change how we {}?",
        "please {}",
        "we want to {} in another way",
        "it takes too long to {}",
    ),
    "thing": (
        "{}",
        "where is {}?",
        "something is wrong with {}",
        "change {}",
        "improve {}",
    ),
    "things": (
        "{}",
        "where are {}?",
        "something is wrong with {}",
        "change {}",
        "improve {}",
    ),
    "statement": ("{}",),
}
_SPLIT = re.compile(r"^(.+) ((?:for|when|if|before|after|between|while|during) [^()]+)$")


def phrasings(core: Core, *, key: str, limit: int, full: bool = False) -> list[str]:
    """
    Say *core* in different ways, at most *limit*; the first one is in its own words.

    Args:
        key: Chooses the forms; the same key gives the same texts.
        full: Let every second text, the first one too, say where, and go on with what the documentation says next.

    >>> for text in phrasings(Core("compute the toll for heavy trucks", "command", "toll table"), key="y", limit=4):
    ...     print(text)
    It takes too long to compute the toll for heavy trucks
    Calculate the toll for heavy trucks
    for heavy trucks, where do we compute the toll?
    we need to compute the toll for heavy trucks (toll table)
    """
    number = int(hashlib.sha256(key.encode()).hexdigest(), 16)
    forms = _FORMS[core.form]
    spoken = [("", core.text)]
    if core.form == "command":
        spoken += [("", text) for text in (_with_synonym(core.text, number),) if text]
        spoken += _reordered(core.text)
    if core.place and core.form != "statement":
        spoken.append(("", f"{core.text} ({core.place})"))
    texts = []
    for i in range(min(limit, len(forms))):
        before, said = spoken[i % len(spoken)]
        text = before + forms[(number + i) % len(forms)].format(said)
        if full and i % 2 == 0:
            text = _in_full(text, core)
        texts.append(text[:1].upper() + text[1:] if (number >> i) % 3 else text)
    return texts


def _in_full(text: str, core: Core) -> str:
    if core.place and core.place not in text:
        text = f"{core.place}: {text}"
    if not core.detail:
        return text
    return f"{text} {core.detail}" if text.endswith("?") else f"{text}. {core.detail}"


def _with_synonym(text: str, number: int) -> str | None:
    head, _, rest = text.partition(" ")
    others = synonyms().get(head)
    if rest.startswith(("if ", "whether ", "that ", "for ", "over ", "to ", "up ", "down ", "out ", "off ")):
        return None
    return f"{others[number % len(others)]} {rest}" if others else None


def _reordered(text: str) -> list[tuple[str, str]]:
    match = _SPLIT.match(text)
    if (
        not match
        or len(match.group(1).split()) < 2
        or match.group(1).endswith(("ing", "ed", "check"))
        or not 2 <= len(match.group(2).split()) <= 9
    ):
        return []
    return [(f"{match.group(2)}, ", match.group(1))]
