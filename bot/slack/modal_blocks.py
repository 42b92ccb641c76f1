"""
The windows that open from an answer: why, all candidates, what was wrong, thanks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.slack.answer_blocks import module_block, past_elements
from bot.slack.kit import Block, Element, button, context, modal, name, plain, quoted, rich, section, weight, words
from bot.slack.phrases import Language, say
from bot.slack.places import LinkBudget, short_names, with_places
from bot.slack.text import escape, length, one_line
from bot.slack.views import AnswerView
from inference.values import Evidence
from worker.catalogs import ModuleFacts, module_key

WRONG_VIEW = "signpost_wrong"
MODULE_ACTION = "signpost_module"
CHOICE_ACTION = "signpost_choice"
COMMENT_ACTION = "signpost_comment"
BELONGS_ACTION = "signpost_belongs"
NOT_HERE_ACTION = "signpost_not_here"

CHOICES = ("other", "order", "missing", "reasoning", "stale", "question")

_QUESTION, _REASONING, _PIECE, _NAME = 1_000, 2_800, 300, 200
_MOST_MODULES, _MOST_EVIDENCE = 10, 20
_LINKS, _LONGEST = 8_000, 12_500


def draw_why(view: AnswerView) -> dict[str, Any]:
    """
    The full reasoning and every piece of evidence, each a link to where it can be checked.
    """
    return modal(
        say("why_title", view.language),
        _with_links(lambda links: _reasons(view, links)),
        close=say("close", view.language),
    )


def draw_more(view: AnswerView, said: Mapping[str, int]) -> dict[str, Any]:
    """
    Up to ten candidates, each with a vote of its own.

    Args:
        said: Module id → +1 or -1, what the one who looks said so far.
    """
    language = view.language
    blocks = _with_links(lambda links: _candidates(view, said, links))
    return modal(
        say("more_title", language),
        blocks or [section(escape(say("nothing", language)))],
        close=say("close", language),
        private_metadata=view.answer_id,
    )


def draw_wrong(
    answer_id: str,
    language: Language,
    *,
    chosen: ModuleFacts | None = None,
    wrong: str | None = None,
    comment: str | None = None,
    place: Sequence[str] = (),
) -> dict[str, Any]:
    """
    What was wrong with an answer; closing the window keeps the vote.

    Args:
        chosen, wrong, comment: What the person said earlier.
        place: Channel and thread, for a word in private when all is done.
    """
    select: Element = {
        "type": "external_select",
        "action_id": MODULE_ACTION,
        "min_query_length": 0,
        "placeholder": plain(say("wrong_search", language), 150),
    }
    if chosen is not None:
        select["initial_option"] = module_option(chosen)
    options = [{"text": plain(say(f"wrong_{choice}", language), 75), "value": choice} for choice in CHOICES]
    radio: Element = {"type": "radio_buttons", "action_id": CHOICE_ACTION, "options": options}
    if wrong in CHOICES:
        radio["initial_option"] = options[CHOICES.index(wrong)]
    text: Element = {
        "type": "plain_text_input",
        "action_id": COMMENT_ACTION,
        "multiline": True,
        "max_length": 1_000,
    }
    if comment:
        text["initial_value"] = comment[:1_000]
    blocks: list[Block] = [
        section(escape(say("wrong_intro", language))),
        _input(MODULE_ACTION, say("wrong_module", language), select),
        _input(CHOICE_ACTION, say("wrong_what", language), radio),
        _input(COMMENT_ACTION, say("wrong_comment", language), text),
    ]
    return modal(
        say("wrong_title", language),
        blocks,
        close=say("close", language),
        submit=say("send", language),
        callback_id=WRONG_VIEW,
        private_metadata=json.dumps([answer_id, *place]),
    )


def draw_thanks(language: Language, *, module: str | None) -> dict[str, Any]:
    """
    Thanks for a correction, and what will happen with it.
    """
    blocks: list[Block] = []
    if module is not None:
        blocks.append(rich([words(f"{say('thanks_module', language)} ", 200), name(module, _NAME)]))
    blocks.append(section(escape(say("thanks_next" if module is not None else "thanks_comment", language))))
    return modal(say("thanks_title", language), blocks, close=say("close", language))


def module_option(facts: ModuleFacts) -> dict[str, Any]:
    """
    One module in a type-ahead menu. A long id is cut in its middle: its ends tell it from others.
    """
    label = one_line(facts.id)
    if len(label) > 75:
        label = f"{label[:30]}…{label[-44:]}"
    option: dict[str, Any] = {"text": plain(label, 75), "value": facts.key}
    if one_line(facts.purpose):
        option["description"] = plain(facts.purpose, 75)
    return option


def _with_links(draw: Callable[[LinkBudget], list[Block]]) -> list[Block]:
    """As many links as the text leaves room for; without them paths are at their longest."""
    return draw(LinkBudget(max(0, min(_LINKS, _LONGEST - weight(draw(LinkBudget(0)))))))


def _reasons(view: AnswerView, links: LinkBudget) -> list[Block]:
    language = view.language
    blocks: list[Block] = [quoted(view.text, _QUESTION)]
    if view.reasoning is None:
        blocks.append(context(f":pencil2: _{escape(say('writing', language))}_"))
    elif view.reasoning.strip():
        text = view.reasoning.strip()
        room = links.part(max(0, _REASONING - length(text)))  # the whole text comes before its links
        blocks.append(rich(with_places(text, _REASONING, places=view.places, links=room)))
    blocks.append(section(f"*{escape(say('evidence', language))}*"))
    pieces = [rich(_piece(view, piece, links)) for piece in view.evidence[:_MOST_EVIDENCE]]
    blocks += pieces or [context(escape(say("no_evidence", language)))]
    if view.modules:
        percent = round(100 * view.modules[0].confidence)
        blocks.append(context(escape(say("calibration", language, percent=percent))))
    return blocks


def _candidates(view: AnswerView, said: Mapping[str, int], links: LinkBudget) -> list[Block]:
    language = view.language
    blocks: list[Block] = []
    for place, module in enumerate(view.modules[:_MOST_MODULES], start=1):
        blocks.append(module_block(view, place, module, links))
        word = said.get(module.id)
        if word is not None:
            blocks.append(context(f"_{escape(say('you_said_this' if word > 0 else 'you_said_not', language))}_"))
        value = f"{view.answer_id}:{module_key(module.id)}"
        votes = [
            button(f"👍 {say('this_one', language)}", BELONGS_ACTION, value),
            button(f"👎 {say('not_this', language)}", NOT_HERE_ACTION, value),
        ]
        blocks.append({"type": "actions", "elements": [_with_emoji(vote) for vote in votes]})
    return blocks


def _piece(view: AnswerView, piece: Evidence, links: LinkBudget) -> list[Element]:
    if piece.kind == "past":
        return [words("• ", 3), *past_elements(view, piece, links)]
    text, bullet = one_line(piece.text), words("• ", 3)
    told = with_places(text, _PIECE, places=view.places, links=links)
    place = f"{piece.file}:{piece.line}" if piece.line else piece.file or ""
    if not place or place in text:
        return [bullet, *told]
    link = links.take(view.file_link(piece.file or "", piece.line))
    label = short_names([piece.file or ""])[piece.file or ""] + (f":{piece.line}" if piece.line else "")
    return [bullet, name(label if link else place, _NAME, link=link), words(" ", 1), *told]


def _input(block_id: str, label: str, element: Element) -> Block:
    return {"type": "input", "block_id": block_id, "optional": True, "label": plain(label, 2_000), "element": element}


def _with_emoji(element: Element) -> Element:
    return {**element, "text": {**element["text"], "emoji": True}}
