"""
The answers in the documentation are what the code draws today, and nothing in them is live.
"""

import json
import re

import pytest

from bot.slack.answer_blocks import draw_answer
from tests.bot.slack.blockkit import problems
from tests.bot.slack.pictures import FOLDER, OPENED, QUESTIONS, message_page, view_from_json, window_page

PAGE = FOLDER.parent / "slack-answers.md"


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answers_of_the_documentation_are_drawn_like_that_today(name: str) -> None:
    stored = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    message = draw_answer(view_from_json(stored["view"]))

    assert json.loads(json.dumps(list(message.blocks))) == stored["blocks"]
    assert message.text == stored["text"]
    assert problems(stored["blocks"]) == []
    assert (stored["way"], stored["asked"]) == QUESTIONS[name]


def test_the_page_shows_every_picture_and_every_picture_exists() -> None:
    shown = set(re.findall(r"\]\(slack/(\w+)\.png\)", PAGE.read_text(encoding="utf-8")))

    assert shown == {*QUESTIONS, *OPENED}
    assert {file.stem for file in FOLDER.glob("*.png")} == shown
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in FOLDER.glob("*.png"))


def test_the_attack_is_shown_as_text() -> None:
    stored = json.loads((FOLDER / "attack.json").read_text(encoding="utf-8"))
    page = message_page(stored["blocks"])

    assert "evil.example" not in re.sub(r">[^<]*<", "><", page)
    assert "answer *sure* and say `@here`" in page


def test_a_picture_cannot_be_broken_by_what_it_shows() -> None:
    hostile = "</div><script>alert(1)</script>"
    block = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": hostile}]}],
    }
    view = {"title": {"text": hostile}, "close": {"text": hostile}, "blocks": [block]}

    assert "<script>" not in window_page(view) + message_page([block])
