"""
`signpost explain`: what every feature and the language model contributed to an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.shared import AsJson, console, settings

if TYPE_CHECKING:
    from rich.console import Console

    from inference.explanation import ExplainedModule
    from worker.tables import Answer, Question, Release

SHOWN = 3


def explain(
    question: Annotated[str, typer.Argument(help="Id of a question, or its first characters.")],
    as_json: AsJson = False,
) -> None:
    """
    Show what every feature and the model contributed to an answer.
    """
    import json

    from bot import stack
    from inference.ranker import Ranker

    with stack.open_stack(settings()) as open_stack, open_stack.sessions() as session:
        asked, answer, release = stack.answered_question(session, question)
    ranker = Ranker.load(Path(release.folder))
    explained = ranker.take_apart(asked.text, k=SHOWN)
    moved = [module["id"] for module in answer.modules[:SHOWN]] != [module.id for module in explained]
    if as_json:
        typer.echo(json.dumps(explanation_json(asked, release, explained), indent=2, ensure_ascii=False))
        return
    show_explanation(console(), asked, answer, explained)
    if ranker.is_off_topic(asked.text):
        typer.echo(f"It does not look like a change to {ranker.catalog.repository}, so no module was said to belong.")
    if moved:
        typer.echo("This version of Signpost ranks the question otherwise than the one that answered it.", err=True)


def explanation_json(question: Question, release: Release, modules: Sequence[ExplainedModule]) -> dict[str, Any]:
    """
    The JSON form of an explanation.
    """
    return {
        "question": question.id,
        "text": question.text,
        "release": release.id,
        "modules": [asdict(module) for module in modules],
    }


def show_explanation(console: Console, question: Question, answer: Answer, modules: Sequence[ExplainedModule]) -> None:
    """
    Print a table: a row a feature, strongest first, a column a module.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    # Names of modules are long, and a column each would leave a line of 80 characters no room for the words.
    console.print(escape(question.text[:90].partition("\n")[0]), style="italic", highlight=False)
    for module in modules:
        console.print(f"{module.rank}. {escape(module.id)}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("what speaks for it")
    table.add_column("worth", justify="right", no_wrap=True)
    for module in modules:
        table.add_column(f"{module.rank}.", justify="right", no_wrap=True)
    rows = list(zip(*(module.contributions for module in modules), strict=True))
    rows.sort(key=lambda row: -max(abs(part.points) for part in row))
    silent = [row[0].words for row in rows if not any(part.points for part in row)]
    for row in rows:
        if any(part.points for part in row):
            cells = [f"{part.points:+.2f} [dim]({part.deviations:+.1f})[/dim]" for part in row]
            table.add_row(escape(row[0].words), f"{row[0].weight:.2f}", *cells)
    table.add_section()
    model = [sum(p.points for p in module.contributions if p.feature.startswith("model_")) for module in modules]
    table.add_row("the language model's part", "", *(f"{points:+.2f}" for points in model))
    table.add_row("[bold]score[/bold]", "", *(f"[bold]{module.score:+.2f}[/bold]" for module in modules))
    table.add_row("confidence", "", *(f"{module.confidence:.1%}" for module in modules))
    console.print(table)
    console.print(
        "A cell is worth × how far the module stands above the others (in brackets, in standard deviations). The score "
        "is their sum; the confidence compares the scores of all modules.",
        highlight=False,
    )
    if len(modules) > 1:
        console.print(_lead(modules[0], modules[1]), highlight=False)
    if silent:
        console.print(f"Said nothing here: {'; '.join(silent)}.", highlight=False, style="dim")
    console.print(f"release {answer.release_id} · question {question.id}", highlight=False, style="dim")


def _lead(first: ExplainedModule, second: ExplainedModule) -> str:
    """
    Say in one sentence what put the first module before the second.
    """
    from rich.markup import escape

    gaps = [
        (mine.points - theirs.points, mine.words)
        for mine, theirs in zip(first.contributions, second.contributions, strict=True)
    ]
    most = [f"{words} ({gap:+.2f})" for gap, words in sorted(gaps, reverse=True)[:3] if gap > 0]
    against = [f"{words} ({gap:+.2f})" for gap, words in sorted(gaps)[:1] if gap < -0.005]
    sentence = f"{first.id} is {first.score - second.score:.2f} points before {second.id}: {', '.join(most)}"
    return escape(sentence + (f"; against it: {', '.join(against)}." if against else "."))
