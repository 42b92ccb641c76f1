"""
`signpost dataset`: what a training would learn from, before it does.

    signpost dataset build path/to/checkout
    signpost dataset show 5c447ef2 --origin graph --rows 20
    signpost dataset stats 5c447ef2
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.shared import Location, console, settings

if TYPE_CHECKING:
    from graph.values import Catalog
    from inference.labelled import LabelledText
    from training.dataset import Dataset, Example

dataset_app = typer.Typer(no_args_is_help=True, help="Build a dataset without training, look at its rows.")

Which = Annotated[str, typer.Argument(help="Folder of a dataset, or the first characters of its hash.")]
_WHY = {
    "copy": "say nearly the same as a row that stays, about the same modules",
    "overruled": "say the same about other modules than a stronger or newer row",
    "contradictory": "say the same about different modules, so that none is to be believed",
    "wordless": "have no word in them",
}


@dataset_app.command("build")
def dataset_build(
    location: Location,
    name: Annotated[str | None, typer.Option(help="Name of the repository.")] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="JSON lines: id, text, modules, origin (feedback or question), date.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Whose limits count: auto, full, minutes or quick.")] = "auto",
) -> None:
    """
    Make the dataset a training would use, and keep it under its hash.
    """
    from bot.screen import Bars
    from bot.stack import CommandError
    from graph.snapshot import open_snapshot
    from training.config import config_named
    from training.corpus import read_corpus, stage_of
    from training.dataset import build_dataset
    from worker.retraining import writer_of

    known = settings()
    try:
        config = config_named(preset, changes=known.training)
    except ValueError as problem:
        raise CommandError(f"--preset: {problem}") from problem
    with open_snapshot(location) as snapshot:
        chosen = name or snapshot.repository
    with Bars(console()) as bars:
        corpus = read_corpus(location, name=chosen, home=known.home, config=config, report=bars)
        corrections = _corrections(feedback, corpus.past_catalog) if feedback else ()
        dataset = build_dataset(
            corpus.past_catalog,
            corpus.past_history,
            corrections,
            config,
            held_out=corpus.held_out,
            writer=writer_of(known),
            progress=stage_of(bars, "dataset"),
        )
    if not dataset.examples:
        raise CommandError(f"{chosen} gives no example: it has neither history nor documented or telling symbols.")
    folder = dataset.save(known.home / "datasets")
    _print_counts(dataset)
    typer.echo(f"\n{folder}\n`signpost dataset show {folder.name[:8]}` prints rows of it.")


@dataset_app.command("show")
def dataset_show(
    which: Which,
    rows: Annotated[int, typer.Option(min=1, help="How many rows of each origin and split.")] = 3,
    origin: Annotated[str | None, typer.Option(help="Only this origin: feedback, outcome, history or graph.")] = None,
    split: Annotated[str | None, typer.Option(help="Only this split: train, dev or test.")] = None,
) -> None:
    """
    Print sample rows that a person can judge: always the same ones, from all over the dataset.
    """
    from bot.stack import CommandError

    chosen = [
        row
        for row in _load(which).examples
        if (not origin or row.origin == origin) and (not split or row.split == split)
    ]
    if not chosen:
        raise CommandError(f"Dataset {which} has no rows of {origin or 'any origin'} in {split or 'any split'}.")
    kinds = dict.fromkeys((row.origin, row.split) for row in chosen)
    for kind in kinds:
        same = sorted((row for row in chosen if (row.origin, row.split) == kind), key=lambda row: row.hash)
        for row in same[:rows]:
            _print_row(row)


@dataset_app.command("stats")
def dataset_stats(which: Which) -> None:
    """
    Count rows by origin and split, words a row, and what near copies cost.
    """
    dataset = _load(which)
    typer.echo(f"dataset {dataset.hash[:16]}, held-out rows from {dataset.held_out}")
    _print_counts(dataset)


def _print_counts(dataset: Dataset) -> None:
    for kind, count in dataset.counts().items():
        rows = [row for row in dataset.examples if f"{row.origin}/{row.split}" == kind]
        length = sum(len(row.requirement.split()) for row in rows) / count
        named = sum(row.names_module for row in rows) / count
        modules = len({module for row in rows for module in row.modules})
        typer.echo(
            f"{kind:16} {count:6} rows  {length:5.1f} words each  {modules:4} modules  {named:4.0%} name module or file"
        )
    for why, count in dataset.left_out.items():
        if count:
            typer.echo(f"left out         {count:6} rows  that {_WHY[why]}")


def _print_row(row: Example) -> None:
    typer.secho(f"\n[{row.origin}/{row.split}] {row.requirement}", bold=True)
    made_of = "::".join(row.symbol) if row.symbol else row.id
    lines = {
        "modules": ", ".join(row.modules),
        "made of": f"{made_of}  {row.date[:10]}".rstrip(),
        "evidence": "\n".join(row.evidence),
        "reasoning": row.reasoning,
    }
    for label, text in lines.items():
        for number, line in enumerate(text.splitlines()):
            typer.echo(f"  {'' if number else label:10} {line}")


def _corrections(path: Path, catalog: Catalog) -> tuple[LabelledText, ...]:
    from bot.stack import CommandError
    from inference.labelled import known_only, load_labelled
    from training.outcomes import QUESTION

    try:
        rows = load_labelled(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"{path} holds no corrections ({error}): each line is a JSON object with id, text, modules and origin."
        ) from error
    labelled = [row for row in rows if row.origin != QUESTION]
    known = known_only(labelled, catalog)
    if len(known) < len(labelled):
        lost = len(labelled) - len(known)
        typer.echo(f"{lost} of {len(labelled)} corrections name no module of this code and are left out.")
    return rows


def _load(which: str) -> Dataset:
    from bot.stack import CommandError
    from training.dataset import load_dataset

    folder = Path(which)
    if not folder.is_dir():
        kept = settings().home / "datasets"
        found = sorted(kept.glob(f"{which}*")) if which.isalnum() else []
        if len(found) > 1:
            raise CommandError(f"{len(found)} datasets begin with {which}: give more of the hash.")
        folder = found[0] if found else folder
    try:
        return load_dataset(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{folder} is no readable dataset ({error}): `signpost dataset build` makes one.") from error
