"""
How answers look: everything that strangers wrote is inert, and nothing is ever too long.
"""

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.slack.answer_blocks import (
    confidence_bar,
    confidence_words,
    draw_answer,
    draw_placeholder,
)
from bot.slack.blocks import Message, draw_help, question_metadata, speaks_of
from bot.slack.modal_blocks import draw_more, draw_thanks, draw_why, draw_wrong, module_option
from bot.slack.notice_blocks import draw_help_wanted, draw_news, draw_reply, draw_verdict
from bot.slack.phrases import LANGUAGES
from bot.slack.views import AnswerView
from graph.code_host import code_host_of
from inference.values import Evidence, RankedModule
from tests.bot.slack.attacks import ATTACKS
from tests.bot.slack.blockkit import problems, rich_elements, text_length, text_objects, view_problems
from worker.catalogs import ModuleFacts
from worker.waiting import Outlook

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HOME = "https://github.com/acme/roads/"

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
    graph_commit=COMMIT,
    repository="shop",
    reasoning="It adds VAT in `add_vat`.",
    rank_ms=180,
    evidence=(
        Evidence("symbol", 'function add_vat meets "VAT"', "shop.billing", "add_vat", "shop/billing/tax.py", 7),
        Evidence("past", f'commit {"c" * 10} "Round VAT up"', "shop.billing", commit="c" * 40),
        Evidence("relation", "shop.billing imports shop.cart (2 times)", "shop.billing", "shop.cart"),
    ),
    owners={"shop.billing": ("Ana", "Ben")},
    age_days=3,
    host=code_host_of("git@github.com:acme/roads.git"),
    text="where is VAT added?",
)
SPOOFED = {"type": "link", "url": "javascript:1", "text": "x"}
ALONE = replace(SURE, asker="U0ANA", surface="moved")


def poisoned(attack: str) -> AnswerView:
    """An answer in which everything comes from somebody who wants to do harm."""
    module = RankedModule(attack, attack, 0.5, (attack, f"src/{attack}.py"), attack)
    evidence = (
        Evidence("symbol", attack, attack, attack, attack, 7),
        Evidence("past", attack, attack, commit="c" * 40),
        Evidence("past", attack, attack, commit=attack),
        Evidence("relation", attack, attack, attack),
    )
    fields: dict[str, Any] = {
        "release": attack,
        "graph_commit": attack,
        "repository": attack,
        "reasoning": f"See {attack}\n`{attack}`",
        "text": attack,
        "asker": "U0ANA" if attack.isalnum() else attack,  # Slack says who asks; a name alone is none
        "evidence": evidence,
        "owners": {attack: (attack, attack)},
    }
    return replace(SURE, modules=(module,) * 3, **fields)


def drawn(view: AnswerView) -> list[Message]:
    failed = replace(view, error=view.reasoning, modules=())
    states = (
        view,
        replace(view, sure=False, language="zh"),
        replace(view, reasoning=None, graph_commit=COMMIT),
        replace(view, modules=()),
        replace(view, sure=False, off_topic=True),
        replace(view, asker="U0ANA", surface="moved", evidence=()),
        failed,
    )
    return [draw_answer(state, short=short) for state in states for short in (False, True)]


def told(view: AnswerView) -> list[Message]:
    """The messages beside an answer."""
    module = view.modules[0].id
    payload = {"asker": view.asker, "owner": True, "module": module, "path": module, "by": view.asker}
    open_ones = [{**payload, "by": None}, {**payload, "by": None, "owner": False}]
    wanted = [draw_help_wanted("n1", view, one) for one in (*open_ones, payload)]
    wanted.append(draw_reply(view, payload | {"text": view.text}))
    return [*wanted, draw_verdict(view, payload), draw_news(view, payload), draw_news(view, {"module": "other"})]


def windows(view: AnswerView) -> list[dict[str, Any]]:
    facts = ModuleFacts(view.modules[0].id, "path", "title", purpose=view.reasoning or "")
    word = view.reasoning or ""
    return [
        draw_why(view),
        draw_why(replace(view, reasoning=None, evidence=())),
        draw_more(view, {view.modules[0].id: 1}),
        draw_more(replace(view, modules=view.modules * 4), {}),
        draw_wrong(view.answer_id, "en", chosen=facts, wrong="other", comment=word, place=["C0ROADS", "1.2"]),
        draw_wrong(view.answer_id, "zh"),
        draw_thanks("en", module=view.modules[0].id),
        draw_thanks("zh", module=None),
    ]


