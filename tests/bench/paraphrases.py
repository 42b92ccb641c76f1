"""
Requirements that people put otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path

BY_HAND = Path(__file__).with_name("paraphrases.jsonl")


def by_hand() -> list[tuple[str, dict[str, str]]]:
    """
    Requirements with what people made of them: two in English, one in Chinese with the names left as they are.
    """
    with BY_HAND.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    names = ("by hand", "by hand, again", "by hand, Chinese")
    return [(row["text"], dict(zip(names, row["paraphrases"], strict=True))) for row in rows]
