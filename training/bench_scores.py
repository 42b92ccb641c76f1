"""
What a language model said in an earlier run of the benchmark: the same model on the same text says the same.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from inference.scorers import Scorer

Floats = npt.NDArray[np.float32]
_TIME = "milliseconds/"


class KeptScores:
    """
    Scores in one file, each with the milliseconds it took.

    Args:
        path: A safetensors file, made by `save`; None keeps nothing beyond this run.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Floats] = load_file(path) if path is not None and path.is_file() else {}

    def scores(self, way: str, asked: str, shown: Sequence[int], make: Callable[[], Floats]) -> tuple[Floats, float]:
        """
        Give what is kept for a way of scoring, a text and the candidates shown, or *make* it; and its milliseconds.
        """
        key = hashlib.sha256(json.dumps([way, asked, list(shown)]).encode()).hexdigest()[:32]
        if key not in self._known:
            began = time.perf_counter()
            made = make()
            self._known[_TIME + key] = np.array([1_000 * (time.perf_counter() - began)], dtype=np.float32)
            self._known[key] = made
        return self._known[key], float(self._known[_TIME + key][0])

    def save(self) -> None:
        """
        Write everything down, in place of what was there.
        """
        if self._path is not None:
            fresh = self._path.with_suffix(".new")
            save_file({key: np.ascontiguousarray(value) for key, value in self._known.items()}, fresh)
            fresh.replace(self._path)


class KeptScorer:
    """
    A way of scoring that is asked only what it was not asked before.
    """

    def __init__(self, way: str, scorer: Scorer, kept: KeptScores) -> None:
        self._way, self._scorer, self._kept = way, scorer, kept

    def scores(self, requirement: str, candidates: Sequence[int]) -> Floats:
        return self.timed(requirement, candidates)[0]

    def timed(self, requirement: str, candidates: Sequence[int]) -> tuple[Floats, float]:
        """
        Scores, and the milliseconds they took when they were computed.
        """
        return self._kept.scores(
            self._way, requirement, candidates, partial(self._scorer.scores, requirement, candidates)
        )

    def prompt(self, requirement: str, candidates: Sequence[int]) -> str:
        return self._scorer.prompt(requirement, candidates)