def words(message: Message) -> str:
    texts = [text["text"] for text in _all_texts(list(message.blocks))]
    return "\n".join(texts)


def line(message: Message, block: int) -> str:
    """One block of rich text as a person reads it."""
    return "".join(part["text"] for part in rich_elements(message.blocks[block]))


def _all_texts(value: Any) -> Iterator[dict[str, Any]]:
    yield from text_objects(value)
    yield from (element for element in rich_elements(value) if "text" in element)


def live_parts(value: Any, *, people: set[str]) -> list[str]:
    """Everything in *value* that Slack would act upon and that is not ours."""
    found = []
    for text in text_objects(value):
        if text["type"] == "mrkdwn":
            left = text["text"].replace(f"<{HOME}commit/{COMMIT}|{COMMIT[:12]}>", "")
            found += [text["text"]] if "<" in left or ">" in left or not text.get("verbatim") else []
    for element in rich_elements(value):
        kind = element["type"]
        is_ours = kind == "link" and element["url"].startswith(HOME) and not set("<>|\"'` ") & set(element["url"])
        is_person = kind == "user" and element["user_id"] in people
        found += [] if kind == "text" or is_ours or is_person else [json.dumps(element)]
    return found


INVISIBLE = set("\x00\u200b\u00ad\u202e\u2066\u2028\ufeff")


def test_the_corpus_of_attacks_is_large_and_without_repeats() -> None:
    assert len(ATTACKS) >= 60
    assert len(set(ATTACKS)) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_strangers_wrote_comes_alive(attack: str) -> None:
    view = poisoned(attack)
    people = {"U0ANA"}
    messages = [*drawn(view), *told(view), draw_placeholder("q1", "en", asker=view.asker, text=attack, surface="moved")]
    for message in messages:
        blocks = list(message.blocks)
        assert live_parts(blocks, people=people) == []
        assert "<" not in message.text
        assert not INVISIBLE & set(words(message) + message.text)
        assert problems(blocks) == []
    for window in windows(view):
        assert live_parts(window["blocks"], people=people) == []
        assert not INVISIBLE & set("".join(text["text"] for text in _all_texts(window["blocks"])))
        assert view_problems(window) == []


def test_text_reads_as_it_was_written() -> None:
    view = poisoned("std::vector<int>& a && b; <!channel>")

    shown = html.unescape(words(draw_answer(view)))
    assert "std::vector<int>& a && b; <!channel>" in shown
    assert "See std::vector<int>& a && b; <!channel>\n" in shown


def test_a_field_cannot_leave_its_line() -> None:
    view = poisoned("costing\n\n*1.* `other`  ▰▰▰▰▰  very likely")

    first = draw_answer(replace(view, asker="")).blocks[1]
    assert [element["text"] for element in rich_elements(first)][:3] == [
        "1. ",
        "costing *1.* `other` ▰▰▰▰▰ very likely",
        "  ▰▰▰▱▱  likely",
    ]


@pytest.mark.parametrize("character", ["x", "<", "&", "👀", "字", "`", "\n", " a", "/字"])
def test_the_longest_input_fits_and_keeps_its_votes(character: str) -> None:
    view = poisoned(character * 40_000)
    for message in drawn(view):
        assert problems(message.blocks) == []
        assert text_length(message.blocks) < 12_000
        assert 0 < len(message.text) <= 300
        if not message.text.startswith(("I could not answer", "This does not look like")):
            assert message.blocks[-1]["type"] == "context_actions"
    for message in told(view):
        assert problems(message.blocks) == []
        assert text_length(message.blocks) < 12_000
    assert [problem for window in windows(view) for problem in view_problems(window)] == []


def test_long_links_go_before_text_does() -> None:
    path = "字/" * 80 + "tax.py"
    module = RankedModule("m", path, 0.9, tuple(f"{number}/{path}" for number in range(9)))
    shown = draw_answer(replace(SURE, modules=(module,) * 3))

    assert problems(shown.blocks) == []
    assert text_length(shown.blocks) < 9_000
    assert shown.blocks[-1]["type"] == "context_actions"


