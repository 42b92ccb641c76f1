"""
What holds where: the repository a question is about, and the settings of a channel behind `/where`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from bot.slack.blocks import Message
from bot.slack.context import Json, SlackContext
from bot.slack.kit import section
from bot.slack.phrases import LANGUAGE_NAMES, Language, language_of, say
from bot.slack.roles import acting
from bot.slack.state import list_names
from bot.slack.text import code
from worker import store
from worker.channels import (
    ChannelRules,
    change_channel,
    channel_rules,
    choose_repository,
    person_repository,
)
from worker.settings import Settings
from worker.tables import Repository


def repository_of(
    session: Session, settings: Settings, *, team: str, channel: str, person: str = ""
) -> Repository | None:
    """
    The repository that a question is about; None when none is known.

    In a channel everybody asks about the same: what it was set to, or the default. Elsewhere
    the person's own choice counts.
    """
    chosen = channel_rules(session, team=team, channel=channel).repository_id
    if chosen is None and person and not channel.startswith(("C", "G")):
        chosen = person_repository(session, team=team, person=person)
    if chosen is not None:
        return store.repository(session, chosen)
    name = settings.default_repository
    return store.repository_named(session, name) if name else store.default_repository(session)


def where_command(context: SlackContext, body: Json) -> Message | None:
    """
    What `/where` answers when it is about settings; None when it is a question.

    The first word decides, and only if what follows fits: "use the cart in checkout" is a
    question.
    """
    words = str(body.get("text") or "").split()
    if words in ([], ["help"]):
        return _help(context, body)
    change = _CHANGES.get(words[0].lower())
    if change is None or len(words) > 2:
        return None
    team, person = acting(body)
    channel = str(body.get("channel_id") or "")
    with context.sessions.begin() as session:
        language = language_of("", channel_rules(session, team=team, channel=channel).language)
        if not team:
            return _said(say("members_only", language))
        if change in _FOR_ADMINS and len(words) == 2 and not context.roles.is_admin(team, person):
            return _said(say("admins_only", language))
        place = _Place(context, session, team, channel, person, language)
        return _said(change(place, words[1] if len(words) == 2 else ""))


class _Place:
    """Where somebody changes something."""

    def __init__(
        self, context: SlackContext, session: Session, team: str, channel: str, person: str, language: Language
    ) -> None:
        self.context = context
        self.session = session
        self.team = team
        self.channel = channel
        self.person = person
        self.language = language

    @property
    def is_direct(self) -> bool:
        return self.channel.startswith("D")

    def rules(self) -> ChannelRules:
        return channel_rules(self.session, team=self.team, channel=self.channel)

    def change(self, **changes: Any) -> None:
        change_channel(
            self.session,
            team=self.team,
            channel=self.channel,
            changed_by=self.person,
            now=datetime.now(UTC),
            **changes,
        )


def _use(place: _Place, name: str) -> str:
    known = [one.name for one in store.repositories(place.session)]
    repository = store.repository_named(place.session, name)
    if repository is None:
        if not known:
            return say("use_none", place.language)
        return say("use_unknown", place.language, name=code(name, 200) or "–", known=list_names(known))
    shown = code(repository.name, 200)
    if place.is_direct:
        now = datetime.now(UTC)
        choose_repository(place.session, team=place.team, person=place.person, repository_id=repository.id, now=now)
        return say("use_done_person", place.language, repository=shown)
    place.change(repository_id=repository.id)
    return say("use_done", place.language, repository=shown)


def _settings(place: _Place, word: str) -> str:
    rules, language = place.rules(), place.language
    repository = repository_of(
        place.session,
        place.context.settings,
        team=place.team,
        channel=place.channel,
        person=place.person,
    )
    chosen = next((name for known, name in LANGUAGE_NAMES.items() if known == rules.language), "")
    return say(
        "settings",
        language,
        repository=code(repository.name, 200) if repository else say("settings_none", language),
        privacy=say("settings_private", language) if rules.private else say("settings_public", language),
        votes=say("settings_votes_off", language) if rules.votes_hidden else say("settings_votes_on", language),
        language=chosen or say("settings_auto", language),
        listens=say("settings_everything", language) if rules.everything else say("settings_mentions", language),
    )


def _private(place: _Place, word: str) -> str:
    return _switch(
        place, "private", word, {"on": ({"private": True}, "private_on"), "off": ({"private": False}, "private_off")}
    )


def _votes(place: _Place, word: str) -> str:
    return _switch(
        place,
        "votes",
        word,
        {"on": ({"votes_hidden": False}, "votes_on"), "off": ({"votes_hidden": True}, "votes_off")},
    )


def _listen(place: _Place, word: str) -> str:
    choices = {
        "mentions": ({"listens": "mentions"}, "listen_mentions"),
        "everything": ({"listens": "everything"}, "listen_everything"),
    }
    return _switch(place, "listen", word, choices)


def _language(place: _Place, word: str) -> str:
    known = {code.lower(): code for code in LANGUAGE_NAMES}
    if word.lower() == "auto":
        place.change(language=None)
        return say("language_auto", place.language)
    chosen = known.get(word.lower())
    if chosen is None:
        return say("where_wrong", place.language, command="/where language", allowed="`en`, `zh`, `auto`")
    place.change(language=chosen)
    return say("language_set", chosen, language=LANGUAGE_NAMES[chosen])


def _switch(place: _Place, name: str, word: str, choices: Mapping[str, tuple[dict[str, Any], str]]) -> str:
    chosen = choices.get(word.lower())
    if chosen is None:
        allowed = ", ".join(f"`{choice}`" for choice in choices)
        return say("where_wrong", place.language, command=f"/where {name}", allowed=allowed)
    changes, phrase = chosen
    place.change(**changes)
    return say(phrase, place.language)


def _help(context: SlackContext, body: Json) -> Message:
    team, _ = acting(body)
    with context.sessions() as session:
        rules = channel_rules(session, team=team, channel=str(body.get("channel_id") or ""))
    return _said(say("where_help", language_of("", rules.language)))


def _said(text: str) -> Message:
    return Message(text.replace("*", "").replace("`", ""), (section(text),))


# What everybody in a channel has to live with: fewer corrections to learn from, and more being read.
_FOR_ADMINS = frozenset((_votes, _listen))

_CHANGES: Final[Mapping[str, Callable[[_Place, str], str]]] = {
    "use": _use,
    "settings": _settings,
    "private": _private,
    "votes": _votes,
    "language": _language,
    "listen": _listen,
}
