"""
Fusion and calibration: features of all modules in, calibrated probabilities out.

A conditional logit: P(module) = softmax over the modules of (weights · features) / temperature. Weights are never
negative (every feature is built so that more is better) and are pulled towards defaults that are sensible without any
held-out data; the temperature is fitted on out-of-fold predictions, since a temperature fitted on the rows that chose
the weights is too sure of itself, and is pulled towards the usual one.

How much held-out rows may decide was chosen on 151 repositories of which the network knew nothing, each one's later
rows read with what its earlier ones had chosen (`python -m training.localizer.tuning_trial`): requirements change with
time, and a few hundred rows decide less than they seem to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from inference.shortlist import MEASURED

Floats = npt.NDArray[np.float32]
DEFAULT_WEIGHTS = dict.fromkeys(MEASURED, 0.0) | {"reranked": 1.0, "model_rows": 0.15, "model_cards": 0.1}
"""The network that was trained across repositories decides alone until held-out rows say more."""
PULL = 4.0
"""Strength of the pull towards the defaults, against the mean loss of a held-out row."""
LOOSE_PULL = dict.fromkeys(("model_rows", "model_cards"), 0.2)
"""The same for what no other repository can tell the worth of."""
USUAL_TEMPERATURE = 0.83
"""The network's scores are that much too flat elsewhere, with history or without, with the encoder or without."""
USUAL_ROWS = 200
"""As many held-out rows the usual temperature weighs."""
TARGET_PRECISION = 0.85
"""Asked of the held-out rows to have 80 % later: four in five repositories do, with 80 % asked it is three in five."""
DEFAULT_THRESHOLD = 0.65
"""From here on, 83 % of the answers were right on repositories without held-out rows and history, 85 % with history."""
LEAST_ROWS_FOR_THRESHOLD = 60
"""Below, a threshold of the repository's own is chance: the default one is better founded."""
MOST_ROWS = 1_000
"""Each holds a value a module and feature: thousands of rows by thousands of modules would take gigabytes."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class HeldOut:
    """
    One held-out requirement as the fusion sees it.

    Args:
        features: z-scored, one row a module.  # (modules, features)
        relevant: Positions of the true modules, never empty.
    """

    features: Floats
    relevant: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fusion:
    """
    Fitted weights, temperature and the threshold of "sure".

    Args:
        features: Names of the feature columns, in order.
        weights: One non-negative weight a feature.
        temperature: Above 1 flattens.
        threshold: Confidence from which enough held-out answers were right; 1.1 (never) if no confidence reached that.
        rows: How many held-out requirements it was fitted on; 0 means defaults.
    """

    features: tuple[str, ...]
    weights: tuple[float, ...]
    temperature: float
    threshold: float
    rows: int

    @classmethod
    def default(cls, features: Sequence[str]) -> Self:
        """
        Weights for a repository without held-out requirements.
        """
        weights = tuple(DEFAULT_WEIGHTS[name] for name in features)
        return cls(tuple(features), weights, USUAL_TEMPERATURE, DEFAULT_THRESHOLD, 0)

    @classmethod
    def fit(cls, features: Sequence[str], rows: Sequence[HeldOut], *, pull: float = PULL) -> Self:
        """
        Fit weights on *rows*, temperature and threshold on out-of-fold predictions; defaults below 20 rows.

        Args:
            rows: Oldest first; of more than `MOST_ROWS` the newest.
            pull: How strongly the weights are pulled towards the defaults.
        """
        rows = rows[-MOST_ROWS:]
        if len(rows) < 20:
            return cls.default(features)
        centre = np.array([DEFAULT_WEIGHTS[name] for name in features])
        pulls = np.array([LOOSE_PULL.get(name, pull) for name in features])
        predictions: list[tuple[Floats, tuple[int, ...]]] = []
        for fold in range(FOLDS):
            inside = [row for i, row in enumerate(rows) if i % FOLDS != fold]
            weights = _fit_weights(inside, centre, pulls)
            predictions += [((row.features @ weights).astype(np.float32), row.relevant) for row in rows[fold::FOLDS]]
        temperature = _pulled_temperature(fit_temperature(predictions), rows=len(rows))
        best = [(softmax(scores / temperature), relevant) for scores, relevant in predictions]
        threshold = DEFAULT_THRESHOLD
        if len(rows) >= LEAST_ROWS_FOR_THRESHOLD:
            threshold = _threshold([(float(p.max()), int(p.argmax()) in relevant) for p, relevant in best])
        weights = _fit_weights(rows, centre, pulls)
        return cls(tuple(features), tuple(float(w) for w in weights), temperature, threshold, len(rows))

    def probabilities(self, features: Floats) -> Floats:
        """
        Return a calibrated probability a module.  # (modules, features) -> (modules,)
        """
        scores = features.astype(np.float64) @ np.array(self.weights)
        return softmax(scores / self.temperature)

    def aligned(self, features: Sequence[str]) -> Self:
        """
        The same weights for other columns: by name, nothing for columns that were unknown when it was fitted.
        """
        known = dict(zip(self.features, self.weights, strict=True))
        return replace(self, features=tuple(features), weights=tuple(known.get(name, 0.0) for name in features))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, "features": tuple(value["features"]), "weights": tuple(value["weights"])})


def softmax(scores: npt.NDArray[Any]) -> Floats:
    """
    Turn scores into probabilities.  # (modules,)
    """
    exponents = np.exp(scores - scores.max())
    shares: Floats = exponents / exponents.sum()
    return shares


def _fit_weights(
    rows: Sequence[HeldOut], centre: npt.NDArray[np.float64], pulls: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    features = np.stack([row.features for row in rows]).astype(np.float64)  # (rows, modules, features)
    truth = np.zeros(features.shape[:2])
    for i, row in enumerate(rows):
        truth[i, list(row.relevant)] = 1.0 / len(row.relevant)

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        scores = features @ weights  # (rows, modules)
        scores -= scores.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        value = -(truth * (scores - log_total)).sum() / len(rows) + (pulls * (weights - centre) ** 2).sum()
        error = (np.exp(scores - log_total) - truth) / len(rows)
        return value, np.einsum("rm,rmf->f", error, features) + 2 * pulls * (weights - centre)

    fitted = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(centre))
    weights: npt.NDArray[np.float64] = fitted.x
    return weights


def fit_temperature(predictions: Sequence[tuple[Floats, tuple[int, ...]]]) -> float:
    """
    Find what scores must be divided by to be the log-probabilities that fit the labels best.

    Args:
        predictions: Scores of all modules, and the positions of the true ones.
    """

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return -float(np.mean([np.log(softmax(s / temperature)[list(r)].sum() + 1e-12) for s, r in predictions]))

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def _pulled_temperature(temperature: float, *, rows: int) -> float:
    share = rows / (rows + USUAL_ROWS)
    return float(temperature**share * USUAL_TEMPERATURE ** (1.0 - share))


def _threshold(answers: Sequence[tuple[float, bool]]) -> float:
    """
    Find the lowest confidence from which on the held-out answers were right often enough, and believed to be.

    Precision alone is a lucky streak too often.
    """
    ordered = sorted(answers, reverse=True)
    places = np.arange(1, len(ordered) + 1)
    precision = np.cumsum([correct for _, correct in ordered]) / places
    believed = np.cumsum([confidence for confidence, _ in ordered]) / places
    least = np.minimum(precision, believed)
    enough = [i for i in range(min(10, len(ordered)) - 1, len(ordered)) if least[i] >= TARGET_PRECISION]
    return ordered[enough[-1]][0] if enough else 1.1
