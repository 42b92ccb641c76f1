"""
How many of the first modules belong to a requirement: most changes touch one module, some two or three.

The calibrated probabilities share one unit between the modules. Times how many modules a requirement has on average,
they say how likely each is among the true ones; the prefix with the highest expected F1 is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
MOST = 3
"""More than three modules are no answer to "where does this belong?"."""
_SCALES = tuple(round(1.0 + 0.1 * step, 1) for step in range(21))
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Belonging:
    """
    The rule.

    Args:
        scale: Expected number of true modules in units of the probabilities, fitted on held-out requirements.
        rows: How many requirements it was fitted on; 0 means the default.
    """

    scale: float = 1.4
    rows: int = 0

    @classmethod
    def fit(cls, predictions: Sequence[tuple[Floats, tuple[int, ...]]]) -> Self:
        """
        Choose the scale with the highest mean F1; the default below 20 rows.

        Args:
            predictions: Probabilities and the positions of the true modules of each held-out requirement.
        """
        if len(predictions) < _LEAST_ROWS:
            return cls()
        means = [
            float(np.mean([set_f1(cls(scale).first(p), relevant) for p, relevant in predictions])) for scale in _SCALES
        ]
        best = [scale for scale, mean in zip(_SCALES, means, strict=True) if mean >= max(means) - 1e-9]
        return cls(best[len(best) // 2], len(predictions))

    def count(self, probabilities: Floats) -> int:
        """
        Say how many of the most probable modules belong, from 1 to 3.

        >>> rule = Belonging(scale=1.5)
        >>> rule.count(np.array([0.9, 0.05, 0.05])), rule.count(np.array([0.45, 0.44, 0.06, 0.05]))
        (1, 2)
        """
        members = np.minimum(np.sort(probabilities)[::-1].astype(np.float64) * self.scale, 1.0)
        total = float(members.sum())
        sizes = np.arange(1, min(MOST, len(members)) + 1)
        expected = 2.0 * np.cumsum(members)[: len(sizes)] / (sizes + total)
        return int(np.argmax(np.round(expected, 9))) + 1

    def first(self, probabilities: Floats) -> tuple[int, ...]:
        """
        Give the positions of the modules that belong, most probable first.
        """
        order = np.lexsort((np.arange(len(probabilities)), -np.round(probabilities, 6)))
        return tuple(int(i) for i in order[: self.count(probabilities)])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**value)


def set_f1(found: Sequence[int], relevant: Sequence[int]) -> float:
    """
    F1 of a set of modules against the true set.

    >>> set_f1((1, 2), (2,)), set_f1((1,), (1,)), set_f1((1,), (2,))
    (0.6666666666666666, 1.0, 0.0)
    """
    return 2.0 * len(set(found) & set(relevant)) / (len(set(found)) + len(set(relevant)))
