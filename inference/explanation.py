"""
What put a module where it stands: every feature's share of its score, in numbers that add up.

The score of a module is a sum over the features: how far the module stands above the others in it (in standard
deviations), times what the feature is worth for this requirement. That is what the network trained across repositories
makes of it, and what the repository's own held-out requirements added. What the network sees in several features at
once is a row of its own. The confidence is a softmax over those sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
FEATURE_WORDS = {
    "bm25": "words shared with the module",
    "bm25_file": "words shared with its best files",
    "title_file": "words of the first line in its best files",
    "names": "names of the module, its files and symbols",
    "mentions": "identifiers of its code",
    "letters": "letters shared with its paths and file names",
    "past": "similar past requirements",
    "code_and_past": "words of its files and of what was asked of them",
    "classifier": "learned from past requirements",
    "title_classifier": "learned from past requirements, first line",
    "together": "changes together with likely modules",
    "linked": "imports, or is imported by, likely modules",
    "recent": "changed much in the last months",
    "popularity": "changed often, or large",
    "size": "how many files it has",
    "meaning_module": "means the same as the module's description",
    "meaning_file": "means the same as one of its files",
    "meaning_centre": "means the same as its past requirements on average",
    "meaning_past": "means the same as single past requirements",
    "meaning_classifier": "learned from the meaning of past requirements",
    "reranked": "how these play together",
    "model_rows": "language model, learned from past requirements",
    "model_cards": "language model, compared with the code",
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """
    One feature of one module.

    Args:
        feature: Its name.
        words: What it looks at, for people.
        deviations: How far the module stands above (or below) the mean of all modules, in standard deviations.
        weight: What the feature is worth for this requirement.
        points: What it adds to the module's score: deviations times weight, for all but extreme ones.
    """

    feature: str
    words: str
    deviations: float
    weight: float
    points: float


@dataclass(frozen=True, slots=True)
class ExplainedModule:
    """
    Why one module stands where it stands.

    Args:
        id: The module.
        rank: Its place, from 1.
        confidence: As the answer gives it.
        score: Sum of all points.
        contributions: One a feature, in the order of the features.
    """

    id: str
    rank: int
    confidence: float
    score: float
    contributions: tuple[Contribution, ...]


def contributions(
    features: Floats,
    names: Sequence[str],
    weights: Sequence[float],
    *,
    learned: Floats | None = None,
    reranked: str = "reranked",
) -> tuple[Contribution, ...]:
    """
    Take one module's score apart.

    Args:
        features: As the fusion sees them.  # (features,)
        names, weights: Of the fusion.
        learned: What the network makes of each feature by itself, in the order of *names*, see
            `inference.reranker.Reranker.parts`; it is moved from the network's own row to the features'.
        reranked: Name of the network's row.

    >>> [c.points for c in contributions(np.array([2.0, -1.0]), ("bm25", "past"), (0.5, 0.25))]
    [1.0, -0.25]
    >>> parts = contributions(np.array([2.0, 3.0]), ("bm25", "reranked"), (0.5, 1.0), learned=np.array([2.4]))
    >>> [(c.points, c.weight) for c in parts]
    [(3.4, 1.7), (0.6, 1.0)]
    """
    worth = dict(zip(names, weights, strict=True)).get(reranked, 0.0)
    moved = np.zeros(len(names)) if learned is None else np.pad(learned, (0, len(names) - len(learned)))
    if learned is not None:
        moved[list(names).index(reranked)] = -float(learned.sum())
    found = []
    for value, name, weight, part in zip(features, names, weights, moved, strict=True):
        points = float(value) * float(weight) + worth * float(part)
        at = float(value) + float(part) if name == reranked else float(value)
        found.append(
            Contribution(
                name,
                FEATURE_WORDS.get(name, name.replace("_", " ")),
                round(at, 3),
                round(points / at if abs(at) > 1e-6 else float(weight), 4),
                round(points, 4),
            )
        )
    return tuple(found)
