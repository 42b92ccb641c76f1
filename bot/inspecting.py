"""
`signpost dataset` and `signpost graph`: what a training would learn from, and what a code base looks like.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.shared import Location, console, settings

dataset_app = typer.Typer(no_args_is_help=True, help="Build a dataset without training, look at its rows.")
graph_app = typer.Typer(no_args_is_help=True, help="Look at the code knowledge graph of a code base.")


@dataset_app.command("build")
def dataset_build(
    location: Location,
    name: Annotated[str | None, typer.Option(help="Name of the repository.")] = None,
) -> None:
    """
    Make the dataset a training would use, and keep it under its hash.
    """
    from bot.screen import Bars
    from graph.snapshot import open_snapshot
    from training.config import TrainingConfig
    from training.corpus import read_corpus
    from training.dataset import build_dataset

    known = settings()
    with open_snapshot(location) as snapshot:
        chosen = name or snapshot.repository
    with Bars(console()) as bars:
        corpus = read_corpus(location, name=chosen, home=known.home, report=bars)
        dataset = build_dataset(corpus.past_catalog, corpus.past_history, (), TrainingConfig())
    typer.echo(str(dataset.save(known.home / "datasets")))
    for kind, rows in dataset.counts().items():
        typer.echo(f"{kind:16} {rows:6}")


@dataset_app.command("show")
def dataset_show(
    folder: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    rows: Annotated[int, typer.Option(help="How many rows of each origin and split.")] = 3,
) -> None:
    """
    Print sample rows that a person can judge.
    """
    from collections import Counter

    from training.dataset import load_dataset

    seen: Counter[tuple[str, str]] = Counter()
    for example in load_dataset(folder).examples:
        seen[example.origin, example.split] += 1
        if seen[example.origin, example.split] > rows:
            continue
        typer.echo(f"\n[{example.origin}/{example.split}] {example.requirement}\n  -> {', '.join(example.modules)}")
        for line in (*example.evidence, example.reasoning):
            typer.echo(f"     {line}")


@dataset_app.command("stats")
def dataset_stats(folder: Annotated[Path, typer.Argument(help="Folder of a dataset.")]) -> None:
    """
    Count rows by origin and split, and words a row.
    """
    from training.dataset import load_dataset

    dataset = load_dataset(folder)
    typer.echo(f"dataset {dataset.hash[:16]}, held-out rows from {dataset.held_out}")
    for kind, count in dataset.counts().items():
        rows = [e for e in dataset.examples if f"{e.origin}/{e.split}" == kind]
        length = sum(len(e.requirement.split()) for e in rows) / count
        named = sum(e.names_module for e in rows) / count
        typer.echo(f"{kind:16} {count:6} rows  {length:5.1f} words a row  {named:4.0%} name their module or file")


@graph_app.command("stats")
def graph_stats(
    location: Location,
) -> None:
    """
    Index a code base and count what is in its graph.
    """
    from collections import Counter

    from graph.index import index_snapshot
    from graph.snapshot import open_snapshot

    with open_snapshot(location) as snapshot:
        index = index_snapshot(snapshot, cache=settings().home / "cache")
    typer.echo(f"{snapshot.repository} at {snapshot.commit}: {len(index.catalog.modules)} modules")
    nodes = Counter(str(data["kind"]) for _, data in index.graph.nodes(data=True))
    edges = Counter(str(data["kind"]) for _, _, data in index.graph.edges(data=True))
    for title, counts in (("nodes", nodes), ("edges", edges)):
        typer.echo(f"{title}: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    typer.echo("kept apart: " + (", ".join(f"{count} {reason}" for reason, count in index.apart) or "nothing"))
    for skipped in index.skipped[:20]:
        typer.echo(f"skipped {skipped.path}: {skipped.reason}")


@graph_app.command("show")
def graph_show(
    location: Location,
    module: Annotated[str | None, typer.Argument(help="Id of a module; by default all are listed.")] = None,
) -> None:
    """
    Print one module's card, or the list of modules.
    """
    from bot.stack import CommandError
    from graph.index import index_snapshot
    from graph.snapshot import open_snapshot

    with open_snapshot(location) as snapshot:
        catalog = index_snapshot(snapshot, cache=settings().home / "cache").catalog
    if module is None:
        for card in catalog.modules:
            typer.echo(f"{card.id:40} {len(card.files):4} files  {card.purpose[:80]}")
    elif module in catalog.module_ids:
        typer.echo(catalog.card(module).text())
    else:
        raise CommandError(f"There is no module {module!r}: `signpost graph show {location}` lists them.")
