"""
Who is asked when a person wants a person: the owners of the top module, else the helpers of the settings.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from slack_sdk.errors import SlackApiError

from bot.slack.blocks import Message
from bot.slack.calls import NOBODY, Calls
from bot.slack.client import error_code, needed_scope
from bot.slack.context import courtesy, words
from bot.slack.kit import is_person, section
from bot.slack.permalinks import Permalinks
from bot.slack.phrases import Language, say
from bot.slack.views import Library, language_in
from graph.contacts import contacts
from inference.values import RankedModule
from worker import store
from worker.database import Sessions
from worker.tables import Notice, Question

log = logging.getLogger("signpost.slack")

ASK, HELP, REPLY, VERDICT = "ask", "help", "reply", "verdict"

_MOST_OWNERS = 2
_MOST_MEMBERS = 5


def add_help_notices(sessions: Sessions, calls: Calls, library: Library, wanted: Notice) -> None:
    """
    Find out whom to ask, and write down what they are to be asked; one message for each.

    Args:
        wanted: A notice of the kind `ask`, with the one who wants to know in its payload.
    """
    if wanted.question_id is None:
        return
    asker = str(wanted.payload["asker"])
    with sessions() as session:
        asked = store.question(session, wanted.question_id)
        answer = store.answer_of(session, wanted.question_id)
        repository = store.repository(session, asked.repository_id)
        language = language_in(asked)
        modules = [RankedModule.from_json(module) for module in answer.modules] if answer else []
    if not modules or answer is None or not asked.text:
        return
    location, commit = Path(repository.location), answer.graph_commit or "HEAD"
    # What is not about the code has a first module, too, whose owner has nothing to do with it.
    known = () if answer.off_topic else contacts(location, modules[0].path, commit=commit)
    mails = [contact.mail for contact in known]
    owners = [person for person in _people_of(calls, wanted.team, mails) if person != asker][:_MOST_OWNERS]
    recipients = owners or _helpers(calls, wanted.team, library.helpers, without=asker)
    if not recipients:
        _tell(calls, wanted, asker, words(say("nobody_to_ask", language)))
        return
    payload = {"asker": asker, "link": _place_of(calls, asked)}
    with sessions.begin() as session:
        for recipient in recipients:
            store.add_notice(
                session,
                kind=HELP,
                key=f"help:{asked.id}:{recipient}",
                team=wanted.team,
                recipient=recipient,
                question_id=asked.id,
                payload=payload | {"owner": recipient in owners},
                now=datetime.now(UTC),
            )
    _tell(calls, wanted, asker, draw_asked(recipients, language))


def pass_on(
    sessions: Sessions, *, team: str, channel: str, thread_ts: str, message_ts: str, person: str, said: str
) -> Language | None:
    """
    Words below a question to somebody who knows are for the one who asked; they go into the thread of the question.

    Returns:
        The language of the question; None when the thread hangs below no such message.
    """
    with sessions.begin() as session:
        wanted = store.notice_at(session, kind=HELP, team=team, channel=channel, ts=thread_ts)
        if wanted is None or wanted.question_id is None:
            return None
        asked = store.question(session, wanted.question_id)
        store.add_notice(
            session,
            kind=REPLY,
            key=f"{REPLY}:{team}:{channel}:{message_ts}",
            team=team,
            recipient=asked.channel or "",
            channel=asked.channel,
            thread_ts=asked.thread_ts or asked.placeholder_ts,
            question_id=asked.id,
            payload={"asker": wanted.payload["asker"], "by": person, "text": said},
            now=datetime.now(UTC),
        )
        return language_in(asked)


def draw_asked(recipients: Sequence[str], language: Language, *, already: bool = False) -> Message:
    """
    Who was asked, for the one who wanted somebody to be asked. Nobody is notified by a private word.
    """
    phrase = "asked_whom_already" if already else "asked_whom"
    marks = [f"<@{one}>" if is_person(one) else f"<#{one}>" for one in recipients if one.isascii() and one.isalnum()]
    plain = say(phrase, language, who="\0").replace("\0 ", "").replace("\0", "").strip()
    return Message(plain, (section(say(phrase, language, who=", ".join(marks))),))


def _place_of(calls: Calls, asked: Question) -> str:
    """Where the one who is asked can read on; a direct conversation is nobody else's."""
    ts, channel = asked.message_ts or asked.placeholder_ts, asked.channel or ""
    if not ts or not channel.startswith(("C", "G")):
        return ""
    client = calls.client_for(asked.team or "")
    return Permalinks().of(client.chat_getPermalink, team=asked.team or "", channel=channel, ts=ts)


def _tell(calls: Calls, wanted: Notice, asker: str, message: Message) -> None:
    client = calls.client_for(wanted.team)
    courtesy(
        lambda: client.chat_postEphemeral(
            channel=wanted.channel or asker,
            user=asker,
            text=message.text,
            blocks=list(message.blocks),
            thread_ts=wanted.thread_ts,
        )
    )


def _people_of(calls: Calls, team: str, mails: Iterable[str]) -> list[str]:
    """The people of the workspace behind some addresses; who has none there is left out."""
    found: list[str] = []
    client = calls.client_for(team)
    for mail in mails:
        try:
            user = calls.make(client.users_lookupByEmail, team, email=mail)["user"]
        except SlackApiError as error:
            if error_code(error) == "missing_scope":
                log.error("the scope %s is missing: owners cannot be found", needed_scope(error))
                return found
            if error_code(error) not in NOBODY:
                raise
            continue
        if not user.get("deleted") and not user.get("is_bot"):
            found.append(str(user["id"]))
    return list(dict.fromkeys(found))


def _helpers(calls: Calls, team: str, helpers: Iterable[str], *, without: str) -> list[str]:
    found: list[str] = []
    for helper in helpers:
        home, _, recipient = helper.rpartition(":")
        if home and home != team:
            continue
        if recipient.startswith("S"):
            client = calls.client_for(team)
            try:
                members = calls.make(client.usergroups_users_list, team, usergroup=recipient).get("users") or []
            except SlackApiError as error:
                log.error("the members of the group %s are unknown: %s", recipient, error_code(error))
                members = []
            found += members[:_MOST_MEMBERS]
        else:
            found.append(recipient)
    return [recipient for recipient in dict.fromkeys(found) if recipient != without]
