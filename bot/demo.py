"""
`make demo`: the main job on a real code base, from nothing to answered questions.

    make demo                                   # the installed networkx package
    make demo REPO=/path/to/a/git/checkout      # your own, with its history
    make demo ASK="where are tolls avoided?"    # one question, then exit
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

from rich.console import Console

from bot.asking import answering, ask_with_bar
from bot.screen import Bars, show_answer, show_scorecard
from bot.stack import Stack, add_repository, answer_json, open_stack, train, worker_for
from worker import store
from worker.settings import Settings
from worker.tables import Release, Repository

ANSWER_SECONDS = 180.0
EXAMPLES = {
    "networkx": (
        "where do we compute shortest paths with negative weights?",
        "reading a graph from a GraphML file loses edge attributes",
    )
}


def run_demo(settings: Settings, *, repository: Path | None, question: str | None, console: Console) -> None:
    """
    Train on first sight, then answer; a second run answers right away.

    Args:
        repository: A git checkout or a folder; None takes the installed networkx package.
        question: One question to answer; None reads questions from the terminal.
    """
    location = repository.expanduser().resolve() if repository else default_code_base()
    with open_stack(settings) as stack:
        row = add_repository(stack, location, None)
        release = _active(stack, row)
        if release is None:
            release = _first_release(stack, row, console)
        else:
            console.print(f"{row.name}: release {release.id} is trained already; asking it.", highlight=False)
            _say_if_moved(location, release, console)
        with answering(stack, console):
            if question is not None:
                _answer(stack, row, question, console)
            else:
                _talk(stack, row, console)


def _say_if_moved(location: Path, release: Release, console: Console) -> None:
    from graph.snapshot import open_snapshot

    with open_snapshot(location) as snapshot:
        if snapshot.commit != release.graph_commit:
            console.print(
                f"The code is at {snapshot.commit[:12]} by now, the release knows {release.graph_commit[:12]}: "
                "`signpost retrain` brings it up to date.",
                highlight=False,
            )


def default_code_base() -> Path:
    """
    The installed networkx package: real code that is always there, since Signpost depends on it.
    """
    found = importlib.util.find_spec("networkx")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("networkx is not installed, though Signpost depends on it")
    return Path(found.submodule_search_locations[0])


def _active(stack: Stack, repository: Repository) -> Release | None:
    with stack.sessions() as session:
        release = store.active_release(session, repository.id)
    if release is not None and not (Path(release.folder) / "release.json").is_file():
        return None
    return release


def _first_release(stack: Stack, repository: Repository, console: Console) -> Release:
    from training.base_model import ensure_base_model
    from training.encoder import ensure_encoder

    began = time.monotonic()
    console.print(f"[bold]{repository.name}[/bold]  {repository.location}", highlight=False)
    with Bars(console) as bars:
        models = stack.settings.home / "models"
        ensure_base_model(stack.settings.base_model, models=models, report=bars)
        if stack.settings.encoder:
            ensure_encoder(models, report=bars)
        with worker_for(stack, "training", urgent=True):
            training = train(stack, repository, preset="quick", requested_by="demo", report=bars)
    with stack.sessions() as session:
        release = store.release(session, training.release_id or "")
    show_scorecard(console, release.scorecard)
    console.print(f"Release [bold]{release.id}[/bold]: {release.verdict}.", highlight=False)
    console.print(f"From nothing to a release in {(time.monotonic() - began) / 60:.1f} minutes.\n", highlight=False)
    return release


def _answer(stack: Stack, repository: Repository, question: str, console: Console) -> None:
    answer = ask_with_bar(stack, repository, question, console, timeout=ANSWER_SECONDS)
    if answer.error:
        console.print(f"[red]{answer.error}[/red]", highlight=False)
    else:
        show_answer(console, question, answer_json(answer))


def _talk(stack: Stack, repository: Repository, console: Console) -> None:
    examples = EXAMPLES.get(repository.name, ())
    console.print("Ask where a change belongs; an empty line ends.", *(f"  e.g. {e}" for e in examples), sep="\n")
    while True:
        try:
            question = console.input("[bold cyan]where? [/bold cyan]").strip()
        except EOFError:
            return
        if not question:
            return
        _answer(stack, repository, question, console)
