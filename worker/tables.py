"""
The SQL tables as typed classes.

*Model* means the language model in this project, so these are tables. A change here
needs a migration in `worker/migrations/versions`; a test compares the two.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """
    A moment in UTC, aware on both databases.

    SQLite knows no time zones: values are written there without one and read back as UTC.
    A naive value is refused, because nobody could say later which moment it meant.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time needs a time zone, got {value.isoformat()}: use datetime.now(UTC)")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def new_id() -> str:
    """
    A fresh id: 32 hexadecimal characters, also valid as a part of an RQ job id.
    """
    return uuid.uuid4().hex


class Table(DeclarativeBase):
    """The common parent: constraint names and the types of Python's values."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[dict[str, Any]]: JSON(),
        str: Text(),
    }


class Repository(Table):
    """A code base that can be asked about."""

    __tablename__ = "repositories"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    location: Mapped[str]
    created_at: Mapped[datetime]


class Question(Table):
    """
    One asking of a requirement.

    `text` is what reaches the ranker; `said` is what was written in this turn, where that differs
    because earlier turns of the thread belong to it. `surface` says how it was asked. A question
    that was deleted, or edited after its answer, has `withdrawn_at`.

    `claimed_by` and `claimed_until` say which worker is at it; `attempts` counts claims, so
    that a question which kills its worker is not tried for ever.
    """

    __tablename__ = "questions"
    __table_args__ = (
        UniqueConstraint("team", "channel", "message_ts"),
        Index("ix_questions_repository_id_created_at", "repository_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    text: Mapped[str]
    asker: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(20))
    team: Mapped[str | None] = mapped_column(String(64))
    channel: Mapped[str | None] = mapped_column(String(64))
    thread_ts: Mapped[str | None] = mapped_column(String(64))
    message_ts: Mapped[str | None] = mapped_column(String(64))
    event_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    placeholder_ts: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(index=True)
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    said: Mapped[str | None]
    surface: Mapped[str | None] = mapped_column(String(20))
    withdrawn_at: Mapped[datetime | None]


class Release(Table):
    """A trained release; its id is the name of its folder. At most one is active per repository."""

    __tablename__ = "releases"
    __table_args__ = (
        Index(
            "uq_releases_active",
            "repository_id",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)
    folder: Mapped[str]
    state: Mapped[str] = mapped_column(String(20), default="candidate")
    dataset_hash: Mapped[str] = mapped_column(String(64))
    graph_commit: Mapped[str] = mapped_column(String(100))
    scorecard: Mapped[dict[str, Any]]
    verdict: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    promoted_at: Mapped[datetime | None]


class Answer(Table):
    """
    What a question got, one row per question.

    `error` is set when there is no ranking; then `modules` is empty. `off_topic`: the question did not
    look like one about this code. `shown_at`: the
    ranking is on the asker's screen. `delivered_at`: so is the final form; as long as it
    is empty the row is an entry of the outbox.
    """

    __tablename__ = "answers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    question_id: Mapped[str] = mapped_column(ForeignKey("questions.id"), unique=True)
    release_id: Mapped[str | None] = mapped_column(ForeignKey("releases.id"), index=True)
    graph_commit: Mapped[str | None] = mapped_column(String(100))
    modules: Mapped[list[dict[str, Any]]]
    sure: Mapped[bool] = mapped_column(default=False)
    off_topic: Mapped[bool] = mapped_column(default=False, server_default=false())
    reasoning: Mapped[str | None]
    evidence: Mapped[list[dict[str, Any]]]
    error: Mapped[str | None]
    ranked_at: Mapped[datetime]
    reasoned_at: Mapped[datetime | None]
    shown_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None] = mapped_column(index=True)
    rank_ms: Mapped[int] = mapped_column(default=0)
    reason_ms: Mapped[int] = mapped_column(default=0)


class Vote(Table):
    """
    One person's word on one answer; the last one counts. `module` is the right one, if they said so.

    `wrong` is one of a few words for what was wrong. `trust` is "high" for the word of somebody
    who was asked because the module is theirs.
    """

    __tablename__ = "votes"
    __table_args__ = (UniqueConstraint("answer_id", "person"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    answer_id: Mapped[str] = mapped_column(ForeignKey("answers.id"))
    person: Mapped[str] = mapped_column(String(200))
    value: Mapped[int]
    module: Mapped[str | None]
    comment: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    reviewed: Mapped[str] = mapped_column(String(20), default="open", index=True)
    reviewed_by: Mapped[str | None] = mapped_column(String(200))
    wrong: Mapped[str | None] = mapped_column(String(30))
    trust: Mapped[str] = mapped_column(String(10), default="normal", server_default="normal")


class CandidateVote(Table):
    """One person's word on one module of an answer: it belongs here (+1), or it does not (-1)."""

    __tablename__ = "candidate_votes"
    __table_args__ = (UniqueConstraint("answer_id", "person", "module"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    answer_id: Mapped[str] = mapped_column(ForeignKey("answers.id"))
    person: Mapped[str] = mapped_column(String(200))
    module: Mapped[str]
    value: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Notice(Table):
    """
    A message beside the answers: written down first, then said, once.

    `key` is what makes it one message, however often somebody wants it said. `recipient` is a
    person or a channel, `channel` where that turned out to be. As long as `shown` is below
    `revision` there is something to post or to update; `failure` ends that.
    """

    __tablename__ = "notices"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(200), unique=True)
    team: Mapped[str] = mapped_column(String(64))
    recipient: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str | None] = mapped_column(String(64))
    thread_ts: Mapped[str | None] = mapped_column(String(64))
    ts: Mapped[str | None] = mapped_column(String(64))
    question_id: Mapped[str | None] = mapped_column(ForeignKey("questions.id"), index=True)
    payload: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(default=1)
    shown: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None]
    created_at: Mapped[datetime]


