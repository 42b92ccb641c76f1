"""
Text in and out of Slack.
"""

import doctest

import pytest

import bot.slack.answer_blocks
import bot.slack.kit
import bot.slack.text
from bot.slack.text import LONGEST_REQUIREMENT, fit, length, read_requirement


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("<@U0BOT> where is VAT added?", "where is VAT added?"),
        ("hey <@U0BOT|signpost>, and <@U0ANA> asks too", "hey , and asks too"),
        ("<!channel> <!here|here> <!subteam^S1|@leads> see <#C1|general>", "see"),
        ("look at <http://routing.py|routing.py> please", "look at routing.py please"),
        ("<https://evil.example> why", "why"),
        ("since <!date^1392734382^{date}|Feb 18, 2014> broken", "since Feb 18, 2014 broken"),
        ("a &amp;&amp; b &lt; c &gt; d", "a && b < c > d"),
        ("the entity &amp;lt; itself", "the entity &lt; itself"),
        ("std::vector&lt;int&gt;", "std::vector<int>"),
        ("nul\x00 and \u202ereversed", "nul and reversed"),
        ("two   spaces\r\n\r\n  and\tlines ", "two spaces\nand lines"),
        ("where is 路由 computed? 👀", "where is 路由 computed? 👀"),
        ("", ""),
        ("<@U0BOT> <https://a.example>", ""),
    ],
)
def test_a_requirement_is_what_the_person_meant(sent: str, read: str) -> None:
    assert read_requirement(sent) == read


def test_a_very_long_requirement_is_cut() -> None:
    assert len(read_requirement("word " * 20_000)) <= LONGEST_REQUIREMENT


@pytest.mark.parametrize("limit", range(2, 12))
def test_cutting_never_splits_an_entity(limit: int) -> None:
    kept = fit("<&>" * 4, limit)

    assert length(kept) <= limit
    assert kept.replace("&lt;", "").replace("&amp;", "").replace("&gt;", "") in ("", "…")


@pytest.mark.parametrize("module", [bot.slack.text, bot.slack.kit, bot.slack.answer_blocks])
def test_examples_in_the_documentation_are_right(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]

    assert result.attempted
    assert not result.failed
