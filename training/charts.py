"""
Two small charts as SVG without any script, for scorecards and the benchmark's report: confidence said and seen, and
how right the surest answers are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

SIZE, EDGE = 300, 42


def reliability_chart(bins: Sequence[Mapping[str, float]]) -> str:
    """
    Mean confidence against accuracy; on the diagonal it is as right as it says.
    """
    points = [(part["confidence"], part["accuracy"]) for part in bins]
    diagonal = _line([(0.0, 0.0), (1.0, 1.0)], dashed=True)
    return _figure(
        diagonal + _line(points) + _dots(points),
        across="confidence said",
        up="right",
        caption="Each dot is an equal share of the answers. Below the line it promises too much.",
    )


def risk_chart(points: Sequence[Mapping[str, float]]) -> str:
    """
    Accuracy over the share of questions that are answered, surest first.
    """
    drawn = [(point["coverage"], point["accuracy"]) for point in points]
    return _figure(
        _line(drawn) + _dots(drawn),
        across="share of the answers, surest first",
        up="right",
        caption="How often the first module is right when only the surest answers count.",
    )


def _figure(marks: str, *, across: str, up: str, caption: str) -> str:
    grid = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _place(tick, tick)
        low, high = _place(0.0, 0.0), _place(1.0, 1.0)
        grid.append(f'<path d="M{low[0]} {y}H{high[0]}M{x} {low[1]}V{high[1]}" stroke="var(--line)"/>')
        grid.append(f'<text x="{x}" y="{low[1] + 16}" text-anchor="middle">{tick:g}</text>')
        grid.append(f'<text x="{low[0] - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    middle = _place(0.5, 0.0)
    return (
        f'<figure><svg viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}" role="img" '
        f'aria-label="{caption}"><g fill="none">{"".join(g for g in grid if g.startswith("<path"))}</g>'
        f"{''.join(g for g in grid if g.startswith('<text'))}"
        f'<text x="{middle[0]}" y="{SIZE - 6}" text-anchor="middle">{across}</text>'
        f'<text x="4" y="14">{up}</text>{marks}</svg><figcaption>{caption}</figcaption></figure>'
    )


def _line(points: Sequence[tuple[float, float]], *, dashed: bool = False) -> str:
    drawn = "".join(
        f'<path d="M{a[0]} {a[1]}L{b[0]} {b[1]}"/>' for a, b in pairwise(_place(*point) for point in points)
    )
    style = 'stroke="var(--soft)" stroke-dasharray="4 4"' if dashed else 'stroke="var(--mark)" stroke-width="2"'
    return f'<g fill="none" {style}>{drawn}</g>'


def _dots(points: Sequence[tuple[float, float]]) -> str:
    drawn = "".join(
        f'<circle cx="{x}" cy="{y}" r="3.5"><title>{across:.3f}: {up:.3f}</title></circle>'
        for (x, y), (across, up) in ((_place(*point), point) for point in points)
    )
    return f'<g fill="var(--mark)">{drawn}</g>'


def _place(across: float, up: float) -> tuple[float, float]:
    """
    >>> _place(0.0, 0.0), _place(1.0, 1.0)
    ((42.0, 258.0), (280.0, 20.0))
    """
    return round(EDGE + across * (SIZE - EDGE - 20), 1), round(SIZE - EDGE - up * (SIZE - EDGE - 20), 1)
