"""
The phrase book: every phrase in every language, and no phrase that nobody says.
"""

import re
from pathlib import Path
from string import Formatter

import pytest

from bot.slack.phrases import LANGUAGES, PHRASES, language_of

CODE = Path(__file__).parents[3] / "bot/slack"


def spoken() -> set[str]:
    code = "".join(path.read_text(encoding="utf-8") for path in CODE.glob("*.py") if "phrases" not in path.name)
    said = set(re.findall(r'\bsay\(\s*"([\w.]+)"', code))
    counted = set(re.findall(r'\bcount\(\s*"([\w.]+)"', code))
    return said | {f"{key}.{form}" for key in counted for form in ("one", "many")}


def test_every_phrase_that_is_said_exists() -> None:
    assert spoken() - set(PHRASES) == set()


def test_every_language_fills_in_the_same_values() -> None:
    for key, texts in PHRASES.items():
        assert len(texts) == len(LANGUAGES), key
        names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in texts]
        assert all(one == names[0] for one in names), key
        assert all(text.strip() for text in texts), key


def test_the_chinese_of_a_phrase_is_chinese() -> None:
    for key, (_, chinese) in PHRASES.items():
        words = re.sub(r"\{\w+\}", "", chinese)
        assert re.search("[\u4e00-\u9fff]", words) or not re.search(r"[^\W\d_]", words), key


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where is VAT added?", "en"),
        ("在哪里计算增值税？", "zh"),
        ("VAT 在哪里加到 invoice_total_with_discount_and_tax 里", "zh"),
        ("消費税はどこで計算されますか", "en"),
        ("부가세는 어디에서 계산됩니까", "en"),
        ("the 税 column is wrong", "en"),
        ("", "en"),
        ("😀😀", "en"),
    ],
)
def test_the_language_is_that_of_the_question(text: str, language: str) -> None:
    assert language_of(text) == language
