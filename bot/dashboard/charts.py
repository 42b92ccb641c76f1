"""
Where the marks of a chart stand: numbers in, coordinates out, drawn as SVG by the template, without any
script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.reports import WeekApproval

WIDTH, HEIGHT = 640, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 18, 40
FEW_VOTES = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """
    One week on the chart: a column for the number of votes, a dot for the approval.
    """

    week: WeekApproval
    x: float
    y: float | None
    column_x: float
    column_y: float
    column_width: float
    column_height: float
    label: str
    few: bool


@dataclass(frozen=True, slots=True)
class Promotion:
    """
    The moment a release began to answer: a dashed line across the chart.
    """

    x: float
    release_id: str


@dataclass(frozen=True, slots=True)
class ApprovalChart:
    """
    A drawn-up chart: the marks, the line through the dots (broken where a week has no votes), the grid.
    """

    marks: tuple[Mark, ...]
    lines: tuple[str, ...]
    grid: tuple[tuple[float, str], ...]
    most_votes: int
    promotions: tuple[Promotion, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM

    @property
    def summary(self) -> str:
        voted = [mark.week for mark in self.marks if mark.week.approval.votes]
        if not voted:
            return "No votes yet."
        parts = (f"week of {week.monday:%d %b}: {week.approval.share:.0%} of {week.approval.votes}" for week in voted)
        return "Approval by week. " + "; ".join(parts) + "."


def approval_chart(weeks: Sequence[WeekApproval], *, promoted: Sequence[tuple[datetime, str]] = ()) -> ApprovalChart:
    """
    Lay out approval by week: dots and a line on a scale of 0 to 100 %, columns for how many voted behind
    them.

    The columns stay in the lower third, so that a busy week never hides the line. Releases promoted within
    the weeks shown cut the chart where they began to answer.
    """
    most = max((week.approval.votes for week in weeks), default=0)
    base, tall = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    step = (WIDTH - LEFT - RIGHT) / max(len(weeks), 1)
    every = max(1, -(-len(weeks) // 7))
    marks = []
    for place, week in enumerate(weeks):
        x = LEFT + step * (place + 0.5)
        high = tall / 3 * week.approval.votes / most if most else 0.0
        width = min(step * 0.6, 34.0)
        y = None if week.approval.share is None else base - tall * week.approval.share
        label = f"{week.monday.day} {week.monday:%b}" if (len(weeks) - 1 - place) % every == 0 else ""
        marks.append(
            Mark(
                week=week,
                x=round(x, 1),
                y=None if y is None else round(y, 1),
                column_x=round(x - width / 2, 1),
                column_y=round(base - high, 1),
                column_width=round(width, 1),
                column_height=round(high, 1),
                label=label,
                few=0 < week.approval.votes < FEW_VOTES,
            )
        )
    grid = tuple((base - tall * part / 4, f"{25 * part} %") for part in range(5))
    return ApprovalChart(
        marks=tuple(marks),
        lines=_lines(marks),
        grid=grid,
        most_votes=most,
        promotions=_promotions(weeks, promoted),
    )


def _lines(marks: Sequence[Mark]) -> tuple[str, ...]:
    runs: list[list[str]] = [[]]
    for mark in marks:
        if mark.y is None:
            runs.append([])
        else:
            runs[-1].append(f"{mark.x},{mark.y}")
    return tuple(" ".join(run) for run in runs if len(run) > 1)


def _promotions(weeks: Sequence[WeekApproval], promoted: Sequence[tuple[datetime, str]]) -> tuple[Promotion, ...]:
    if not weeks:
        return ()
    start = datetime.combine(weeks[0].monday, datetime.min.time(), tzinfo=UTC)
    span = timedelta(weeks=len(weeks))
    shares = ((moment - start) / span for moment, _ in promoted)
    return tuple(
        Promotion(x=round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1), release_id=release_id)
        for share, (_, release_id) in zip(shares, promoted, strict=True)
        if 0 <= share <= 1
    )
