"""
An answer as Slack shows it, put together from SQL, the release's catalog and the repository's code host.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bot.slack.phrases import LANGUAGES, Language
from bot.slack.places import Places
from graph.code_host import CodeHost, code_host_from, code_host_of, remote_of
from graph.contacts import contacts
from inference.values import Evidence, RankedModule
from worker import store
from worker.catalogs import Directories, ModuleDirectory
from worker.channels import channel_rules
from worker.settings import Settings
from worker.tables import Answer, Question, Repository

_REMOTE_SECONDS = 600.0
_MOST_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class AnswerView:
    """
    All that an answer's message, and what opens from it, shows.

    Args:
        modules: Best first; empty for an error, and when nothing matched.
        reasoning: None as long as it is being written.
        error: A sentence for the asker instead of a ranking.
        evidence: What the reasoning rests on.
        owners: Module id → names of people who know it.
        age_days: Of the release; None when it is not known.
        host: Where the code can be looked at.
        asker: Who asked, for an answer that stands alone and must say to what; empty below a question.
        text: What was asked.
        surface: How it was asked, or why the answer stands elsewhere than where it was asked.
        with_votes: Whether the channel wants vote buttons.
        off_topic: Whether the question does not look like one about this code at all.
    """

    answer_id: str
    question_id: str
    modules: tuple[RankedModule, ...]
    sure: bool
    release: str
    graph_commit: str
    repository: str
    reasoning: str | None = None
    error: str | None = None
    rank_ms: int = 0
    evidence: tuple[Evidence, ...] = ()
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    age_days: int | None = None
    host: CodeHost | None = None
    language: Language = "en"
    asker: str = ""
    text: str = ""
    surface: str = ""
    with_votes: bool = True
    off_topic: bool = False

    @property
    def places(self) -> Places:
        """
        Every place in the code that the answer may speak of.
        """
        files = [path for module in self.modules for path in module.files]
        files += [piece.file for piece in self.evidence if piece.file]
        folders = dict.fromkeys(module.path for module in self.modules if module.path not in module.files)
        return Places(tuple(dict.fromkeys(files)), tuple(folders), self.file_link)

    def file_link(self, path: str, line: int | None = None) -> str:
        """
        The address of a file at the indexed commit; empty when the code host is not known.
        """
        return self.host.file_link(self.graph_commit, path, line) if self.host else ""

    def module_link(self, module: RankedModule) -> str:
        """
        The address of a module's file or folder.
        """
        if self.host is None:
            return ""
        is_file = module.path in module.files
        return (self.host.file_link if is_file else self.host.folder_link)(self.graph_commit, module.path)


class Library:
    """
    What answers are drawn with besides SQL: catalogs of releases, code hosts of repositories.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directories = Directories()
        self._lock = threading.Lock()
        self._remotes: dict[str, tuple[float, str]] = {}
        self._known: OrderedDict[tuple[str, str, str], tuple[str, ...]] = OrderedDict()

    def directory(self, session: Session, release_id: str | None) -> ModuleDirectory | None:
        """
        The modules of a release; None when its catalog cannot be read.
        """
        if not release_id:
            return None
        return self._directories.of_release(store.release(session, release_id).folder)

    def host(self, repository: Repository) -> CodeHost | None:
        """
        The code host of a repository: of the settings, else of the remote of its checkout.
        """
        if self._settings.code_links:
            return code_host_from(self._settings.code_links, repository=repository.name)
        with self._lock:
            read_at, remote = self._remotes.get(repository.location, (float("-inf"), ""))
            if time.monotonic() - read_at > _REMOTE_SECONDS:
                remote = remote_of(Path(repository.location))
                self._remotes[repository.location] = (time.monotonic(), remote)
        return code_host_of(remote) if remote else None

    def view(self, session: Session, asked: Question, answer: Answer) -> AnswerView:
        """
        One answer, ready to be drawn.
        """
        repository = store.repository(session, asked.repository_id)
        modules = tuple(RankedModule.from_json(module) for module in answer.modules)
        directory = self.directory(session, answer.release_id)
        known = directory.modules if directory else {}
        owners = {module.id: known[module.id].owners for module in modules if module.id in known}
        if modules and not owners.get(modules[0].id):
            owners[modules[0].id] = self._people(repository, modules[0].path, answer.graph_commit or "HEAD")
        alone = asked.thread_ts is None and (asked.surface in store.ELSEWHERE or asked.message_ts is None)
        rules = channel_rules(session, team=asked.team or "", channel=asked.channel or "")
        return AnswerView(
            answer_id=answer.id,
            question_id=asked.id,
            modules=modules,
            sure=answer.sure,
            release=answer.release_id or "",
            graph_commit=answer.graph_commit or "",
            repository=repository.name,
            reasoning=answer.reasoning if answer.reasoned_at is not None else None,
            error=answer.error,
            rank_ms=answer.rank_ms,
            evidence=tuple(Evidence.from_json(piece) for piece in answer.evidence),
            owners=owners,
            age_days=_age(session, answer),
            host=self.host(repository),
            language=language_in(asked),
            asker=asked.asker if alone else "",
            text=asked.said or asked.text,
            surface=asked.surface or "",
            with_votes=not rules.votes_hidden,
            off_topic=answer.off_topic,
        )

    def _people(self, repository: Repository, path: str, commit: str) -> tuple[str, ...]:
        """Who changed a module lately, for a catalog that does not say who knows it."""
        key = (repository.location, path, commit)
        with self._lock:
            if key not in self._known:
                people = contacts(Path(repository.location), path, commit=commit) if path else ()
                self._known[key] = tuple(one.name or one.mail for one in people)
                while len(self._known) > _MOST_KNOWN:
                    self._known.popitem(last=False)
            return self._known[key]

    def renewed(self, view: AnswerView, payload: Mapping[str, Any]) -> AnswerView:
        """
        *view* with the ranking that a newer release gave, as a notice holds it.
        """
        modules = tuple(RankedModule.from_json(module) for module in payload["modules"])
        release, commit = str(payload["release"]), str(payload["commit"])
        return replace(view, modules=modules, sure=bool(payload["sure"]), release=release, graph_commit=commit)

    @property
    def helpers(self) -> tuple[str, ...]:
        """
        Who is asked where no owner of a module is found.
        """
        return self._settings.slack_helpers


def language_in(asked: Question) -> Language:
    """
    The language to speak about a question, as it was decided when it was asked.
    """
    return next((language for language in LANGUAGES if language == asked.language), "en")


def _age(session: Session, answer: Answer) -> int | None:
    if not answer.release_id:
        return None
    return max(0, (datetime.now(UTC) - store.release(session, answer.release_id).created_at).days)
