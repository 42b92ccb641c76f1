"""
`signpost release` and `signpost feedback`: what serves, and what people said about it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.shared import RepoName, console, settings

release_app = typer.Typer(no_args_is_help=True, help="List releases, show, promote, compare, export, roll back.")
feedback_app = typer.Typer(no_args_is_help=True, help="Vote, correct, and review corrections.")


@release_app.command("list")
def release_list(repo: RepoName = None) -> None:
    """
    List releases, newest first.
    """
    from rich.table import Table

    from bot import stack
    from worker import store

    known = settings()
    table = Table(box=None, pad_edge=False)
    for heading in ("release", "state", "hit@1", "hit@3", "code at", "verdict"):
        table.add_column(heading, overflow="fold")
    with stack.open_stack(known) as open_stack, open_stack.sessions() as session:
        chosen = stack.find_repository(session, known, repo).id if repo else None
        for row in store.releases(session, chosen):
            score = row.scorecard.get("rankers", {}).get("system", {}).get("all", {})
            figures = (f"{score[key]:.3f}" if key in score else "" for key in ("hit@1", "hit@3"))
            table.add_row(row.id, row.state, *figures, row.graph_commit[:12], row.verdict)
    console().print(table)


@release_app.command("show")
def release_show(release: Annotated[str, typer.Argument(help="Id of the release.")]) -> None:
    """
    Verify a release's files and print its scorecard.
    """
    from bot import stack
    from bot.screen import show_scorecard
    from inference.release import read_release
    from worker import store

    with stack.open_stack(settings()) as open_stack, open_stack.sessions() as session:
        row = store.release(session, release)
    info = read_release(Path(row.folder))
    typer.echo(f"{info.id}: {row.state}, {len(info.files)} files as hashed; code at {info.graph_commit}")
    typer.echo(f"dataset {info.dataset_hash[:16]}, base model {info.base_model['name']}, trained {info.created_at}")
    show_scorecard(console(), row.scorecard)


@release_app.command("promote")
def release_promote(release: Annotated[str, typer.Argument(help="Id of the release.")]) -> None:
    """
    Let a release serve, whatever the gate said about it.
    """
    from datetime import UTC, datetime

    from bot import stack
    from inference.release import read_release
    from worker import store

    with stack.open_stack(settings()) as open_stack, open_stack.sessions.begin() as session:
        read_release(Path(store.release(session, release).folder))
        store.promote_release(session, release, datetime.now(UTC))
    typer.echo(f"{release} answers from the next question on.")


@release_app.command("rollback")
def release_rollback(repo: RepoName = None) -> None:
    """
    Go back to the release that served before.
    """
    from bot import stack
    from inference.release import read_release
    from worker import store

    known = settings()
    with stack.open_stack(known) as open_stack, open_stack.sessions.begin() as session:
        repository = stack.find_repository(session, known, repo)
        read_release(Path(store.previous_release(session, repository.id).folder))
        now_serving = store.rollback_release(session, repository.id).id
    typer.echo(f"{now_serving} answers from the next question on.")


@release_app.command("compare")
def release_compare(
    first: Annotated[str, typer.Argument(help="Id of one release.")],
    second: Annotated[str, typer.Argument(help="Id of the other.")],
) -> None:
    """
    Print two scorecards side by side, with a paired test on the rows both were held out on.
    """
    from rich.table import Table

    from bot import stack
    from training.comparison import compare_releases
    from worker import store

    with stack.open_stack(settings()) as open_stack, open_stack.sessions() as session:
        folders = [Path(store.release(session, name).folder) for name in (first, second)]
    found = compare_releases(*folders)
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for info in found.infos:
        table.add_column(info.id, justify="right", overflow="fold")
    for name, *values in found.figures:
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in values))
    console().print(table)
    for pair in found.pairs:
        means = f"{pair.first:.3f} → {pair.second:.3f}"
        typer.echo(f"{pair.measure} on {pair.rows} shared rows: {means}, p = {pair.p:.3f} (McNemar)")
    if found.reason:
        typer.echo(f"No paired test: {found.reason}")


@release_app.command("export")
def release_export(
    release: Annotated[str, typer.Argument(help="Id of the release.")],
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    form: Annotated[str, typer.Option("--as", help="hf, or gguf or mlx where their converter is installed.")] = "hf",
) -> None:
    """
    Write a release's merged model where other programs can load it.
    """
    from bot import stack
    from training.export import export_release
    from worker import store

    with stack.open_stack(settings()) as open_stack, open_stack.sessions() as session:
        source = Path(store.release(session, release).folder)
    typer.echo(f"{release} is exported to {export_release(source, folder, form=form)}.")


@feedback_app.command("vote")
def feedback_vote(
    question: Annotated[str, typer.Argument(help="Id of the question, as printed by --json.")],
    value: Annotated[str, typer.Argument(help="up or down.")],
    module: Annotated[str | None, typer.Option(help="Id of the module that is right.")] = None,
    comment: Annotated[str | None, typer.Option(help="What was wrong.")] = None,
    person: Annotated[str, typer.Option(help="Who votes.")] = "cli",
) -> None:
    """
    Vote on an answer; with --module, say which module is right.
    """
    from datetime import UTC, datetime

    from bot import stack
    from worker import store

    if value not in ("up", "down"):
        raise typer.BadParameter(f"must be up or down, got {value!r}")
    with stack.open_stack(settings()) as open_stack, open_stack.sessions.begin() as session:
        answer = store.answer_of(session, question)
        if answer is None:
            raise stack.CommandError(
                f"There is no answered question {question!r}: `signpost ask --json` prints its id."
            )
        stack.check_module(session, answer, module)
        vote = store.cast_vote(
            session,
            answer_id=answer.id,
            person=person,
            value=1 if value == "up" else -1,
            now=datetime.now(UTC),
            module=module,
            comment=comment,
        )
        typer.echo(f"Stored as {vote.id[:8]}; a lead reviews corrections before they are trained on.")


@feedback_app.command("list")
def feedback_list(repo: RepoName = None) -> None:
    """
    List corrections that wait for review.
    """
    from bot import stack
    from worker import store

    known = settings()
    with stack.open_stack(known) as open_stack, open_stack.sessions() as session:
        chosen = stack.find_repository(session, known, repo).id if repo else None
        for vote, question in store.votes_to_review(session):
            if chosen in (None, question.repository_id):
                typer.echo(f"{vote.id}  {vote.person}: {question.text!r} -> {vote.module}")


@feedback_app.command("confirm")
def feedback_confirm(vote: Annotated[str, typer.Argument(help="Id of the correction.")]) -> None:
    """
    Confirm a correction: the next training learns it.
    """
    _review(vote, "confirmed")


@feedback_app.command("reject")
def feedback_reject(vote: Annotated[str, typer.Argument(help="Id of the correction.")]) -> None:
    """
    Reject a correction: it is never trained on.
    """
    _review(vote, "rejected")


def _review(vote: str, word: Literal["confirmed", "rejected"]) -> None:
    from datetime import UTC, datetime

    from bot import stack
    from worker import store

    with stack.open_stack(settings()) as open_stack, open_stack.sessions.begin() as session:
        store.review_vote(session, vote, reviewed=word, reviewer="cli", now=datetime.now(UTC))
    typer.echo(f"{word}.")
