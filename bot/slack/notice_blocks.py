"""
Messages beside the answers: a question to somebody who knows, what they said, what became of a correction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.slack.answer_blocks import mention, module_block
from bot.slack.blocks import Message
from bot.slack.kit import Block, button, context, name, plain, quoted, rich, section, words
from bot.slack.permalinks import linked
from bot.slack.phrases import say
from bot.slack.places import LinkBudget
from bot.slack.text import escape, fit, one_line
from bot.slack.views import AnswerView
from worker.catalogs import module_key

NOTICE_EVENT = "signpost_notice"
THIS_ONE_ACTION = "signpost_this_one"
OTHER_ACTION = "signpost_other_module"

_QUESTION, _NAME, _SUMMARY = 1_500, 200, 300
_CANDIDATES = 5
_LINKS = 4_000


def draw_help_wanted(notice_id: str, view: AnswerView, payload: Mapping[str, Any]) -> Message:
    """
    The question to somebody who knows the module, with candidates to click; once answered, who said what.

    Args:
        payload: `asker`, `owner` (whether this person is known to own the module), and when it
            was answered `by` and `module`; `link` leads to where it was asked.
    """
    language = view.language
    head = rich([*mention(str(payload["asker"])), words(f" {say('help_wanted', language)}", 100)])
    blocks: list[Block] = [head, quoted(view.text, _QUESTION)]
    if payload.get("link"):
        blocks.append(context(linked(str(payload["link"]), say("open_thread", language))))
    if payload.get("by"):
        said = words(f" {say('help_done', language)} ", 100)
        blocks.append(rich([*mention(str(payload["by"])), said, name(str(payload["module"]), _NAME)]))
        return Message(_summary(say("help_wanted", language), view.text), tuple(blocks))
    top = view.modules[0].id
    if payload.get("owner"):
        before, _, after = say("help_why", language, module="\0").partition("\0")
        blocks.append(rich([words(before, 200), name(top, _NAME), words(after or " ", 200)]))
    else:
        blocks.append(section(escape(say("help_why_group", language))))
    blocks.append(section(f"*{escape(say('help_guess', language))}*"))
    links = LinkBudget(_LINKS)
    candidates = view.modules[:_CANDIDATES]
    blocks += [module_block(view, place, module, links, short=True) for place, module in enumerate(candidates, start=1)]
    this = [
        button(
            f"{place}. {say('help_this', language)}",
            f"{THIS_ONE_ACTION}:{place}",
            f"{notice_id}:{module_key(module.id)}",
        )
        for place, module in enumerate(candidates, start=1)
    ]
    other = {
        "type": "external_select",
        "action_id": OTHER_ACTION,
        "min_query_length": 0,
        "placeholder": plain(say("help_other", language), 150),
    }
    blocks.append({"type": "actions", "block_id": f"{OTHER_ACTION}:{notice_id}", "elements": [*this, other]})
    return Message(_summary(say("help_wanted", language), view.text), tuple(blocks))


def draw_verdict(view: AnswerView, payload: Mapping[str, Any]) -> Message:
    """
    What somebody who knows said, for the thread of the question.
    """
    language, module = view.language, str(payload["module"])
    link = view.host.folder_link(view.graph_commit, str(payload.get("path") or "")) if view.host else ""
    said = [
        *mention(str(payload["asker"])),
        words(" – ", 3),
        *mention(str(payload["by"])),
        words(f" {say('verdict', language)} ", 100),
        name(module, _NAME, link=link, bold=True),
    ]
    text = f"{say('verdict', language)} {one_line(module)}"
    return Message(fit(text, _SUMMARY), (rich(said), context(escape(say("verdict_next", language)))))


def draw_reply(view: AnswerView, payload: Mapping[str, Any]) -> Message:
    """
    What somebody who was asked wrote in their own words, for the thread of the question.
    """
    said, text = say("reply_said", view.language), str(payload["text"])
    head = [
        *mention(str(payload["asker"])),
        words(" – ", 3),
        *mention(str(payload["by"])),
        words(f" {said}", 40),
    ]
    return Message(_summary(said, text), (rich(head), quoted(text, _QUESTION)))


def draw_news(view: AnswerView, payload: Mapping[str, Any]) -> Message:
    """
    What became of a correction: the new answer to the question, by the release that learned from it.

    Args:
        view: The new answer.
        payload: `module` is what the person had said.
    """
    language, module = view.language, str(payload["module"])
    place = next((place for place, one in enumerate(view.modules, start=1) if one.id == module), None)
    outcome = say("news_absent", language)
    if place is not None:
        outcome = say("news_first", language) if place == 1 else say("news_place", language, place=place)
    before, _, after = say("news", language, release="\0").partition("\0")
    links = LinkBudget(_LINKS)
    blocks: list[Block] = [
        rich([words(before or " ", 200), name(view.release, 120), words(after or " ", 200)]),
        rich([words(f"{say('news_question', language)} ", 100), name(module, _NAME)]),
        quoted(view.text, _QUESTION),
        section(f"*{escape(outcome)}*"),
        *(module_block(view, at, one, links, short=True) for at, one in enumerate(view.modules[:3], start=1)),
    ]
    return Message(fit(outcome, _SUMMARY), tuple(blocks))


def notice_metadata(notice_id: str) -> dict[str, Any]:
    """
    Metadata by which the message of a notice is found again.
    """
    return {"event_type": NOTICE_EVENT, "event_payload": {"notice_id": notice_id}}


def is_notice(message: Mapping[str, Any], notice_id: str) -> bool:
    """
    Whether *message*, as Slack returns it, is that of the notice.
    """
    if message.get("metadata", {}).get("event_payload", {}).get("notice_id") == notice_id:
        return True
    return any(block.get("block_id") == notice_block(notice_id) for block in message.get("blocks", ()))


def notice_block(notice_id: str) -> str:
    """
    The block id that says the same, for where metadata cannot be read.
    """
    return f"{NOTICE_EVENT}:{notice_id}"


def _summary(words_: str, text: str) -> str:
    return fit(f"{words_} {one_line(text)}", _SUMMARY)
