"""
`signpost upgrade`: two versions of a code base compared module by module, and where the team's own work belongs now.

    signpost upgrade path/to/old path/to/new
    signpost upgrade v2.8 v3.0 --repo path/to/checkout --requirements open-issues.txt --patches our-patches/
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.shared import AsJson, console, settings

if TYPE_CHECKING:
    from rich.console import Console

    from graph.continuity import Comparison
    from graph.patches import PatchedFile
    from graph.snapshot import Snapshot
    from graph.values import Catalog

BEST = 3
_KINDS = ("split", "merged", "moved", "renamed", "removed", "added", "kept")
_COLOURS = {"removed": "red", "added": "green", "kept": "dim", "gone": "red"}


def upgrade(
    old: Annotated[str, typer.Argument(help="The version you are on: a folder, or with --repo a commit or tag.")],
    new: Annotated[str, typer.Argument(help="The version you go to: the same.")],
    repo: Annotated[Path | None, typer.Option(help="The repository that both are commits of.")] = None,
    requirements: Annotated[
        Path | None, typer.Option(help="File of requirements, one a line: which new module each belongs in.")
    ] = None,
    patches: Annotated[
        Path | None, typer.Option(help="Folder (or file) of unified diffs against the old version.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List modules that are as they were, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Compare two versions module by module, and say where requirements and local patches belong in the new one.
    """
    import json

    from graph.continuity import compare_catalogs
    from graph.patches import read_patches

    asked = _read_requirements(requirements) if requirements else ()
    local = read_patches(patches) if patches else ()
    with _open(old, repo) as before, _open(new, repo) as after:
        catalogs = _catalog(before), _catalog(after)
        _, renames = after.since(before.commit)
        blobs = tuple({entry.path: entry.blob for entry in snapshot.files} for snapshot in (before, after))
    comparison = compare_catalogs(*catalogs, renames=renames, blobs=(blobs[0], blobs[1]))
    told = _report(*catalogs, comparison, asked, local)
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _show(console(), told, every=every)


def _open(place: str, repo: Path | None) -> Snapshot:
    from graph.snapshot import open_snapshot

    return open_snapshot(place) if repo is None else open_snapshot(repo, commit=place)


def _catalog(snapshot: Snapshot) -> Catalog:
    from graph.index import index_snapshot

    return index_snapshot(snapshot, cache=settings().home / "cache").catalog


def _read_requirements(path: Path) -> tuple[str, ...]:
    from bot.stack import CommandError

    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read ({error.strerror}): give a file with one requirement a line"
        ) from error
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _report(
    old: Catalog,
    new: Catalog,
    comparison: Comparison,
    asked: Sequence[str],
    patches: Sequence[PatchedFile],
) -> dict[str, Any]:
    """
    Put everything that is told into plain lists and dicts: what ``--json`` prints.
    """
    from collections import Counter
    from dataclasses import asdict

    counts: Counter[str] = Counter(fate.kind for fate in comparison.fates)
    return {
        "repository": new.repository,
        "old": {"commit": old.commit, "modules": len(old.modules), "files": len(old.files)},
        "new": {"commit": new.commit, "modules": len(new.modules), "files": len(new.files)},
        "counts": {kind: counts[kind] for kind in _KINDS if counts[kind]},
        "modules": [asdict(fate) for fate in sorted(comparison.fates, key=lambda fate: _KINDS.index(fate.kind))],
        "requirements": _place_requirements(new, asked),
        "patches": _place_patches(old, new, comparison, patches),
    }


def _place_requirements(new: Catalog, asked: Sequence[str]) -> list[dict[str, Any]]:
    if not asked:
        return []
    from inference.fusion import Fusion
    from inference.shortlist import FEATURES, Shortlist

    shortlist, fusion = Shortlist.fit(new, ()), Fusion.default(FEATURES)
    rows = []
    for requirement in asked:
        scores = fusion.probabilities(shortlist.features(requirement))
        order = sorted(range(len(new.modules)), key=lambda i: (-round(float(scores[i]), 6), new.module_ids[i]))
        best = [
            {
                "module": new.module_ids[i],
                "share": round(float(scores[i]), 3),
                "files": list(shortlist.best_files(requirement, new.module_ids[i])),
            }
            for i in order[:BEST]
        ]
        rows.append({"requirement": requirement, "modules": best})
    return rows


def _place_patches(
    old: Catalog, new: Catalog, comparison: Comparison, patches: Sequence[PatchedFile]
) -> list[dict[str, Any]]:
    from graph.patches import place_patch

    rows = []
    for patched in patches:
        place = place_patch(patched, old, new, comparison)
        rows.append(
            {
                "patch": patched.patch,
                "old_file": place.old or patched.path,
                "old_module": old.module_of(place.old),
                "state": place.state,
                "similarity": place.similarity,
                "targets": [
                    {"file": path, "module": new.module_of(path), "symbols": list(names)}
                    for path, names in place.targets
                ],
                "gone": list(place.gone),
            }
        )
    return rows


def _show(screen: Console, told: dict[str, Any], *, every: bool) -> None:
    from rich.markup import escape

    old, new = told["old"], told["new"]
    counts = ", ".join(f"{count} {kind}" for kind, count in told["counts"].items())
    screen.print(
        f"[bold]{escape(told['repository'])}[/bold]  {old['commit'][:12]} → {new['commit'][:12]}: "
        f"{old['modules']} modules of {old['files']} files → {new['modules']} of {new['files']}; {counts}.",
        highlight=False,
    )
    _show_modules(screen, told, every=every)
    for row in told["requirements"]:
        screen.print(f"\n[bold]{escape(row['requirement'])}[/bold]", highlight=False)
        for rank, module in enumerate(row["modules"], start=1):
            files = f"  [dim]{escape(', '.join(module['files']))}[/dim]" if module["files"] else ""
            screen.print(f"  {rank}. {escape(module['module'])}  {module['share']:.0%}{files}", highlight=False)
    if told["patches"]:
        _show_patches(screen, told["patches"])


def _show_modules(screen: Console, told: dict[str, Any], *, every: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "old module", "new module", "alike", "also"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "alike" else "left")
    quiet = 0
    for row in told["modules"]:
        if row["kind"] == "kept" and not every and row["similarity"] >= 0.5:
            quiet += 1
            continue
        colour = _COLOURS.get(row["kind"], "yellow")
        others = [f"{id} {share:.0%}" for id, share in row["parts"] if id != row["new"]]
        words = ("from " if row["kind"] == "added" and others else "") + ", ".join(others)
        alike = f"{row['similarity']:.0%}" if row["similarity"] else ""
        table.add_row(f"[{colour}]{row['kind']}[/{colour}]", *map(escape, (row["old"], row["new"], alike, words)))
    if table.row_count:
        screen.print(table)
    if quiet:
        screen.print(f"[dim]{quiet} more are where they were (--all lists them).[/dim]", highlight=False)


def _show_patches(screen: Console, rows: Sequence[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title="Local patches", title_justify="left", title_style="bold")
    for heading in ("", "patch", "old file", "belongs in", "what it touches"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row["state"], "yellow" if row["state"] != "same place" else "green")
        lines = [f"{target['module']}: {target['file']}" for target in row["targets"]] or [""]
        names = [", ".join(target["symbols"]) for target in row["targets"]] or [""]
        names[-1] += f" (gone: {', '.join(row['gone'])})" if row["gone"] else ""
        table.add_row(
            f"[{colour}]{row['state']}[/{colour}]",
            *map(escape, (row["patch"], row["old_file"], "\n".join(lines), "\n".join(names))),
        )
    screen.print()
    screen.print(table)
