"""
`signpost bench`: every ranker on a folder of real requirements.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.shared import console, settings

if TYPE_CHECKING:
    from rich.console import Console

    from bot.screen import Bars
    from inference.embedding import VectorCache


def bench(
    folder: Annotated[Path, typer.Argument(help="Folder with meta.json, modules and train, dev and test rows.")],
    repo: Annotated[Path, typer.Option("--repo", help="The repository's git directory; a bare one will do.")],
    out: Annotated[Path | None, typer.Option(help="Folder for results.json, details.json and report.html.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fit on the newest past requirements only.")] = False,
    code_rag: Annotated[bool, typer.Option(help="Measure retrieval over code snippets, too; not when quick.")] = True,
    encoder: Annotated[bool, typer.Option(help="Use the small sentence encoder (84 MB, fetched once).")] = True,
) -> None:
    """
    Measure every ranker on real requirements with known modules.
    """
    from bot.screen import Bars
    from training.bench import run_bench
    from training.bench_set import read_bench_set

    read_bench_set(folder)  # what is wrong with the input is said before anything is fetched
    home = settings().home
    with Bars(console()) as bars:
        done = run_bench(
            folder,
            repository=repo,
            out=out,
            cache=home / "cache",
            vectors=_vectors(home, bars) if encoder else None,
            quick=quick,
            code_rag=code_rag,
            report=bars,
        )
    show_bench(console(), done["results"], done["details"])
    if out is not None:
        typer.echo(f"Written: {out / 'report.html'}, {out / 'results.json'}")


def _vectors(home: Path, bars: Bars) -> VectorCache | None:
    """
    The encoder with its cache; None, and a word about it, where it cannot be had.
    """
    from inference.embedding import TextEncoder, VectorCache
    from training.base_model import BaseModelError
    from training.encoder import ensure_encoder

    try:
        folder = ensure_encoder(home / "models", report=bars)
    except BaseModelError as problem:
        typer.echo(f"Going without the sentence encoder: {problem}", err=True)
        return None
    return VectorCache(home / "cache" / "vectors.sqlite", TextEncoder.load(folder))


def show_bench(console: Console, results: dict[str, Any], details: dict[str, Any]) -> None:
    """
    Print the figures of a benchmark run.
    """
    from rich.table import Table

    for name, rankers in results.items():
        found = details["sets"][name]
        counts = next(iter(rankers.values()))
        rows = f"{counts['all']['n']} rows, {counts['no_name']['n']} without a name; percent, with 95 % intervals"
        table = Table(title=f"{details['name']}: {name} ({rows})", title_justify="left")
        for heading in ("ranker", "hit@1", "hit@3", "@5", "MRR", "no-name @1", "@3"):
            table.add_column(heading, justify="left" if heading == "ranker" else "right", no_wrap=True)
        for ranker, parts in rankers.items():
            whole, bare = parts["all"], parts["no_name"]
            table.add_row(
                f"[bold]{ranker}[/bold]" if ranker == "system" else ranker,
                *(_with_interval(whole, measure) for measure in ("hit@1", "hit@3")),
                f"{100 * whole['hit@5']:.1f}",
                f"{100 * whole['mrr']:.1f}",
                *(f"{100 * bare[measure]:.1f}" if bare["n"] else "-" for measure in ("hit@1", "hit@3")),
            )
        console.print(table)
        paired = ", ".join(f"{other} p = {values['hit@1']:.3g}" for other, values in found["paired"].items())
        latency = found["latency_ms"]
        console.print(
            f"system against {paired} (McNemar, hit@1). Calibration error {found['ece']:.3f}. "
            f"Features of one requirement: {latency['p50']} ms (p50), {latency['p95']} ms (p95).",
            highlight=False,
        )


def _with_interval(score: dict[str, Any], measure: str) -> str:
    low, high = score[f"{measure}_95"]
    return f"{100 * score[measure]:.1f} ({100 * low:.0f}-{100 * high:.0f})"