def test_a_cut_reasoning_says_so() -> None:
    assert "Cut here" in words(draw_answer(replace(SURE, reasoning="word " * 2_000)))
    assert "Cut here" not in words(draw_answer(SURE))


def test_an_answer_shows_three_modules_with_words_bars_files_and_where_it_comes_from() -> None:
    message = draw_answer(SURE)

    assert line(message, 1) == "1. shop.billing  ▰▰▰▰▱  very likely\ndefines add_vat\ntax.py"
    assert line(message, 2).endswith("\na.py · b.py · c.py and 2 more")
    assert "shop.fourth" not in words(message)
    footer = message.blocks[-2]["elements"][0]["text"]
    assert footer == (
        f"`shop` · <{HOME}commit/{COMMIT}|{COMMIT[:12]}> · release `release-7` · 3 days old · ranked in 0.2 s"
    )


def test_modules_files_and_commits_are_links_to_the_indexed_commit() -> None:
    links = [element["url"] for element in rich_elements(list(draw_answer(SURE).blocks)) if element["type"] == "link"]

    assert links[:2] == [f"{HOME}tree/{COMMIT}/shop/billing", f"{HOME}blob/{COMMIT}/shop/billing/tax.py"]
    assert links[-1] == f"{HOME}commit/{'c' * 40}"


def test_without_a_code_host_there_are_names_and_no_links() -> None:
    message = draw_answer(replace(SURE, host=None))

    assert {element["type"] for element in rich_elements(list(message.blocks))} == {"text"}
    assert "shop/billing/tax.py" in words(message)


def test_files_in_sentences_are_short_links_to_their_lines() -> None:
    path = "core/src/main/java/com/acme/roads/Toll.java"
    module = RankedModule(
        "core/roads", "core/src/main/java/com/acme/roads", 0.9, (path,), f"class Toll in {path}:29 is it"
    )
    view = replace(SURE, modules=(module,), reasoning=f"It points to Toll in {path}. Not to {path}/x or a{path}.")
    message = draw_answer(view)
    links = [(part["text"], part["url"]) for part in rich_elements(list(message.blocks)) if part["type"] == "link"]
    here = f"{HOME}blob/{COMMIT}/{path}"

    assert line(message, 1) == "1. core/roads  ▰▰▰▰▰  very likely\nclass Toll in Toll.java:29 is it\nToll.java"
    assert line(message, 3) == f"It points to Toll in Toll.java. Not to {path}/x or a{path}."
    assert [link for link in links if link[1].startswith(here)] == [
        ("Toll.java:29", f"{here}#L29"),
        ("Toll.java", here),
        ("Toll.java", here),
    ]
    assert f"class Toll in {path}:29" in words(draw_answer(replace(view, host=None)))


def test_a_file_within_a_module_is_a_link_though_it_was_not_shown() -> None:
    others = "core/src/ev/.. and core/src/ev/../x.java and core/src/evil/A.java"
    why = f"enum Mode in core/src/ev/Mode.java:27 but not {others}"
    view = replace(SURE, modules=(RankedModule("core/ev", "core/src/ev", 0.9, ("core/src/ev/Toll.java",), why),))
    links = [part for part in rich_elements(draw_answer(view).blocks[1]) if part["type"] == "link"]

    assert [(part["text"], part["url"].removeprefix(f"{HOME}blob/{COMMIT}/")) for part in links[1:-1]] == [
        ("Mode.java:27", "core/src/ev/Mode.java#L27")
    ]


def test_no_block_is_too_long_for_its_links() -> None:
    path = "very/" * 100 + "deep/tax.py"
    files = tuple(f"{number}{path}" for number in range(5))
    view = replace(
        SURE,
        modules=(RankedModule("m", path, 0.9, files, " ".join(files)[:400]),) * 3,
        evidence=tuple(Evidence("symbol", f"it is in {file}:3", "m", "f", file, 3) for file in files * 4),
        reasoning=f"It is in {' and '.join(files)}. " * 3,
    )

    assert problems(draw_answer(view).blocks) == []
    assert [problem for window in windows(view) for problem in view_problems(window)] == []
    assert draw_answer(view).blocks[-1]["type"] == "context_actions"


