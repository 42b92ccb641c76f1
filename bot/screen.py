"""
What people see in a terminal: progress, the table of figures, an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

BAR = 20
WORDS = ((0.8, "very likely"), (0.6, "likely"), (0.35, "perhaps"), (0.0, "a guess"))
_EVERY_SECONDS = 15.0


class Bars:
    """
    One progress bar a stage, with the time that remains; plain lines where there is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._spoke: dict[str, float] = {}
        self._open = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()
        elif error is None:
            self._close()

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None:
        """
        Show that *done* of *total* units of *stage* are over.
        """
        if self._console.is_terminal:
            self._draw(stage, done, total, detail)
        else:
            self._say(stage, done, total, detail)

    def _draw(self, stage: str, done: int, total: int, detail: str) -> None:
        if stage not in self._tasks:
            for task in self._tasks.values():  # an earlier stage is over, whatever it reported last
                self._progress.update(task, completed=self._progress.tasks[task].total)
            self._tasks[stage] = self._progress.add_task(stage, total=max(total, 1), detail="")
        self._progress.update(self._tasks[stage], completed=done, total=max(total, 1), detail=escape(detail))

    def _close(self) -> None:
        """
        Say that the stage under way is over, though its last report did not reach us.
        """
        if self._open and self._spoke[self._open] != float("inf"):
            self._spoke[self._open] = float("inf")
            passed = time.monotonic() - self._began[self._open]
            self._console.print(f"  100 %  {self._open}: {passed:.0f} s", markup=False, highlight=False)

    def _say(self, stage: str, done: int, total: int, detail: str) -> None:
        now = time.monotonic()
        if stage != self._open:
            self._close()
            self._open, self._began[stage], self._spoke[stage] = stage, now, now
        finished = total > 0 and done >= total
        if self._spoke[stage] == float("inf") or (not finished and now - self._spoke[stage] < _EVERY_SECONDS):
            return
        self._spoke[stage] = float("inf") if finished else now
        passed = now - self._began[stage]
        left = f", {passed / done * (total - done):.0f} s left" if done and not finished else ""
        share = f"{100 * done // total:3d} %" if total else "     "
        self._console.print(
            f"  {share}  {stage}: {passed:.0f} s{left}  {detail}".rstrip(), markup=False, highlight=False
        )


@contextmanager
def expecting(bars: Bars, stage: str, seconds: float) -> Iterator[None]:
    """
    Show a bar for something that tells nothing of its progress, by the time it took before.

    Args:
        seconds: How long it usually takes; when it takes longer, the bar waits just before its end.
    """
    over = threading.Event()
    total = max(1, round(seconds * 10))

    def tick() -> None:
        began = time.monotonic()
        while not over.wait(0.2):
            bars(stage, min(total - 1, round((time.monotonic() - began) * 10)), total)

    ticking = threading.Thread(target=tick, daemon=True)
    bars(stage, 0, total)
    ticking.start()
    try:
        yield
    finally:
        over.set()
        ticking.join()
        bars(stage, total, total)


def confidence_words(confidence: float) -> str:
    """
    Say a calibrated probability in words.

    >>> confidence_words(0.9), confidence_words(0.1)
    ('very likely', 'a guess')
    """
    return next(word for least, word in WORDS if confidence >= least)


def show_answer(console: Console, question: str, answer: dict[str, Any], *, shown: int = 3) -> None:
    """
    Print one answer: the JSON form that `signpost ask --json` prints, for people.
    """
    lines = []
    if not answer["sure"]:
        lines.append("[yellow]Not sure.[/yellow] These are the likeliest places:\n")
    belong = sum(module.get("belongs", False) for module in answer["modules"])
    for rank, module in enumerate(answer["modules"][:shown], start=1):
        if 1 < belong == rank - 1:
            lines.append("[dim]also possible:[/dim]")
        filled = round(module["confidence"] * BAR)
        bar = f"[cyan]{'█' * filled}[/cyan][dim]{'░' * (BAR - filled)}[/dim]"
        lines.append(
            f"[bold]{rank}. {escape(module['id'])}[/bold]  {bar} {module['confidence']:4.0%} "
            f"[dim]{'belongs here, too' if 1 < rank <= belong else confidence_words(module['confidence'])}[/dim]"
        )
        told = (module["why"], ", ".join(module["files"]))
        lines += [f"   [dim]{escape(text)}[/dim]" for text in told if text]
    if answer["reasoning"]:
        lines.append(f"\n{escape(answer['reasoning'])}")
    commit = (answer["graph_commit"] or "")[:12]
    lines.append(
        f"\n[dim]release {escape(answer['release'] or '?')} · code at {escape(commit)} · {answer['rank_ms']} ms · "
        f"question {answer['question'][:8]}[/dim]"
    )
    console.print(
        Panel("\n".join(lines), title=f"[bold]{escape(question[:90])}[/bold]", title_align="left", expand=False)
    )


