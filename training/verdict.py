"""
May this release replace the one that serves? Compared on the same held-out rows, in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.metrics import mcnemar

TOLERANCE = 0.02
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Args:
        promote: Whether to serve it.
        reason: One sentence with the figures.
    """

    promote: bool
    reason: str


def compare(
    candidate: Mapping[str, Mapping[str, float]], previous: Mapping[str, Mapping[str, float]] | None
) -> Verdict:
    """
    Decide on hits per held-out row.

    Args:
        candidate: {"hit@1": {row id: 0 or 1}, "hit@3": …} of the new release.
        previous: The same for the release that serves, on the same rows; None when there is none.

    Promoted unless a measure is lower by more than two points, or significantly lower in a paired test.
    """
    if previous is None:
        return Verdict(True, "first release of this repository")
    said = []
    for measure in ("hit@1", "hit@3"):
        rows = sorted(set(candidate[measure]) & set(previous[measure]))
        if not rows:
            return Verdict(False, "no held-out row in common with the release that serves")
        new = [candidate[measure][row] for row in rows]
        old = [previous[measure][row] for row in rows]
        difference, p = (sum(new) - sum(old)) / len(rows), mcnemar(new, old)
        said.append(f"{measure} {sum(old) / len(rows):.3f} → {sum(new) / len(rows):.3f} (n={len(rows)}, p={p:.2f})")
        if difference < -TOLERANCE or (difference < 0 and p < SIGNIFICANT):
            return Verdict(False, f"worse than the release that serves: {said[-1]}")
    return Verdict(True, "not worse than the release that serves: " + ", ".join(said))


def steady(verdict: Verdict, stability: Mapping[str, Any]) -> Verdict:
    """
    Hold back a release that answers the same question in several ways.

    >>> steady(Verdict(True, "better"), {"identical": 1.0, "requirements": 30}).promote
    True
    >>> steady(Verdict(True, "better"), {"identical": 0.9, "requirements": 30}).reason
    'gave several rankings for 3 of 30 requirements asked again'
    """
    several = round((1.0 - stability["identical"]) * stability["requirements"])
    if several:
        return Verdict(
            False, f"gave several rankings for {several} of {stability['requirements']} requirements asked again"
        )
    return verdict
