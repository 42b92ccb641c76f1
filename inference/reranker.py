"""
What weighs the shortlist's features before anybody tuned on this repository: a small network trained across many
others.

A linear fusion gives each feature one weight. The network sees how far each module stands behind the best one, how
clear each feature is for this requirement and whether there is any history, and weighs them accordingly. It was
trained on what was asked of public repositories after the code that was read (`training/localizer`), with history and
without, with the encoder and without, so that it serves from the first minute. Plain matrices, no torch, well under a
millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

Floats = npt.NDArray[np.float32]
SHIPPED = Path(__file__).parent / "weights" / "reranker.safetensors"
LOWEST, HIGHEST = -4.0, 8.0
"""Where z-scores are cut: beyond, a feature says nothing more."""


def network_inputs(columns: Floats) -> tuple[Floats, Floats]:
    """
    Say what the network reads of one requirement.

    Args:
        columns: The shortlist's features as they are computed, not z-scored.  # (modules, features)

    Returns:
        Of each module, each feature's z-score and how far it is behind the best; and, the same for all modules, the
        best z-scores, the largest values, which features say anything at all, and how many modules there are.
        # (modules, 2 · features), (3 · features + 1,)
    """
    deviation = columns.std(axis=0)
    telling = deviation > 1e-6
    scaled = np.where(telling, (columns - columns.mean(axis=0)) / np.where(telling, deviation, 1.0), 0.0)
    scaled = np.clip(scaled, LOWEST, HIGHEST)
    best = scaled.max(axis=0)
    largest = np.where(telling, np.log1p(np.maximum(columns.max(axis=0), 0.0)), 0.0)
    context = np.concatenate([best / 4.0, largest, telling, [np.log(len(columns)) / 4.0]])
    return np.hstack([scaled, (scaled - best) / 2.0]).astype(np.float32), context.astype(np.float32)


class Reranker:
    """
    Args:
        features: Names of the feature columns it was trained with, in order.
        weights: Arrays by name, see `training.localizer.reranker_training`.
    """

    def __init__(self, features: Sequence[str], weights: dict[str, Floats]) -> None:
        self.features = tuple(features)
        self._weights = weights

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """
        Load weights that `training.localizer.reranker_training` wrote; by default those that ship with Signpost.
        """
        with safe_open(path, framework="numpy") as kept:
            features = json.loads(kept.metadata()["features"])
            return cls(features, {name: kept.get_tensor(name).astype(np.float32) for name in kept.keys()})  # noqa: SIM118

    def scores(self, columns: Floats) -> Floats:
        """
        Score every module; a softmax over the scores is a probability.  # (modules, features) -> (modules,)

        Args:
            columns: The shortlist's features as they are computed, in the order of `features`.
        """
        scores: Floats = self.parts(columns).sum(axis=1)
        return scores

    def parts(self, columns: Floats) -> Floats:
        """
        Take the scores apart: what each feature adds by itself, and last what their interplay adds.

        Returns:
            # (modules, features + 1); rows sum to `scores`
        """
        inputs, context = network_inputs(columns)
        weights = self._weights
        strength = weights["linear"] * np.exp(np.clip(weights["gate"] @ context + weights["gate_bias"], -2.0, 2.0))
        hidden = np.maximum(inputs @ weights["first"].T + weights["context"] @ context + weights["first_bias"], 0.0)
        hidden = np.maximum(hidden @ weights["second"].T + weights["second_bias"], 0.0)
        alone = inputs[:, : len(strength)] * strength
        return np.hstack([alone, (hidden @ weights["last"])[:, None]]).astype(np.float32)
