"""
The `signpost` command: it parses and prints; the work is in the functions it calls, imported when they are needed.

    signpost --help
    signpost train path/to/checkout --quick
    signpost ask "where are tolls avoided?"
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bot.benching import bench
from bot.datasets import dataset_app
from bot.explaining import explain
from bot.inspecting import graph_app
from bot.managing import feedback_app, release_app
from bot.shared import AsJson, Location, PreferenceStep, Preset, RepoName, console, settings
from bot.upgrading import upgrade

if TYPE_CHECKING:
    from bot.stack import Stack
    from worker.settings import Settings

app = typer.Typer(
    name="signpost",
    help="Ask where a change belongs; get the modules, ranked, with reasons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(release_app, name="release")
app.add_typer(dataset_app, name="dataset")
app.add_typer(graph_app, name="graph")
app.add_typer(feedback_app, name="feedback")
app.command()(bench)
app.command()(explain)
app.command()(upgrade)


def main() -> None:
    """
    Run the command; what a person can act on becomes one sentence and exit status 1.
    """
    try:
        status = app(standalone_mode=False)  # else Typer would end the process before we could say a word
    except (KeyboardInterrupt, typer.Abort):
        print("\nStopped; nothing is left running.", file=sys.stderr)
        sys.exit(130)
    except Exception as problem:
        if isinstance(problem, _USAGE):
            problem.show()
            sys.exit(problem.exit_code)
        if not _is_for_people(problem):
            raise
        print(f"signpost: {problem}", file=sys.stderr)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


# What Typer raises for a wrong option or argument; it exports no name for the common parent.
_USAGE = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])


def _is_for_people(problem: Exception) -> bool:
    """
    Whether an error's message was written for the person at the terminal.
    """
    names = {
        "AddressInUseError",
        "BaseModelError",
        "BenchError",
        "CommandError",
        "DiskFullError",
        "ExportError",
        "FreshProcessError",
        "MergeError",
        "NoPreviousReleaseError",
        "PreferenceError",
        "ReleaseError",
        "RepositoryError",
        "RequirementError",
        "SchemaError",
        "SecretError",
        "SettingsError",
        "SlackSetupError",
        "TrainingError",
        "UnknownRowError",
        "ValkeyError",
    }
    return any(kind.__name__ in names for kind in type(problem).__mro__)


def _log_to_screen(settings: Settings) -> None:
    from worker.__main__ import set_up_logging

    set_up_logging(settings, file=None)


@app.command()
def ask(
    requirement: Annotated[str, typer.Argument(help="What should change, in your words.")],
    repo: RepoName = None,
    as_json: AsJson = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 120.0,
) -> None:
    """
    Ask where a requirement belongs.
    """
    import json

    from rich.console import Console

    from bot import stack
    from bot.asking import answering, ask_with_bar
    from bot.screen import show_answer

    known = settings()
    bars = Console(stderr=True, quiet=not sys.stderr.isatty())
    with stack.open_stack(known) as open_stack:
        with open_stack.sessions() as session:
            repository = stack.find_repository(session, known, repo)
        with answering(open_stack, bars):
            answer = ask_with_bar(open_stack, repository, requirement, bars, timeout=timeout)
    if answer.error:
        raise stack.CommandError(answer.error)
    if as_json:
        typer.echo(json.dumps(stack.answer_json(answer), indent=2, ensure_ascii=False))
    else:
        show_answer(console(), requirement, stack.answer_json(answer))


@app.command()
def train(
    location: Location,
    name: Annotated[str | None, typer.Option(help="Name of the repository; by default its folder's.")] = None,
    preset: Preset = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="The smallest, as in `make demo`.")] = False,
    preference: PreferenceStep = None,
) -> None:
    """
    Add a code base and train a release for it.
    """
    from bot import stack

    known = settings()
    preset = _preset(known, "quick" if quick else preset, preference)
    with stack.open_stack(known) as open_stack:
        repository = stack.add_repository(open_stack, location, name)
        _train(open_stack, repository.name, preset, requested_by="cli")


@app.command()
def retrain(
    repo: RepoName = None,
    preset: Preset = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="The smallest, as in `make demo`.")] = False,
    preference: PreferenceStep = None,
    wait: Annotated[bool, typer.Option(help="Follow the training; --no-wait only asks for it.")] = True,
) -> None:
    """
    Fold confirmed feedback and new history into a new release; it serves if it is not worse.
    """
    from bot import stack
    from worker import store
    from worker.queues import enqueue_training

    known = settings()
    preset = _preset(known, "quick" if quick else preset, preference)
    with stack.open_stack(known) as open_stack:
        with open_stack.sessions() as session:
            repository = stack.find_repository(session, known, repo)
        if wait:
            _train(open_stack, repository.name, preset, requested_by="cli")
            return
        with open_stack.sessions.begin() as session:
            training, _ = store.add_training(session, repository_id=repository.id, requested_by="cli", preset=preset)
        enqueue_training(open_stack.connection, training.id)
        typer.echo(f"Training {training.id[:8]} of {repository.name} is queued.")


def _preset(known: Settings, preset: str, preference: str | None) -> str:
    """
    Name the configuration of a training, and find out now whether it can be taken on this machine.
    """
    from bot import stack
    from training.config import config_named
    from training.preference.check import PreferenceError, check_preference

    name = preset + (f"+{preference}" if preference else "")
    try:
        check_preference(config_named(name, preference=known.preference).preference)
    except (ValueError, PreferenceError) as error:
        raise stack.CommandError(str(error)) from error
    return name


def _train(open_stack: Stack, name: str, preset: str, *, requested_by: str) -> None:
    from bot import stack
    from bot.screen import Bars, show_scorecard
    from worker import store

    screen = console()
    with open_stack.sessions() as session:
        repository = stack.find_repository(session, open_stack.settings, name)
    with Bars(screen) as bars, stack.worker_for(open_stack, stack.TRAINING):
        training = stack.train(open_stack, repository, preset=preset, requested_by=requested_by, report=bars)
    with open_stack.sessions() as session:
        release = store.release(session, training.release_id or "")
    show_scorecard(screen, release.scorecard)
    screen.print(f"Release {release.id}: {release.state}; {release.verdict}.", highlight=False)
    if release.state == "refused":
        raise typer.Exit(3)


@app.command()
def demo(
    repo: Annotated[Path | None, typer.Option(help="A git checkout or folder; by default networkx.")] = None,
    question: Annotated[str | None, typer.Option("--ask", help="Answer one question and exit.")] = None,
) -> None:
    """
    Show the main job on a real code base: train, measure, answer.
    """
    from bot.demo import run_demo

    run_demo(settings(), repository=repo, question=question, console=console())


@app.command()
def worker(
    kind: Annotated[str, typer.Argument(help="answers, training, or both.")] = "both",
) -> None:
    """
    Run workers until told to stop.
    """
    from worker.__main__ import main as run
    from worker.process import wait_for_stop

    if kind in ("answers", "training"):
        raise typer.Exit(run([kind]))
    if kind != "both":
        raise typer.BadParameter(f"must be answers, training or both, got {kind!r}")
    from bot import stack
    from worker.process import Children

    known = settings()
    _log_to_screen(known)
    with stack.open_stack(known), Children(known) as children:
        children.spawn(stack.ANSWERS)
        children.spawn(stack.TRAINING)
        wait_for_stop()


@app.command()
def up() -> None:
    """
    Run everything: queue, workers, dashboard, and Slack when its tokens are set.
    """
    from bot.up import run_everything

    known = settings()
    _log_to_screen(known)
    run_everything(known)


@app.command()
def slack(
    http: Annotated[int | None, typer.Option(help="Take events over HTTP at this port, not by Socket Mode.")] = None,
    health: Annotated[int | None, typer.Option(help="Serve /healthz at this port in Socket Mode.")] = None,
) -> None:
    """
    Take questions from Slack and deliver the answers.
    """
    from bot import stack
    from bot.slack.serve import serve_slack

    known = settings()
    _log_to_screen(known)
    with stack.open_stack(known) as open_stack:
        serve_slack(
            known,
            sessions=open_stack.sessions,
            connection=open_stack.connection,
            http_port=http,
            health_port=health,
            on_ready=lambda port: typer.echo(f"Slack: listening{f' on port {port}' if port else ''}."),
        )


@app.command()
def dashboard(
    person: Annotated[str, typer.Option(help="Whom the sign-in link is for.")] = "admin",
    link_only: Annotated[bool, typer.Option("--link", help="Print a sign-in link for a running dashboard.")] = False,
) -> None:
    """
    Serve the dashboard and print a one-time sign-in link.
    """
    from bot import stack
    from bot.dashboard.serve import serve_dashboard
    from bot.up import make_link

    known = settings()
    with stack.open_stack(known) as open_stack:
        if link_only:
            typer.echo(make_link(open_stack.sessions, known.dashboard_url, person))
            return
        serve_dashboard(
            known,
            open_stack.sessions,
            ready=lambda url: typer.echo(f"Open once: {make_link(open_stack.sessions, url, person)}"),
        )


@app.command()
def doctor() -> None:
    """
    Say what is installed, reachable and configured, and what to do about what is not.
    """
    from rich.markup import escape
    from rich.table import Table

    from bot.slack.doctor import slack_access
    from worker.health import checks

    marks = {"ok": "[green]ok[/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]FAIL[/red]"}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    found = checks(settings(), more=(slack_access,))
    for check in found:
        table.add_row(marks[check.state], escape(check.name), escape(check.detail), escape(check.remedy))
    console().print(table)
    if any(check.state == "fail" for check in found):
        raise typer.Exit(1)


@app.command("base-model")
def base_model(
    reference: Annotated[str | None, typer.Argument(help="Hub id or folder; by default the setting.")] = None,
) -> None:
    """
    Fetch and check the base model and the sentence encoder.
    """
    from bot.screen import Bars
    from training.base_model import ensure_base_model
    from training.encoder import ensure_encoder

    known = settings()
    with Bars(console()) as bars:
        if known.encoder:
            ensure_encoder(known.home / "models", report=bars)
        folder = ensure_base_model(reference or known.base_model, models=known.home / "models", report=bars)
    typer.echo(str(folder))


if __name__ == "__main__":
    main()
