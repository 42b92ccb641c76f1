"""
Answers drawn as Slack messages: values in, Block Kit out, nothing is called from here.

Slack refuses a message as a whole when one field is too long, so every field has a
budget and the sum stays far below the limit of about 13,000 characters. What is cut is
the text of a field, never the votes: the worst answers need them most.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack.blocks import Message, question_block
from bot.slack.kit import (
    Block,
    Element,
    button,
    context,
    is_person,
    joined,
    name,
    person,
    quoted,
    rich,
    section,
    words,
)
from bot.slack.phrases import Language, count, say
from bot.slack.places import LinkBudget, short_names, with_places
from bot.slack.text import code, escape, fit, length, one_line
from bot.slack.views import AnswerView
from inference.values import Evidence, RankedModule
from worker.threads import ELSEWHERE
from worker.waiting import Outlook

VOTE_ACTION = "signpost_vote"
WHY_ACTION = "signpost_why"
MORE_ACTION = "signpost_more"
ASK_ACTION = "signpost_ask_human"

SHOWN_MODULES = 3

_SHOWN_FILES = 3
_SHOWN_PAST = 2
_SHOWN_OWNERS = 3
_BAR_CELLS = 5
_STEPS = (0.75, 0.5, 0.25, 0.0)
_LIKELY = 0.5  # from here on the first module stands out

# Budgets in characters as Slack counts them.
_TITLE, _FILE, _WHY, _REASONING, _ERROR, _STAMP, _SUMMARY = 160, 120, 400, 1_200, 600, 120, 300
_QUESTION, _OWNER, _PAST = 600, 60, 160
# The sum of all links in a message: they count for Slack, too, and are the first to go.
_LINKS = 4_000
_LINKS_OF_A_BLOCK = 1_600


def draw_placeholder(
    question_id: str,
    language: Language = "en",
    *,
    outlook: Outlook | None = None,
    asker: str = "",
    text: str = "",
    surface: str = "",
) -> Message:
    """
    The message that stands there until the ranking is known.

    Args:
        outlook: What it waits for; None says nothing about it.
        asker, text, surface: As in `AnswerView`, for one that stands alone.
    """
    head = asked_blocks(asker, text, language, surface=surface)
    told = say("looking", language)
    if outlook is not None:
        told = " ".join([told, *_outlook_words(outlook, language)])
    return Message(told, (*head, section(f":mag: {escape(told)}", block_id=question_block(question_id))))


def draw_answer(view: AnswerView, *, short: bool = False) -> Message:
    """
    An answer in whatever state it is: ranked, explained, unsure, empty or failed.

    Args:
        short: The smallest form that is still an answer, for the case that Slack finds the
            full one too long.
    """
    head = asked_blocks(view.asker, view.text, view.language, surface=view.surface)
    if view.error is not None:
        return _draw_error(view, head)
    votes = [_votes(view)] if view.with_votes else []
    if not view.modules:
        sorry = f"*{escape(say('nothing', view.language))}* {escape(say('nothing_more', view.language))}"
        return Message(say("nothing", view.language), (*head, section(sorry), _footer(view), *votes))
    if view.off_topic:
        return _draw_off_topic(view, head)
    shown = view.modules[:SHOWN_MODULES]
    links = LinkBudget(0 if short else _LINKS)
    blocks = [*head, _headline(view)]
    blocks += [module_block(view, place, module, links, short=short) for place, module in enumerate(shown, start=1)]
    if not short:
        blocks += [*_reasoning(view, links), *_people_and_past(view, links)]
    blocks += [_buttons(view), _footer(view), *votes]
    return Message(_summary(view, shown), tuple(blocks))


def confidence_words(confidence: float, language: Language = "en", *, sure: bool = True) -> str:
    """
    A confidence in words; nothing is very likely in an answer that is not sure.

    >>> confidence_words(0.9), confidence_words(0.3), confidence_words(0.6, "zh")
    ('very likely', 'possible', '可能')
    >>> confidence_words(0.9, sure=False)
    'likely'
    """
    confidence = confidence if sure else min(confidence, _LIKELY)
    return say(f"word_{next((least for least in _STEPS if confidence >= least), 0.0)}", language)


def confidence_bar(confidence: float) -> str:
    """
    >>> confidence_bar(0.62), confidence_bar(0.01)
    ('▰▰▰▱▱', '▰▱▱▱▱')
    """
    full = max(1, min(_BAR_CELLS, int(confidence * _BAR_CELLS + 0.5)))
    return "▰" * full + "▱" * (_BAR_CELLS - full)


def module_block(
    view: AnswerView, place: int, module: RankedModule, links: LinkBudget, *, short: bool = False
) -> Block:
    """
    One place of a ranking: module, confidence, the line why, the files that matter.
    """
    links = links.part(_LINKS_OF_A_BLOCK)
    title = name(module.id, _TITLE, link=links.take(view.module_link(module)), bold=True)
    too = view.sure and place > 1 and module.belongs  # how many modules there are is predicted for each question
    likely = say("too", view.language) if too else confidence_words(module.confidence, view.language, sure=view.sure)
    sureness = f"  {confidence_bar(module.confidence)}  {likely}"
    head: list[Element] = [words(f"{place}. ", 10, bold=True), title, words(sureness, 60)]
    if short:
        return rich(head)
    why = one_line(module.why)
    if why:
        told = with_places(why, _WHY, places=view.places, links=links)
        head += [words("\n", 1), *told]
    paths = [path for path in module.files[:_SHOWN_FILES] if one_line(path) and path != module.path]
    files = _files(view, paths, links)
    left = len(module.files) - len(module.files[:_SHOWN_FILES])
    if files:
        head += [words("\n", 1), *joined(files)]
        if left:
            head.append(words(f" {say('more_files', view.language, number=left)}", 40))
    return rich(head)


def _files(view: AnswerView, paths: Sequence[str], links: LinkBudget) -> list[Element]:
    """Files by their names, as links; by their whole paths where there is no link."""
    names = short_names(paths)
    found = []
    for path in paths:
        link = links.take(view.file_link(path))
        found.append(name(names[path] if link else path, _FILE, link=link))
    return found


def past_elements(view: AnswerView, piece: Evidence, links: LinkBudget) -> list[Element]:
    """
    A past change: its commit as a link, then its subject.
    """
    commit = piece.commit or ""
    if not commit:
        return [words(one_line(piece.text), _PAST)]
    link = links.take(view.host.commit_link(commit)) if view.host else ""
    subject = one_line(piece.text.removeprefix(f"commit {commit[:10]} "))
    return [name(commit[:10], 12, link=link), words(f" {subject}", _PAST)]


def mention(user_id: str) -> list[Element]:
    """
    A person of the workspace; an id that is none is shown as the text it is.
    """
    return [person(user_id) if is_person(user_id) else words(one_line(user_id), _OWNER, bold=True)]


def _outlook_words(outlook: Outlook, language: Language) -> list[str]:
    stop = "。" if language == "zh" else "."
    if not outlook.workers:
        return [say("no_worker", language)]
    if not outlook.ahead:
        return []
    told = count("ahead", outlook.ahead, language)
    if outlook.seconds is not None:
        seconds = max(1, round(outlook.seconds))
        few = seconds < 90
        number = seconds if few else round(seconds / 60)
        told += ("，" if language == "zh" else ", ") + say(
            "wait_seconds" if few else "wait_minutes", language, number=number
        )
    return [f"{told}{stop}"]


def asked_blocks(asker: str, text: str, language: Language, *, surface: str) -> list[Block]:
    """
    Who asked what, above an answer that stands alone; the asker is notified, as by a reply.
    """
    if not asker:
        return []
    head = [section(escape(say(f"asked_{surface}", language)))] if surface in ELSEWHERE else []
    return [*head, rich([*mention(asker), words(f" {say('asked', language)}", 40)]), quoted(text, _QUESTION)]


def _headline(view: AnswerView) -> Block:
    if view.sure:
        return section(f":white_check_mark: *{escape(say('sure', view.language))}*")
    stands_out = view.modules[0].confidence >= _LIKELY
    more = say("unsure_first" if stands_out else "unsure_more", view.language)
    return section(f":grey_question: *{escape(say('unsure', view.language))}* {escape(more)}")


def _reasoning(view: AnswerView, links: LinkBudget) -> list[Block]:
    if view.reasoning is None:
        return [context(f":pencil2: _{escape(say('writing', view.language))}_")]
    text = view.reasoning.strip()
    told = with_places(text, _REASONING, places=view.places, links=links.part(_LINKS_OF_A_BLOCK))
    if not told:
        return []
    blocks: list[Block] = [{"type": "divider"}, rich(told)]
    if length(text) > _REASONING:
        blocks.append(context(escape(say("cut", view.language))))
    return blocks


def _people_and_past(view: AnswerView, links: LinkBudget) -> list[Block]:
    lines: list[list[Element]] = []
    past = [piece for piece in view.evidence if piece.kind == "past"][:_SHOWN_PAST]
    if past:
        line: list[Element] = [words(f"{say('past', view.language)}: ", 60, bold=True)]
        for at, piece in enumerate(past):
            line += [words("\n" if at else " ", 1), *past_elements(view, piece, links)]
        lines.append(line)
    owners = [one_line(owner) for owner in view.owners.get(view.modules[0].id, ())[:_SHOWN_OWNERS]]
    if any(owners):
        known = joined([words(owner, _OWNER) for owner in owners if owner], ", ")
        lines.append([words(f"{say('owners', view.language)}: ", 60, bold=True), *known])
    return [rich(line) for line in lines]


def _buttons(view: AnswerView) -> Block:
    owners = view.owners.get(view.modules[0].id, ())
    owner = one_line(owners[0]) if owners and not view.sure else ""
    ask = say("ask_owner_button", view.language, owner=owner) if owner else say("ask_button", view.language)
    elements = [
        button(say("why_button", view.language), WHY_ACTION, view.answer_id),
        button(say("more_button", view.language), MORE_ACTION, view.answer_id),
        button(ask, ASK_ACTION, view.answer_id, primary=not view.sure),
    ]
    return {"type": "actions", "elements": elements}


def _footer(view: AnswerView) -> Block:
    release = f"{say('release', view.language)} {code(view.release, _STAMP)}" if view.release else ""
    commit = view.graph_commit[:12]
    link = view.host.commit_link(view.graph_commit) if view.host else ""
    at = f"<{escape(link)}|{commit}>" if link else code(commit, _STAMP)
    parts = [code(view.repository, _STAMP), at, release]
    if view.age_days is not None:
        parts.append(count("age", view.age_days, view.language) if view.age_days else say("age_today", view.language))
    if view.rank_ms:
        parts.append(say("ranked_in", view.language, seconds=f"{view.rank_ms / 1000:.1f}"))
    return context(" · ".join(part for part in parts if part) or "Signpost")


def _votes(view: AnswerView) -> Block:
    """An opaque id is all a button carries; rights are checked when it is clicked."""
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": VOTE_ACTION,
                "positive_button": _vote(view, "up"),
                "negative_button": _vote(view, "down"),
            }
        ],
    }


def _vote(view: AnswerView, word: str) -> Element:
    return {
        "text": {"type": "plain_text", "text": say(f"vote_{word}", view.language)},
        "accessibility_label": say(f"vote_{word}_label", view.language),
        "value": f"{word}:{view.answer_id}",
    }


def _draw_off_topic(view: AnswerView, head: Sequence[Block]) -> Message:
    """
    What is not about this code gets no list of modules, which would be noise, and no votes, which would say that
    the first of them is right. Who meant it finds the nearest, each with a vote, one click away.
    """
    told = fit(say("off_topic", view.language, repository=one_line(view.repository)), _SUMMARY)
    buttons = [
        button(say("nearest_button", view.language), MORE_ACTION, view.answer_id),
        button(say("ask_button", view.language), ASK_ACTION, view.answer_id),
    ]
    blocks = [section(f":grey_question: *{told}* {escape(say('off_topic_more', view.language))}")]
    return Message(told, (*head, *blocks, {"type": "actions", "elements": buttons}, _footer(view)))


def _draw_error(view: AnswerView, head: Sequence[Block]) -> Message:
    sorry = say("failed", view.language)
    sentence = fit(one_line(view.error or ""), _ERROR)
    tail = f"{escape(say('failed_more', view.language))} {code(view.question_id, _STAMP)}"
    return Message(sorry, (*head, section(f":warning: *{escape(sorry)}* {sentence}"), context(tail)))


def _summary(view: AnswerView, shown: Sequence[RankedModule]) -> str:
    names = ", ".join(one_line(module.id) for module in shown)
    return fit(f"{say('summary_sure' if view.sure else 'summary_unsure', view.language)}: {names}", _SUMMARY)
