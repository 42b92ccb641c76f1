"""
The Home tab drawn: values in, Block Kit out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.slack.kit import Block, Element, button, context, plain, quoted, section
from bot.slack.permalinks import linked
from bot.slack.phrases import Language, say
from bot.slack.text import code, escape, fit, one_line

ASK = "signpost_home_ask"
QUESTION = "signpost_home_question"
CHOOSE = "signpost_home_repository"
RETRAIN = "signpost_admin_retrain"
REINDEX = "signpost_admin_reindex"
ROLL_BACK = "signpost_admin_rollback"
PROMOTE = "signpost_admin_promote"

_MOST_REPOSITORIES = 100
_MOST_ADMINISTERED = 15
_MOST_RELEASES = 100


@dataclass(frozen=True, slots=True)
class Recent:
    """
    One of the person's questions.

    Args:
        module: The module that came first; empty when there is none.
        state: `waiting`, `answered`, `nothing` or `error`.
        link: The address of its answer; empty when there is none.
    """

    text: str
    module: str
    state: str
    day: str
    repository: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Administered:
    """
    One repository as admins see it.

    Args:
        state: Drawn by `bot.slack.state`.
        releases: Those that could be promoted.
    """

    id: str
    name: str
    state: Block
    releases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HomeView:
    """
    All that the tab shows.

    Args:
        nonce: Different after every question, so that Slack empties the box.
        repositories: (id, name) of each.
        chosen: Id of the person's repository; None when there is none at all.
        notice: What became of the last click, as marked-up text.
        workers: The admins' first lines; None for everybody else.
    """

    language: Language
    nonce: str
    repositories: tuple[tuple[str, str], ...]
    chosen: str | None
    recent: tuple[Recent, ...]
    notice: str = ""
    workers: tuple[Block, ...] | None = None
    administered: tuple[Administered, ...] = ()


def draw_home(view: HomeView) -> dict[str, Any]:
    """
    The view for `views.publish`.
    """
    blocks = [section(say("home_intro", view.language))]
    if view.notice:
        blocks.append(section(view.notice))
    blocks += [_question(view), _buttons(view), {"type": "divider"}, *_recent(view)]
    if view.workers is not None:
        blocks += [{"type": "divider"}, section(say("home_admin", view.language)), *view.workers, *_administered(view)]
    return {"type": "home", "blocks": blocks[:100]}


def _question(view: HomeView) -> Block:
    return {
        "type": "input",
        "block_id": f"ask:{view.nonce}",
        "label": plain(say("home_question", view.language), 200),
        "element": {
            "type": "plain_text_input",
            "action_id": QUESTION,
            "multiline": True,
            "max_length": 3000,
            "placeholder": plain(say("home_example", view.language), 150),
        },
    }


def _buttons(view: HomeView) -> Block:
    elements: list[Element] = [button(say("home_ask", view.language), ASK, "ask", primary=True)]
    if len(view.repositories) > 1:
        options = [_option(name, id) for id, name in view.repositories[:_MOST_REPOSITORIES]]
        picker: Element = {
            "type": "static_select",
            "action_id": CHOOSE,
            "placeholder": plain(say("home_repository", view.language), 150),
            "options": options,
        }
        chosen = next((option for option in options if option["value"] == view.chosen), None)
        elements.append(picker | ({"initial_option": chosen} if chosen else {}))
    return {"type": "actions", "block_id": f"actions:{view.nonce}", "elements": elements}


def _recent(view: HomeView) -> list[Block]:
    blocks = [section(say("home_recent", view.language))]
    if not view.recent:
        return [*blocks, context(say("home_recent_none", view.language))]
    for one in view.recent:
        blocks.append(quoted(one_line(one.text), 200))
        outcome = {
            "waiting": lambda: say("home_waiting", view.language),
            "error": lambda: say("home_error", view.language),
            "nothing": lambda: say("home_nothing", view.language),
        }.get(one.state, lambda module=one.module: code(module, 200))()
        more = f" · {linked(one.link, say('home_open', view.language))}" if one.link else ""
        blocks.append(context(f"{outcome} · {code(one.repository, 120)} · {escape(one.day)}{more}"))
    return blocks


def _administered(view: HomeView) -> list[Block]:
    blocks: list[Block] = []
    for one in view.administered[:_MOST_ADMINISTERED]:
        blocks += [one.state, _admin_buttons(view.language, one)]
    more = len(view.administered) - _MOST_ADMINISTERED
    if more > 0:
        blocks.append(context(say("home_more", view.language, number=more)))
    return blocks


def _admin_buttons(language: Language, one: Administered) -> Block:
    name = fit(one_line(one.name), 100, prepare=str)
    retrain = button(say("button_retrain", language), RETRAIN, one.id, primary=True)
    reindex = button(say("button_reindex", language), REINDEX, one.id)
    back = button(say("button_rollback", language), ROLL_BACK, one.id)
    elements = [
        retrain | {"confirm": _confirm(language, say("confirm_retrain", language, repository=name))},
        reindex | {"confirm": _confirm(language, say("confirm_reindex", language, repository=name))},
        back | {"style": "danger", "confirm": _confirm(language, say("confirm_rollback", language, repository=name))},
    ]
    if one.releases:
        promote: Element = {
            "type": "static_select",
            "action_id": PROMOTE,
            "placeholder": plain(say("button_promote", language), 150),
            "options": [_option(release, release) for release in one.releases[:_MOST_RELEASES]],
            "confirm": _confirm(language, say("confirm_promote", language)),
        }
        elements.append(promote)
    return {"type": "actions", "block_id": f"admin:{one.id}", "elements": elements}


def _confirm(language: Language, text: str) -> dict[str, Any]:
    return {
        "title": plain(say("confirm_title", language), 100),
        "text": plain(text, 300),
        "confirm": plain(say("confirm_yes", language), 30),
        "deny": plain(say("confirm_no", language), 30),
    }


def _option(text: str, value: str) -> dict[str, Any]:
    return {"text": plain(text, 75), "value": value}
