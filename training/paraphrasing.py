"""
Other ways to say the same, by rule and the same ones every time: does a release answer them alike?
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable

_SYNONYMS = {
    "add": "introduce",
    "allow": "permit",
    "avoid": "prevent",
    "broken": "faulty",
    "calculate": "compute",
    "change": "alter",
    "check": "verify",
    "clean": "tidy",
    "cleanup": "tidying",
    "compute": "calculate",
    "consider": "take into account",
    "create": "make",
    "delete": "remove",
    "enable": "switch on",
    "ensure": "make sure",
    "error": "failure",
    "fix": "repair",
    "handle": "deal with",
    "handling": "treatment",
    "ignore": "disregard",
    "improve": "enhance",
    "improvements": "enhancements",
    "make": "turn",
    "missing": "absent",
    "more": "further",
    "move": "shift",
    "new": "fresh",
    "only": "solely",
    "performance": "speed",
    "prepare": "get ready",
    "remove": "delete",
    "rename": "call differently",
    "replace": "exchange",
    "show": "display",
    "simplify": "make simpler",
    "support": "offer",
    "unnecessary": "needless",
    "update": "refresh",
    "use": "employ",
    "wrong": "incorrect",
}


def polite(text: str, rng: random.Random) -> str:
    return f"{rng.choice(('Could somebody please', 'Hi, I would like us to', 'We kindly ask to'))}: {text}"


def turned(text: str, rng: random.Random) -> str:
    """
    Move what follows the last small word to the front: "a for b" becomes "for b: a".
    """
    title, _, rest = text.partition("\n")
    found = list(re.finditer(r"\s(for|in|when|with|from|to|of|if|by|on)\s", title))
    if found:
        at = found[-1].start()
        title = f"{title[at:].strip()}: {title[:at].strip()}"
    else:
        words = title.split()
        middle = len(words) // 2
        title = " ".join([*words[middle:], *words[:middle]])
    return f"{title}\n{rest}".strip()


def synonyms(text: str, rng: random.Random) -> str:
    def other(match: re.Match[str]) -> str:
        word = match.group()
        found = _SYNONYMS.get(word.lower(), word)
        return found.capitalize() if word[0].isupper() and found != word else found

    return re.sub(r"\b[A-Za-z]+\b", other, text)


def typos(text: str, rng: random.Random) -> str:
    """
    Swap two letters in two of the plain words; names of code are copied by people, and stay.
    """
    words = text.split(" ")
    plain = [i for i, word in enumerate(words) if re.fullmatch(r"[a-z]{4,}|[A-Z][a-z]{3,}", word)]
    for i in rng.sample(plain, min(2, len(plain))):
        at = rng.randrange(1, len(words[i]) - 2)
        word = words[i]
        words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def noise(text: str, rng: random.Random) -> str:
    before = rng.choice(("Good morning all!", "Hey team, one more thing from today's call.", "@here quick one"))
    after = rng.choice(("Thanks a lot, Jo", "No hurry, next week is fine. Cheers!", "(customer asked twice already)"))
    return f"{before} {text} {after}"


def chinese_frame(text: str, rng: random.Random) -> str:
    frames = ("请问这个应该在哪里改？{}，谢谢", "我们需要实现：{}。应该修改哪个模块？", "客户反馈：{}，请帮忙看一下")
    return rng.choice(frames).format(text)


RULES: dict[str, Callable[[str, random.Random], str]] = {
    "politeness": polite,
    "word order": turned,
    "synonyms": synonyms,
    "typos": typos,
    "noise": noise,
    "Chinese around it": chinese_frame,
}


def paraphrases(text: str) -> dict[str, str]:
    """
    Give one paraphrase a rule, the same ones every time.
    """
    seed = int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
    return {
        name: rule(text, random.Random(f"{seed} {name}"))  # noqa: S311
        for name, rule in RULES.items()
    }
