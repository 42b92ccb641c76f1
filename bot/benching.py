"""
`signpost bench`: every ranker on a folder of real requirements.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.shared import console, settings

if TYPE_CHECKING:
    from rich.console import Console

    from bot.screen import Bars
    from inference.embedding import VectorCache
    from training.bench import ModelSource


def bench(
    folder: Annotated[Path, typer.Argument(help="Folder with meta.json, modules and train, dev and test rows.")],
    repo: Annotated[Path, typer.Option("--repo", help="The repository's git directory; a bare one will do.")],
    out: Annotated[Path | None, typer.Option(help="Folder for results.json, details.json and report.html.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fit on the newest past requirements only.")] = False,
    code_rag: Annotated[bool, typer.Option(help="Measure retrieval over code snippets, too; not when quick.")] = True,
    encoder: Annotated[bool, typer.Option(help="Use the small sentence encoder (84 MB, fetched once).")] = True,
    model: Annotated[
        bool, typer.Option(help="Train a language model on the train rows and measure it, too; not when quick.")
    ] = False,
    release: Annotated[
        str | None,
        typer.Option(help="Id or folder of a release whose language model is measured instead of one trained here."),
    ] = None,
) -> None:
    """
    Measure every ranker on real requirements with known modules.
    """
    from bot.screen import Bars
    from graph.snapshot import open_snapshot
    from training.bench_set import read_bench_set

    # What is wrong with the input is said before anything is fetched or measured.
    bench_set = read_bench_set(folder)
    with open_snapshot(repo, commit=bench_set.snapshot, name=bench_set.name):
        pass
    if out is not None:
        _check_writable(out)
    from training.bench import run_bench  # PyTorch comes with it, which takes seconds

    home = settings().home
    with Bars(console()) as bars:
        source = _release(home, release) if release else _trained(home, bars) if model and not quick else None
        done = run_bench(
            folder,
            repository=repo,
            out=out,
            cache=home / "cache",
            vectors=_vectors(home, bars) if encoder else None,
            model=source,
            quick=quick,
            code_rag=code_rag,
            report=bars,
        )
    show_bench(console(), done["results"], done["details"])
    if out is not None:
        typer.echo(f"Written: {out / 'report.html'}, {out / 'results.json'}")


def _check_writable(out: Path) -> None:
    from training.bench_set import BenchError

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as problem:
        raise BenchError(
            f"{out} cannot be written to ({problem.strerror}): give another folder with --out."
        ) from problem


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


def _trained(home: Path, bars: Bars) -> ModelSource:
    """
    A model to be trained on the folder.

    Raises:
        training.base_model.BaseModelError: there is no base model.
    """
    from training.base_model import ensure_base_model
    from training.bench_model import bench_config, train_model

    base_model = ensure_base_model(settings().base_model, models=home / "models", report=bars)
    return partial(train_model, base_model=base_model, config=bench_config(), cache=home / "cache")


def _release(home: Path, release: str) -> ModelSource:
    """
    The model of a release, by its id in this home or by its folder.
    """
    from training.bench_model import bench_config
    from training.bench_release import release_model

    folder = Path(release) if Path(release).is_dir() else home / "releases" / release
    return partial(release_model, folder=folder, config=bench_config())


def show_bench(console: Console, results: dict[str, Any], details: dict[str, Any]) -> None:
    """
    Print the figures of a benchmark run.
    """
    from rich.table import Table

    _show_model(console, details["model"])
    for name, rankers in results.items():
        found = details["sets"][name]
        counts = next(iter(rankers.values()))
        rows = f"{counts['all']['n']} rows, {counts['no_name']['n']} without a name; percent, with 95 % intervals"
        title = f"{details['name']}: {name} ({rows})"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 0, 0, 1))
        for heading in ("ranker", "n", "hit@1", "hit@3", "@5", "MRR", "no-name", "@3"):
            table.add_column(heading, justify="left" if heading == "ranker" else "right", no_wrap=True)
        for ranker, parts in rankers.items():
            whole, bare = parts["all"], parts["no_name"]
            table.add_row(
                f"[bold]{ranker}[/bold]" if ranker == "system" else ranker,
                str(whole["n"]),
                *(_with_interval(whole, measure) for measure in ("hit@1", "hit@3")),
                f"{100 * whole['hit@5']:.1f}",
                f"{100 * whole['mrr']:.1f}",
                *(f"{100 * bare[measure]:.1f}" if bare["n"] else "-" for measure in ("hit@1", "hit@3")),
            )
        console.print(table)
        paired = ", ".join(f"{other} {_chance(values['hit@1'])}" for other, values in found["paired"].items())
        if found["unknown"]:
            console.print(f"Rows that name no module of the benchmark, misses of every ranker: {found['unknown']}.")
        latency = found["latency_ms"]
        console.print(
            f"system against {paired} (McNemar, hit@1). Calibration error {found['ece']:.3f} "
            f"(by chance {found['ece_by_chance']:.3f}). "
            f"Features of one requirement: {latency['p50']} ms (p50), {latency['p95']} ms (p95).",
            highlight=False,
        )


def _show_model(console: Console, about: dict[str, Any] | None) -> None:
    """
    Print what dev rows say of the language model.
    """
    if about is None:
        return
    fusion, flips = about["fusion on dev"], about["flips"]
    if "left out" in about:
        seen = ", ".join(f"{count} of {name}" for name, count in about["left out"].items())
        console.print(f"Rows that {about['release']} was trained on are left out: {seen}.", highlight=False)
    said = ""
    if fusion["n"]:
        pairs = [
            "/".join(f"{100 * fusion[name][k]:.1f}" for k in ("hit@1", "hit@3")) for name in ("shortlist", "with model")
        ]
        said = f"Cross-validated on {fusion['n']} dev rows: {pairs[0]} without it, {pairs[1]} with it. "
    console.print(
        f"Language model: best alone on dev rows is {about['alone']}. {said}"
        f"Another order of the candidates changes the first one in {100 * flips['rate']:.0f} % of the prompts.",
        highlight=False,
    )


def _chance(p: float) -> str:
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _with_interval(score: dict[str, Any], measure: str) -> str:
    low, high = score[f"{measure}_95"]
    return f"{100 * score[measure]:.1f} ({100 * low:.0f}-{100 * high:.0f})"
