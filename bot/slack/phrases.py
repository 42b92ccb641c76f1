"""
Everything Signpost says in Slack, in every language it speaks.

A phrase is a template: `say` fills it in and escapes nothing, so what comes from
strangers is escaped by the caller, field by field. The languages stand beside each other,
because a phrase that is changed in one is to be changed in all.

    say("thanks_up", "zh")
    count("waiting", 3, "en")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from bot.slack.answer_phrases import ANSWER_PHRASES
from bot.slack.operation_phrases import OPERATION_PHRASES

Language = Literal["en", "zh"]

ENGLISH: Final = "en"
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
LANGUAGE_NAMES: Final[Mapping[Language, str]] = {"en": "English", "zh": "中文"}

# Kana and Hangul come with Chinese characters, too, but a reader of Japanese or Korean
# is served better by English than by Chinese.
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_OTHER_EAST_ASIAN = re.compile("[\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af\u1100-\u11ff]")

# Names of files and symbols are Latin in every language, and long; a few Chinese
# characters around them are the question. One alone may be a name, or the subject
# of an English one.
_LEAST_HAN = 2


def language_of(text: str, preferred: str | None = None) -> Language:
    """
    The language to answer *text* in.

    Args:
        preferred: A language set for the channel wins; None or an unknown one lets the text decide.

    >>> language_of("在哪里修改 avoid_tolls 的路线计算？"), language_of("where is VAT added?")
    ('zh', 'en')
    >>> language_of("where is VAT added?", "zh")
    'zh'
    """
    if preferred in LANGUAGES:
        return preferred
    if _OTHER_EAST_ASIAN.search(text):
        return ENGLISH
    return "zh" if len(_HAN.findall(text)) >= _LEAST_HAN else ENGLISH


def say(key: str, language: Language = ENGLISH, /, **values: object) -> str:
    """
    The phrase called *key*, filled in.

    Raises:
        KeyError: there is no such phrase, or a value that it needs is missing. That is our mistake.

    >>> say("rollback_done", release="shop-1", repository="shop")
    'Back to shop-1 for shop.'
    """
    return PHRASES[key][LANGUAGES.index(language)].format_map(values)


def count(key: str, number: int, language: Language = ENGLISH, /, **values: object) -> str:
    """
    The phrase `key.one` or `key.many`, filled in with *number*.

    >>> count("modules", 1), count("modules", 2)
    ('1 module', '2 modules')
    """
    return say(f"{key}.one" if number == 1 else f"{key}.many", language, number=number, **values)


PHRASES: Final[Mapping[str, tuple[str, str]]] = {**ANSWER_PHRASES, **OPERATION_PHRASES}