def test_what_is_not_about_the_code_gets_no_list_of_modules() -> None:
    message = draw_answer(replace(SURE, sure=False, off_topic=True))

    assert "This does not look like a change to shop." in words(message)
    assert message.text == "This does not look like a change to shop."
    assert "shop.billing" not in words(message)
    buttons = message.blocks[-2]["elements"]
    assert [one["text"]["text"] for one in buttons] == ["Show the nearest modules", "Ask a human"]
    assert "feedback_buttons" not in json.dumps(message.blocks)


def test_names_of_the_reasoning_stand_in_code_letters() -> None:
    parts = list(rich_elements(draw_answer(SURE).blocks[5]))

    assert [(part["text"], part.get("style")) for part in parts] == [
        ("It adds VAT in ", None),
        ("add_vat", {"code": True}),
        (".", None),
    ]


def test_an_answer_names_past_changes_and_who_knows() -> None:
    message = draw_answer(SURE)

    assert line(message, 6) == f'Past changes like this:  {"c" * 10} "Round VAT up"'
    assert line(message, 7) == "Who knows it: Ana, Ben"


def test_not_sure_looks_different_and_offers_the_owner() -> None:
    sure, unsure = draw_answer(SURE), draw_answer(replace(SURE, sure=False))
    buttons = [[button["text"]["text"] for button in one.blocks[-3]["elements"]] for one in (sure, unsure)]

    assert "Here is where this belongs" in words(sure)
    assert "Not sure" in words(unsure)
    assert (sure.text.split(":")[0], unsure.text.split(":")[0]) == ("Where this belongs", "Not sure; closest")
    assert buttons == [["Why?", "Show more", "Ask a human"], ["Why?", "Show more", "Ask Ana"]]
    assert unsure.blocks[-3]["elements"][-1]["style"] == "primary"


def test_not_sure_does_not_contradict_itself() -> None:
    first = draw_answer(replace(SURE, sure=False))
    low = tuple(replace(module, confidence=0.1) for module in SURE.modules)
    none = draw_answer(replace(SURE, sure=False, modules=low))

    assert "very likely" not in words(first)
    assert "The first is the likeliest" in words(first)
    assert "No module stands out" in words(none)


def test_a_second_module_that_it_belongs_to_is_marked_and_a_runner_up_is_not() -> None:
    first, second, *others = SURE.modules
    view = replace(SURE, modules=(replace(first, belongs=True), replace(second, belongs=True), *others))

    assert words(draw_answer(view)).count("belongs here, too") == 1
    assert "也涉及这里" in words(draw_answer(replace(view, language="zh")))
    assert "belongs here, too" not in words(draw_answer(replace(view, sure=False)))
    assert "belongs here, too" not in words(draw_answer(SURE))


def test_an_answer_that_stands_alone_says_who_asked_what() -> None:
    first, second, third = draw_answer(ALONE).blocks[:3]

    assert "I cannot write where you asked" in first["text"]["text"]
    assert next(rich_elements(second)) == {"type": "user", "user_id": "U0ANA"}
    assert next(rich_elements(third))["text"] == "where is VAT added?"


def test_a_ranking_without_reasoning_says_that_more_will_come() -> None:
    assert "Writing the reasoning" in words(draw_answer(replace(SURE, reasoning=None)))


def test_an_error_has_no_votes_and_names_the_question() -> None:
    message = draw_answer(replace(SURE, error="There is no release yet.", modules=()))

    assert "There is no release yet." in words(message)
    assert SURE.question_id in words(message)
    assert "context_actions" not in json.dumps(message.blocks)


def test_a_channel_without_vote_buttons_gets_none() -> None:
    assert "feedback_buttons" not in json.dumps(draw_answer(replace(SURE, with_votes=False)).blocks)


def test_buttons_carry_an_opaque_id_and_nothing_else() -> None:
    *_, actions, _, votes = draw_answer(SURE).blocks
    feedback = votes["elements"][0]

    assert feedback["positive_button"]["value"] == f"up:{SURE.answer_id}"
    assert feedback["negative_button"]["value"] == f"down:{SURE.answer_id}"
    assert {button["value"] for button in actions["elements"]} == {SURE.answer_id}


