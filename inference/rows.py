"""
Module rows: what the tuned model's hidden state of a requirement is compared with, at no cost that grows.

Two columns, kept apart because they fail differently. *Card rows* are encoded from each module's cards by the same
model: they work from the first minute and for new modules. *Learned rows* are fitted on past requirements, know only
modules that have some, and stay neutral about the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from inference.shortlist import neutral_where_unknown, z_scores

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModuleRows:
    """
    What the tuned model compares a requirement with.

    Args:
        centre: Mean unit hidden state, taken off every requirement.  # (hidden size,)
        scale: One over the mean distance from the centre: unit states differ by little, rows are fitted on
            states that differ by about one.  # (1,)
        cards: Unit rows encoded from module and file cards, centred.  # (modules, hidden size)
        learned: Rows fitted on past requirements; zero where unknown.  # (modules, hidden size)
        bias: # (modules,)
        known: Which modules have past requirements, as 0 or 1.  # (modules,)
    """

    centre: Floats
    scale: Floats
    cards: Floats
    learned: Floats
    bias: Floats
    known: Floats

    def features(self, state: Floats) -> Floats:
        """
        Compare one hidden state with every row, z-scored over the modules.  # (hidden,) -> (modules, 2)
        """
        centred = (unit(state[None]) - self.centre)[0] * self.scale
        learned = self.learned @ centred + self.bias
        learned = neutral_where_unknown(np.where(self.known > 0, learned, np.nan).astype(np.float32))
        cards = self.cards @ (centred / max(float(np.linalg.norm(centred)), 1e-9))
        return np.stack([z_scores(np.round(learned, 5)), z_scores(np.round(cards, 5))], axis=1)

    def save(self, path: Path) -> None:
        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in _ROW_FIELDS}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls(**load_file(path))


_ROW_FIELDS = ("centre", "scale", "cards", "learned", "bias", "known")


def measure_states(states: Floats) -> tuple[Floats, Floats]:
    """
    Give the centre of unit states and one over their mean distance from it.  # (rows, hidden) -> (hidden,), (1,)
    """
    centre: Floats = unit(states).mean(axis=0)
    distance = float(np.linalg.norm(unit(states) - centre, axis=1).mean())
    return centre, np.array([1.0 / max(distance, 1e-6)], dtype=np.float32)


def unit(states: Floats) -> Floats:
    """
    Scale each row to length 1.
    """
    scaled: Floats = states / np.maximum(np.linalg.norm(states, axis=-1, keepdims=True), 1e-9)
    return scaled
