"""
Chinese words of the trade in English: code, documentation and commits are in English, whatever people ask in.

The list (`chinese.json`) is ours and short: what people call the parts of software, and what software is about. Words
that every requirement has ("where", "change", "module") are left out.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

_LIST = Path(__file__).with_name("chinese.json")
_HAN = re.compile(r"[\u4e00-\u9fff]")


def with_english(text: str) -> str:
    """
    Put the English for the Chinese words that we know behind each line, what it says already apart; the longest first.

    >>> with_english("修复登录后的缓存问题 in LoginForm")
    '修复登录后的缓存问题 in LoginForm (login cache)'
    >>> with_english(with_english("把 cache 清空：缓存")), with_english("Fix the cache")
    ('把 cache 清空：缓存', 'Fix the cache')
    """
    if not _HAN.search(text):
        return text
    return "\n".join(map(_line_with_english, text.split("\n")))


def _line_with_english(line: str) -> str:
    said = {word.lower() for word in re.findall(r"[A-Za-z]+", line)}
    english = [word for found in _known().findall(line) for word in _words()[found].split()]
    fresh = [word for word in dict.fromkeys(english) if word not in said]
    return f"{line} ({' '.join(fresh)})" if fresh else line


@cache
def _words() -> dict[str, str]:
    found: dict[str, str] = json.loads(_LIST.read_text(encoding="utf-8"))
    return found


@cache
def _known() -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(re.escape, _words()), key=lambda word: (-len(word), word))))
