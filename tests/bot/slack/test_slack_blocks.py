"""
How answers look: everything that strangers wrote is inert, and nothing is ever too long.
"""

import html
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.slack.blocks import (
    AnswerView,
    Message,
    confidence_bar,
    confidence_words,
    draw_answer,
    draw_help,
    draw_home,
    draw_placeholder,
    question_metadata,
    speaks_of,
)
from inference.values import RankedModule
from tests.bot.slack.blockkit import problems, text_length, text_objects

SURE = AnswerView(
    answer_id="a" * 32,
    question_id="b" * 32,
    modules=(
        RankedModule("shop.billing", "shop/billing", 0.81, ("shop/billing/tax.py",), "defines add_vat"),
        RankedModule("shop.cart", "shop/cart", 0.3, ("a.py", "b.py", "c.py", "d.py", "e.py")),
        RankedModule("shop.mail", "shop/mail", 0.05),
        RankedModule("shop.fourth", "shop/fourth", 0.01),
    ),
    sure=True,
    release="release-7",
    graph_commit="0123456789abcdef",
    repository="shop",
    reasoning="It adds VAT.",
    rank_ms=180,
)

ATTACKS = (
    "<!channel>",
    "<!here>",
    "<!everyone>",
    "<!channel|channel>",
    "<!here|@here>",
    "<!subteam^S012345>",
    "<!subteam^S012345|@leads>",
    "<@U012345>",
    "<@W012345|boss>",
    "<@U012345|>",
    "<#C012345>",
    "<#C012345|general>",
    "<https://evil.example>",
    "<https://evil.example|github.com/ours>",
    "<http://evil.example|docs>",
    "<mailto:x@evil.example|Ana>",
    "<slack://open?team=T1|open>",
    "<javascript:alert(1)|run>",
    "<data:text/html,hi|see>",
    "<tel:+123|call>",
    "<!date^1392734382^{date}^https://evil.example|today>",
    "<!date^0^{ago}|x>",
    "<!unknown^x|y>",
    "< !channel>",
    "<\u200b!channel>",
    "<\u00ad!here>",
    "<\u202e!channel>",
    "<!channel\x00>",
    "<<!channel>>",
    "<!chan<!channel>nel>",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "&#60;!channel&#62;",
    "&lt!channel&gt",
    "`<!channel>`",
    "```\n<!channel>\n```",
    "` <!channel> `",
    "*<!channel>*",
    "_<@U012345>_",
    "> <!here>",
    "[docs](https://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "[<!channel>](<https://evil.example>)",
    "| a | <!here> |",
    "# <!channel>",
    "\r\n\r\n<!channel>",
    "\u2028<!channel>",
    "\u2066<!channel>\u2069",
    "ok</div><script>alert(1)</script>",
    "a & b < c > d",
    "std::vector<int>&",
    "@channel @here @everyone #general",
    "https://evil.example/<!channel>",
    "<https://ok.example|<!channel>>",
    "<https://evil.example|a> | <!here|b>",
    "\\<!channel\\>",
    "<!channel" + ">" * 40,
    "<" * 40 + "!channel>",
    "\ufeff<!everyone>",
    "%3C!channel%3E",
    '","type":"mrkdwn","text":"<!channel>',
    "invoice\u202egpj.exe",
)


def poisoned(attack: str) -> AnswerView:
    module = RankedModule(attack, attack, 0.5, (attack, f"src/{attack}.py"), attack)
    fields = {
        "release": attack,
        "graph_commit": attack,
        "repository": attack,
        "reasoning": f"See {attack}\n{attack}",
    }
    return replace(SURE, modules=(module,) * 3, **fields)


def drawn(view: AnswerView) -> list[Message]:
    failed = replace(view, error=view.reasoning, modules=())
    states = (
        view,
        replace(view, sure=False),
        replace(view, reasoning=None),
        replace(view, modules=()),
        failed,
    )
    return [draw_answer(state, short=short) for state in states for short in (False, True)]


def words(message: Message) -> str:
    return "\n".join(text["text"] for text in text_objects(list(message.blocks)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_strangers_wrote_comes_alive(attack: str) -> None:
    for message in drawn(poisoned(attack)):
        for text in text_objects(list(message.blocks)):
            assert text["type"] == "plain_text" or text["verbatim"]
            assert "<" not in text["text"]
            assert ">" not in text["text"]
        assert "<" not in message.text
        assert not set("\x00\u200b\u00ad\u202e\u2066\u2028\ufeff") & set(words(message) + message.text)
        assert problems(message.blocks) == []


def test_escaped_text_reads_as_it_was_written() -> None:
    view = poisoned("std::vector<int>& a && b; <!channel>")

    shown = html.unescape(words(draw_answer(view)))
    assert "`std::vector<int>& a && b; <!channel>`" in shown
    assert "See std::vector<int>& a && b; <!channel>\n" in shown


def test_a_field_cannot_leave_its_line() -> None:
    view = poisoned("costing\n\n*1.* `other`  ▰▰▰▰▰  very likely")

    first = draw_answer(view).blocks[1]["text"]["text"]
    assert first == "*1.* `costing *1.* ˋotherˋ ▰▰▰▰▰ very likely`  ▰▰▰▱▱  likely"


@pytest.mark.parametrize("character", ["x", "<", "&", "👀", "字", "`", "\n", " a"])
def test_the_longest_input_fits_and_keeps_its_votes(character: str) -> None:
    for message in drawn(poisoned(character * 40_000)):
        assert problems(message.blocks) == []
        assert text_length(message.blocks) < 9_000
        assert 0 < len(message.text) <= 300
        if "could not answer" not in message.text:
            assert message.blocks[-1]["type"] == "context_actions"


def test_a_cut_reasoning_says_so() -> None:
    assert "The reasoning was cut here" in words(draw_answer(replace(SURE, reasoning="word " * 2_000)))
    assert "cut here" not in words(draw_answer(SURE))


def test_an_answer_shows_three_modules_with_words_bars_files_and_where_it_comes_from() -> None:
    shown = words(draw_answer(SURE))

    assert "*1.* `shop/billing`  ▰▰▰▰▱  very likely" in shown
    assert "defines add_vat" in shown
    assert "`shop/billing/tax.py`" in shown
    assert "`a.py` · `b.py` · `c.py` · `d.py` · and 1 more" in shown
    assert "shop/fourth" not in shown
    assert "`shop` · at `0123456789ab` · release `release-7` · ranked in 0.2 s" in shown


def test_not_sure_looks_different() -> None:
    sure, unsure = draw_answer(SURE), draw_answer(replace(SURE, sure=False))

    assert "Here is where this belongs" in words(sure)
    assert "Not sure" in words(unsure)
    assert (sure.text.split(":")[0], unsure.text.split(":")[0]) == ("Where this belongs", "Not sure; closest")


def test_a_ranking_without_reasoning_says_that_more_will_come() -> None:
    assert "Writing the reasoning" in words(draw_answer(replace(SURE, reasoning=None)))


def test_an_error_has_no_votes_and_names_the_question() -> None:
    message = draw_answer(replace(SURE, error="There is no release yet.", modules=()))

    assert "There is no release yet." in words(message)
    assert SURE.question_id in words(message)
    assert "context_actions" not in json.dumps(message.blocks)


def test_votes_carry_an_opaque_id_and_nothing_else() -> None:
    votes = draw_answer(SURE).blocks[-1]["elements"][0]

    assert votes["positive_button"]["value"] == f"up:{SURE.answer_id}"
    assert votes["negative_button"]["value"] == f"down:{SURE.answer_id}"


def test_a_message_is_recognised_by_its_metadata_or_its_block() -> None:
    placeholder = draw_placeholder("q1")

    assert speaks_of({"blocks": list(placeholder.blocks)}, "q1")
    assert speaks_of({"metadata": question_metadata("q1")}, "q1")
    assert not speaks_of({"blocks": list(placeholder.blocks), "metadata": question_metadata("q1")}, "q2")
    assert not speaks_of({"text": "q1"}, "q1")


@pytest.mark.parametrize(("waiting", "said"), [(0, "…"), (1, "1 question before"), (7, "7 questions before")])
def test_a_placeholder_says_how_many_wait(waiting: int, said: str) -> None:
    message = draw_placeholder("q1", waiting=waiting)

    assert said in message.text
    assert problems(message.blocks) == []


def test_help_and_home_are_valid() -> None:
    assert problems(draw_help().blocks) == []
    assert problems(draw_home()["blocks"]) == []


def test_confidence_in_words_and_cells() -> None:
    said = [(confidence_words(value), confidence_bar(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert said == [
        ("a long shot", "▰▱▱▱▱"),
        ("possible", "▰▱▱▱▱"),
        ("likely", "▰▰▰▱▱"),
        ("very likely", "▰▰▰▰▱"),
        ("very likely", "▰▰▰▰▰"),
    ]


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        ({"type": "sparkle"}, "unknown block type"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}, "3000"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": " "}}, "a text of"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "colour": "red"}, "has no colour"),
        ({"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}, "10"),
    ],
)
def test_the_check_of_these_tests_finds_what_slack_would_refuse(block: dict[str, Any], wrong: str) -> None:
    assert wrong in " ".join(problems([block]))


def test_the_check_of_these_tests_counts() -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}

    assert problems([{"type": "divider"}] * 51) == ["51 blocks"]
    assert "msg_blocks_too_long" in problems([section] * 5)[0]