def test_why_opens_the_whole_reasoning_with_places_that_can_be_checked() -> None:
    window = draw_why(replace(SURE, reasoning="word " * 500))
    links = [element["url"] for element in rich_elements(window["blocks"]) if element["type"] == "link"]

    assert links == [f"{HOME}blob/{COMMIT}/shop/billing/tax.py#L7", f"{HOME}commit/{'c' * 40}"]
    assert sum(len(text["text"]) for text in rich_elements(window["blocks"][1])) > 2_400
    assert "81 % for the first module" in json.dumps(window)


def test_more_shows_up_to_ten_candidates_with_a_vote_each() -> None:
    many = tuple(RankedModule(f"m{number}", f"m{number}", 0.05) for number in range(14))
    window = draw_more(replace(SURE, modules=many), {"m0": 1, "m1": -1})

    assert sum(block["type"] == "actions" for block in window["blocks"]) == 10
    assert [block["elements"][0]["text"] for block in window["blocks"] if block["type"] == "context"] == [
        "_You said: it belongs here._",
        "_You said: not here._",
    ]


def test_a_long_module_name_keeps_both_of_its_ends_in_a_menu() -> None:
    option = module_option(ModuleFacts("begin/" + "x" * 200 + "/end", "p", "t", purpose="y" * 200))

    assert option["text"]["text"].startswith("begin/")
    assert option["text"]["text"].endswith("/end")
    assert len(option["description"]["text"]) == 75


def test_a_message_is_recognised_by_its_metadata_or_its_block() -> None:
    placeholder = draw_placeholder("q1")

    assert speaks_of({"blocks": list(placeholder.blocks)}, "q1")
    assert speaks_of({"metadata": question_metadata("q1")}, "q1")
    assert not speaks_of({"blocks": list(placeholder.blocks), "metadata": question_metadata("q1")}, "q2")
    assert not speaks_of({"text": "q1"}, "q1")


@pytest.mark.parametrize(
    ("outlook", "said"),
    [
        (None, "Looking for the right modules…"),
        (Outlook(0, 0.4, 1), "Looking for the right modules…"),
        (Outlook(1, 5.2, 1), "Looking for the right modules… 1 question comes first, about 5 s to go."),
        (Outlook(7, None, 1), "Looking for the right modules… 7 questions come first."),
        (Outlook(90, 400, 2), "Looking for the right modules… 90 questions come first, about 7 min to go."),
    ],
)
def test_a_placeholder_says_how_many_wait_and_how_long(outlook: Outlook | None, said: str) -> None:
    message = draw_placeholder("q1", outlook=outlook)

    assert message.text == said
    assert problems(message.blocks) == []


def test_a_placeholder_says_when_nobody_works() -> None:
    message = draw_placeholder("q1", "zh", outlook=Outlook(2, None, 0))

    assert "目前没有工作进程在运行" in message.text


def test_every_message_exists_in_every_language() -> None:
    for language in LANGUAGES:
        view = replace(ALONE, language=language)
        for message in (*drawn(view), *told(view)):
            assert problems(message.blocks) == []
        assert [problem for window in windows(view) for problem in view_problems(window)] == []


def test_help_is_in_the_language_of_who_greets() -> None:
    for language in LANGUAGES:
        assert problems(draw_help(language).blocks) == []
    assert "避开收费路线" in words(draw_help("zh"))


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
        (
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [SPOOFED]}]},
            "a link to javascript:1",
        ),
    ],
)  # fmt: skip
def test_the_check_of_these_tests_finds_what_slack_would_refuse(block: dict[str, Any], wrong: str) -> None:
    assert wrong in " ".join(problems([block]))


def test_the_check_of_these_tests_counts() -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}

    assert problems([{"type": "divider"}] * 51) == ["51 blocks"]
    assert "msg_blocks_too_long" in problems([section] * 5)[0]


def test_the_check_of_these_tests_sees_live_parts() -> None:
    broadcast = {"type": "rich_text", "elements": [{"type": "broadcast", "range": "channel"}]}
    marked = {"type": "section", "text": {"type": "mrkdwn", "text": "<!here>", "verbatim": True}}
    stranger = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U0EVIL"}]}

    assert [len(live_parts(part, people={"U0ANA"})) for part in (broadcast, marked, stranger)] == [1, 1, 1]
