"""
From confirmed feedback to a release: what the training job does apart from its bookkeeping.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.orm import Session

from graph.git import git_directory, resolve_commit
from graph.values import RepositoryError, write_atomically
from inference.labelled import LabelledText, save_labelled
from worker import store
from worker.settings import Settings
from worker.tables import Question

if TYPE_CHECKING:
    from training.writer import Writer


class Verdict(Protocol):
    """Whether a release may replace the active one."""

    @property
    def promote(self) -> bool: ...

    @property
    def reason(self) -> str: ...


class TrainedRelease(Protocol):
    """What a training returns; `training.run.TrainedRelease` is the one that serves."""

    @property
    def folder(self) -> Path: ...

    @property
    def id(self) -> str: ...

    @property
    def dataset_hash(self) -> str: ...

    @property
    def graph_commit(self) -> str: ...

    @property
    def scorecard(self) -> dict[str, Any]: ...

    @property
    def verdict(self) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """
    Everything a training needs to know.

    Args:
        location: Where the repository is.
        name: What it is called.
        home: Where releases and caches go.
        base_model: Hugging Face id or folder; None is the small default.
        encoder: Whether to use the sentence encoder.
        corrections: JSONL of confirmed corrections; None when there are none.
        previous: Folder of the active release, with which the new one is compared.
        preset: Name of a configuration, see `training.config.config_named`.
        events: Folder for TensorBoard event files; None writes none.
        judged: JSONL of trusted votes; None when there are none.
        preference: The step after fine-tuning, where *preset* names none.
        changes: Hyper-parameters that differ from the preset, see `training.config.changed`.
        writer: A language model that says training texts again; None leaves it at the rules.
        commit: The newest commit to read; None for a folder without git.
    """

    location: Path
    name: str
    home: Path
    base_model: str | None
    encoder: bool
    corrections: Path | None
    previous: Path | None
    preset: str = "auto"
    events: Path | None = None
    judged: Path | None = None
    preference: str = "none"
    changes: tuple[str, ...] = ()
    writer: "Writer | None" = None
    commit: str | None = None


# Called with (stage, done, total, detail) while a training runs.
Report = Callable[[str, int, int, str], None]
Train = Callable[[TrainingOrder, Report], TrainedRelease]


def train(order: TrainingOrder, report: Report) -> TrainedRelease:
    """
    Train in this process. PyTorch is imported here and nowhere before.
    """
    from training.base_model import ensure_base_model
    from training.config import config_named
    from training.encoder import ensure_encoder
    from training.run import train_release

    models = order.home / "models"
    base_model = ensure_base_model(order.base_model, models=models, report=report)
    return train_release(
        location=order.location,
        name=order.name,
        home=order.home,
        base_model=base_model,
        config=config_named(order.preset, preference=order.preference, changes=order.changes),
        corrections=order.corrections,
        previous=order.previous,
        encoder=ensure_encoder(models, report=report) if order.encoder else None,
        events=order.events,
        judged=order.judged,
        writer=order.writer,
        commit=order.commit,
        report=report,
    )


def writer_of(settings: Settings) -> "Writer | None":
    """
    The language model that the settings name for training texts; None when they name none.
    """
    if not settings.writer_url:
        return None
    from training.writer import Writer

    return Writer(
        settings.writer_url, settings.writer_model or "", settings.home / "cache" / "written", key=settings.writer_key
    )


def make_order(session: Session, settings: Settings, training_id: str) -> TrainingOrder:
    """
    Write the confirmed feedback and the questions of a training's repository down, and say what to train.

    A training that begins again after a breakdown gets the order of its first time, whatever was said and committed in
    between: with other rows its checkpoint would be of no use. SQL keeps which corrections those are: their authors are
    told when the release is in use.
    """
    training = store.training(session, training_id)
    repository = store.repository(session, training.repository_id)
    active = store.active_release(session, repository.id)
    folder = settings.home / "corrections"
    pinned = _pinned(folder / f"{training_id}.order.json")
    feedback = store.confirmed_feedback(session, repository.id)
    if pinned is None:
        questions = store.asked_questions(session, repository.id)
        judgements = store.trusted_judgements(session, repository.id)
        pinned = {
            "commit": _newest_commit(Path(repository.location)),
            "votes": [row.vote_id for row in feedback],
            "corrections": write_corrections(folder / f"{training_id}.jsonl", feedback, questions) is not None,
            "judged": write_judged(folder / f"{training_id}-votes.jsonl", judgements) is not None,
        }
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / f"{training_id}.order.json", json.dumps(pinned).encode())
    store.mark_trained(session, training_id, [row for row in feedback if row.vote_id in pinned["votes"]])
    return TrainingOrder(
        location=Path(repository.location),
        name=repository.name,
        home=settings.home,
        base_model=settings.base_model,
        encoder=settings.encoder,
        corrections=folder / f"{training_id}.jsonl" if pinned["corrections"] else None,
        previous=Path(active.folder) if active else None,
        preset=training.preset,
        events=settings.home / "trainings" / training_id,
        judged=folder / f"{training_id}-votes.jsonl" if pinned["judged"] else None,
        preference=settings.preference,
        changes=settings.training,
        writer=writer_of(settings),
        commit=pinned["commit"],
    )


def _pinned(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _newest_commit(location: Path) -> str | None:
    """
    None for a folder without git, or one that cannot be read: the training says what is wrong with it.
    """
    directory = git_directory(location)
    try:
        return resolve_commit(directory, None) if directory is not None else None
    except RepositoryError:
        return None


def write_corrections(path: Path, rows: Sequence[store.FeedbackRow], questions: Sequence[Question] = ()) -> Path | None:
    """
    Write the labels that the feedback gives, one per requirement; None when there is nothing to write.

    The same requirement asked twice is one label; where people named several modules the
    one named most comes first. Other questions follow without a label: the training looks
    for commits that answered them.
    """
    asked: dict[str, list[store.FeedbackRow]] = defaultdict(list)
    for row in rows:
        asked[store.normalised(row.text)].append(row)
    open_ones = {store.normalised(question.text): question for question in reversed(questions)}
    unlabelled = [
        LabelledText(one.id, one.text, (), "question", one.created_at.isoformat(timespec="seconds"))
        for text, one in reversed(open_ones.items())
        if text not in asked
    ]
    labels = [_label(group) for group in asked.values()] + unlabelled
    if not labels:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    save_labelled(path, labels)
    return path


def _label(group: Sequence[store.FeedbackRow]) -> LabelledText:
    named = Counter(row.module for row in group)
    modules = tuple(sorted(named, key=lambda module: (-named[module], module)))
    latest = max(row.voted_at for row in group).isoformat(timespec="seconds")
    return LabelledText(group[0].question_id, group[0].text, modules, "feedback", latest)


def write_judged(path: Path, rows: Sequence[store.JudgementRow]) -> Path | None:
    """
    Write the trusted votes down for a preference step; None when there are none.
    """
    from training.preference.votes import JudgedAnswer, save_judged

    if not rows:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    save_judged(
        path, [JudgedAnswer(row.question_id, row.text, row.shown, row.value > 0, row.module or "") for row in rows]
    )
    return path


def register(session: Session, training_id: str, made: TrainedRelease, *, now: datetime) -> str:
    """
    Put a finished training's release into SQL, and make it the active one if the gate says so.

    Returns:
        The state of the training: `done`, or `refused` with the release kept for inspection.
    """
    store.add_release(
        session,
        release_id=made.id,
        repository_id=store.training(session, training_id).repository_id,
        folder=str(made.folder),
        dataset_hash=made.dataset_hash,
        graph_commit=made.graph_commit,
        scorecard=made.scorecard,
        verdict=made.verdict.reason,
        state="candidate" if made.verdict.promote else "refused",
        now=now,
    )
    if made.verdict.promote:
        store.promote_release(session, made.id, now)
    state = "done" if made.verdict.promote else "refused"
    store.update_training(session, training_id, now=now, state=state, release_id=made.id)
    return state


def due_trainings(session: Session, settings: Settings, now: datetime) -> list[tuple[str, str]]:
    """
    Repositories that should be trained again now, each with who or what asks for it.

    A repository without an active release waits for its first training, which a person
    starts. After that the schedule counts from the last training, whatever became of it,
    so that one which fails is not repeated all day.
    """
    due = []
    for repository in store.repositories(session):
        active = store.active_release(session, repository.id)
        if active is None:
            continue
        latest = store.latest_training(session, repository.id)
        if latest is not None and latest.finished_at is None:
            continue
        last = max(active.created_at, latest.created_at) if latest else active.created_at
        if settings.retrain_days and now - last >= timedelta(days=settings.retrain_days):
            due.append((repository.id, "schedule"))
        elif settings.retrain_feedback:
            waiting = sum(row.voted_at > last for row in store.confirmed_feedback(session, repository.id))
            if waiting >= settings.retrain_feedback:
                due.append((repository.id, "feedback"))
    return due