class TrainingCorrection(Table):
    """
    Which corrections a training learned from, and what they said by then.

    Votes can be taken back, so that `vote_id` is no foreign key.
    """

    __tablename__ = "training_corrections"

    training_id: Mapped[str] = mapped_column(ForeignKey("trainings.id"), primary_key=True)
    vote_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    module: Mapped[str]


class Training(Table):
    """
    One training of one repository; at most one is queued or running per repository.

    The claim works as a question's does: a training whose worker died is seen by it.
    """

    __tablename__ = "trainings"
    __table_args__ = (
        Index(
            "uq_trainings_open",
            "repository_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="queued")
    preset: Mapped[str] = mapped_column(String(20), default="auto")
    requested_by: Mapped[str] = mapped_column(String(200))
    progress: Mapped[dict[str, Any]]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    release_id: Mapped[str | None] = mapped_column(ForeignKey("releases.id"))
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)


class SignIn(Table):
    """A one-time sign-in link of the dashboard. Only the hash of its token is kept."""

    __tablename__ = "sign_ins"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ChannelSetting(Table):
    """
    How Signpost behaves in one channel of Slack; a channel without a row has the defaults.

    `listens` to `mentions` or to `everything`; a `language` of None follows the question.
    """

    __tablename__ = "channel_settings"

    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64), primary_key=True)
    repository_id: Mapped[str | None] = mapped_column(ForeignKey("repositories.id"))
    private: Mapped[bool] = mapped_column(default=False)
    votes_hidden: Mapped[bool] = mapped_column(default=False)
    listens: Mapped[str] = mapped_column(String(20), default="mentions")
    language: Mapped[str | None] = mapped_column(String(20))
    changed_by: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime]


class PersonSetting(Table):
    """The repository that one person asks about where no channel decides it."""

    __tablename__ = "person_settings"

    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    repository_id: Mapped[str | None] = mapped_column(ForeignKey("repositories.id"))
    changed_at: Mapped[datetime]


class Reindexing(Table):
    """
    One look at a repository's newest commit; at most one is queued or running per repository.

    The claim works as a training's does. `found` is empty until it is done.
    """

    __tablename__ = "reindexings"
    __table_args__ = (
        Index(
            "uq_reindexings_open",
            "repository_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="queued")
    requested_by: Mapped[str] = mapped_column(String(200))
    progress: Mapped[dict[str, Any]]
    found: Mapped[dict[str, Any]]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)


class Installation(Table):
    """
    A Slack workspace that installed the app by OAuth. The token is encrypted, see `worker.sealing`.
    """

    __tablename__ = "installations"

    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    bot_user: Mapped[str] = mapped_column(String(64))
    bot_id: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str]
    sealed_token: Mapped[str]
    installed_by: Mapped[str] = mapped_column(String(200))
    installed_at: Mapped[datetime]


class InstallState(Table):
    """One installation under way. Only the hash of its state is kept; using it removes the row."""

    __tablename__ = "install_states"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]
