"""
`signpost graph`: what a code base looks like.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.shared import Location, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graph.index import Index
    from graph.links import Links
    from graph.resolve import Verdict
    from graph.snapshot import Snapshot
    from graph.values import ModuleCard

graph_app = typer.Typer(no_args_is_help=True, help="Look at the code knowledge graph of a code base.")


@graph_app.command("stats")
def graph_stats(
    location: Location,
) -> None:
    """
    Index a code base and count what is in its graph.
    """
    from collections import Counter

    snapshot, index = _index(location)
    typer.echo(f"{snapshot.repository} at {snapshot.commit}: {len(index.catalog.modules)} modules")
    nodes = Counter(str(data["kind"]) for _, data in index.graph.nodes(data=True))
    edges = Counter(str(data["kind"]) for _, _, data in index.graph.edges(data=True))
    for title, counts in (("nodes", nodes), ("edges", edges)):
        typer.echo(f"{title}: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    for language, judged in index.verdicts.items():
        if judged:
            typer.echo(f"imports of {language}: " + _told_imports(judged))
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

    _, index = _index(location)
    catalog = index.catalog
    if module is None:
        for card in catalog.modules:
            typer.echo(f"{card.id:40} {len(card.files):4} files  {card.purpose[:80]}")
    elif id := catalog.current_id(module):
        _print_card(catalog.card(id), index.links)
    else:
        raise CommandError(f"There is no module {module!r}: `signpost graph show {location}` lists them.")


def _told_imports(counts: Mapping[Verdict, int]) -> str:
    """
    Say how many imports are of what, and how many of those that should be in the repository were not found.
    """
    inside, missing = counts.get("inside", 0), counts.get("missing", 0)
    told = f"{inside:,} of files here, {counts.get('outside', 0):,} of packages, {counts.get('apart', 0):,} kept apart"
    return f"{told}, {missing:,} not found ({missing / max(1, inside + missing):.1%})"


def _print_card(card: ModuleCard, links: Links) -> None:
    """
    Print a module's card, and what a person wants to know beside it.
    """
    typer.secho(card.title, bold=True)
    typer.echo(card.text())
    own = set(card.files)
    outside = sum(target not in own for path in card.files for target in links.imports.get(path, ()))
    rows = {
        "Path": (card.path,),
        "Size": (f"{len(card.files)} files, {outside} imports of files of other modules",),
        "Also known as": card.aliases,
        "Ask": card.owners,
        "Lately": card.recent,
    }
    for label, items in rows.items():
        if items:
            typer.echo(f"{label}: " + ("; " if label == "Lately" else ", ").join(items))


@graph_app.command("path")
def graph_path(
    location: Location,
    source: Annotated[str, typer.Argument(help="A module, file, class or function.")],
    target: Annotated[str, typer.Argument(help="Another one.")],
) -> None:
    """
    Say how two modules, files or symbols hang together.
    """
    from bot.stack import CommandError
    from graph.knowledge import find_node, shortest_path

    _, index = _index(location)
    nodes = []
    for name in (source, target):
        node = find_node(index.graph, name)
        if node is None:
            raise CommandError(f"There is no module, file or symbol {name!r}: `signpost graph show` lists modules.")
        nodes.append(node)
    steps = shortest_path(index.graph, nodes[0], nodes[1])
    if not steps:
        raise CommandError(f"{source} and {target} are {'the same' if nodes[0] == nodes[1] else 'not connected'}.")
    typer.echo(steps[0][0])
    for _, relation, node in steps:
        typer.echo(f"  {relation:14} {node}")


@graph_app.command("export")
def graph_export(
    location: Location,
    output: Annotated[Path, typer.Argument(help="File to write; .graphml or .json says which format.")],
) -> None:
    """
    Write the whole graph as GraphML or node-link JSON.
    """
    from bot.stack import CommandError
    from graph.knowledge import save_graph, save_graphml

    if output.suffix not in (".graphml", ".json"):
        raise CommandError(f"{output} must end in .graphml or .json.")
    _, index = _index(location)
    (save_graphml if output.suffix == ".graphml" else save_graph)(output, index.graph)
    typer.echo(f"{output}: {index.graph.number_of_nodes():,} nodes, {index.graph.number_of_edges():,} edges")


@graph_app.command("draw")
def graph_draw(
    location: Location,
    output: Annotated[Path, typer.Argument(help="File to write: .html answers the mouse, .svg is a picture.")],
) -> None:
    """
    Draw the module map as one self-contained file.
    """
    from bot.stack import CommandError
    from graph.drawing import draw_html, draw_svg
    from graph.values import write_atomically

    if output.suffix not in (".html", ".svg"):
        raise CommandError(f"{output} must end in .html or .svg.")
    _, index = _index(location)
    draw = draw_html if output.suffix == ".html" else draw_svg
    write_atomically(output, draw(index.catalog).encode())
    typer.echo(f"{output}: {len(index.catalog.modules)} modules")


def _index(location: Path) -> tuple[Snapshot, Index]:
    """
    Index a code base, with what history and CODEOWNERS say.
    """
    from dataclasses import replace

    from graph.index import index_snapshot
    from graph.owners import with_owners
    from graph.relations import add_relations, read_relations
    from graph.snapshot import open_snapshot

    cache = settings().home / "cache"
    with open_snapshot(location, cache=cache) as snapshot:
        index = index_snapshot(snapshot, cache=cache)
        relations = read_relations(snapshot, index.catalog)
    add_relations(index.graph, relations)
    return snapshot, replace(index, catalog=with_owners(index.catalog, relations.owners))
