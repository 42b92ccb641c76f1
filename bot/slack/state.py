"""
The state of everything, drawn for admins: the same for the command and for the Home tab.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from bot.slack.kit import Block, section
from bot.slack.phrases import Language, say
from bot.slack.progress import REINDEXING, TRAINING, describe, read_progress
from bot.slack.text import code
from worker.overview import Overview, RepositoryState


def draw_workers(overview: Overview, language: Language) -> list[Block]:
    """
    Who works and what waits, with a warning when nobody does.
    """
    if not overview.reachable:
        return [section(say("state_queue_down", language))]
    blocks = [
        section(
            say(
                "state_workers",
                language,
                answers=overview.answering,
                training=overview.training,
                waiting=overview.waiting,
                trainings=overview.waiting_trainings,
            )
        )
    ]
    if not overview.answering:
        blocks.append(section(say("state_nobody", language)))
    return blocks


def draw_repository(session: Session, state: RepositoryState, language: Language) -> Block:
    """
    Which release answers about a repository, and what was trained and looked at last.
    """
    name = code(state.name, 200)
    if state.release is None:
        lines = [say("state_no_release", language, repository=name)]
    else:
        score = "" if state.hit_at_1 is None else say("state_score", language, share=f"{state.hit_at_1:.0%}")
        lines = [
            say(
                "state_release",
                language,
                repository=name,
                release=code(state.release, 200),
                commit=code(state.commit[:12], 20),
                since=f"{state.since:%Y-%m-%d %H:%M} UTC" if state.since else "?",
                score=score,
            )
        ]
    if state.training is None:
        lines.append(say("state_no_training", language))
    else:
        what = describe(read_progress(session, TRAINING, state.training.id), language)
        lines.append(say("state_training", language, what=what))
    if state.reindexing is not None:
        what = describe(read_progress(session, REINDEXING, state.reindexing.id), language)
        lines.append(say("state_reindexing", language, what=what))
    return section("\n".join(lines))


def list_names(names: Sequence[str]) -> str:
    """
    Names in code letters with commas, as many as fit on a line or two.

    >>> list_names(["shop", "roads"])
    '`shop`, `roads`'
    """
    shown = ", ".join(code(name, 120) for name in names[:15])
    return f"{shown}, …" if len(names) > 15 else shown