def _point(share: float) -> str:
    """
    >>> _point(0.7817), _point(1.0)
    ('.782', '1.00')
    """
    return f"{share:.3f}"[1:] if share < 0.9995 else "1.00"


def show_scorecard(console: Console, card: dict[str, Any]) -> None:
    """
    Print how a release and its baselines did on held-out requirements.
    """
    rows = card["rows"]
    kind = {"history": "newest past requirements", "graph": "texts made from the code, symbols held out"}[
        card["held_out"]
    ]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("ranker", "n", "hit@1", "95 %", "hit@3", "hit@5", "MRR", "bare@1", "bare@3"):
        table.add_column(heading, justify="left" if heading == "ranker" else "right", no_wrap=True)
    for name, slices in card["rankers"].items():
        score, bare = slices["all"], slices["no_name"]
        if score["n"]:
            low, high = score["hit@1_95"]
            figures = [_point(score["hit@1"]), f"{_point(low)[:3]}-{_point(high)[:3]}"]
            figures += [_point(score[key]) for key in ("hit@3", "hit@5", "mrr")]
            figures += [_point(bare[key]) if bare["n"] else "-" for key in ("hit@1", "hit@3")]
            table.add_row(f"[bold]{name}[/bold]" if name == "system" else name, str(score["n"]), *figures)
    console.print(f"\n[bold]Held-out requirements[/bold]: {kind}; {rows['test']} test rows", highlight=False)
    console.print(table)
    console.print("bare: rows that name neither their module nor one of its touched files.\n", highlight=False)
    if of_symbols := card.get("symbols"):
        own, plain = of_symbols["system"]["all"], of_symbols["bm25"]["all"]
        console.print(
            f"Texts from {own['n']} symbols taken out of the code: {_point(own['hit@1'])} and {_point(own['hit@3'])} "
            f"of hit@1 and hit@3 (bm25: {_point(plain['hit@1'])}, {_point(plain['hit@3'])}).",
            highlight=False,
        )
    sure = card["precision_when_sure"]
    console.print(
        f"Calibration error {card['ece']:.3f}. Sure of {card['coverage']:.0%} of the answers"
        + (f", right in {sure:.0%} of those." if sure is not None else ".")
        + f" System against shortlist alone: p = {card['mcnemar_system_vs_shortlist']:.2f} (McNemar, hit@1).",
        highlight=False,
    )
    if deployed := _deployed(card):
        console.print(deployed, highlight=False)
    merge = card["merge"]
    console.print(
        f"Merged = adapter on {merge['prompts']} prompts: top-1 {merge['top1_agreement']:.1%}, logits within "
        f"{merge['max_logit_difference']:.3f}; the adapter moved them by up to {merge['difference_from_base']:.1f}.",
        highlight=False,
    )


def _deployed(card: dict[str, Any]) -> str:
    """
    Say what was measured of the finished release; "" for scorecards of older ones.

    >>> part = {"n": 60, "p50": 81.4, "p95": 120.2}
    >>> card = {"stability": {"requirements": 30, "identical": 1.0}, "latency_ms": {"answer": part}}
    >>> card |= {"memory_mb": {"peak": 1234.4, "disk": 290.1}, "paraphrases": {"requirements": 0}}
    >>> print(_deployed(card).replace(". ", "\\n"))
    As deployed: asked again, 100% of 30 requirements got the same ranking
    Ranked in 81 ms, 95 of 100 within 120 ms
    1,234 MB of memory, 290 MB on the disk.
    """
    if "stability" not in card:
        return ""
    steady, said, memory = card["stability"], card["paraphrases"], card["memory_mb"]
    answer = card["latency_ms"]["answer"]
    parts = [
        f"As deployed: asked again, {steady['identical']:.0%} of {steady['requirements']} requirements got the same "
        "ranking"
    ]
    if said["requirements"]:
        parts.append(f"Put otherwise, {said['top1']:.0%} of {said['requirements']} keep their first module")
    if answer["n"]:
        parts.append(f"Ranked in {answer['p50']:.0f} ms, 95 of 100 within {answer['p95']:.0f} ms")
    parts.append(f"{memory['peak']:,.0f} MB of memory, {memory['disk']:,.0f} MB on the disk.")
    return ". ".join(parts)
