"""
A ranker and a trainer that need no model, and a worker process that uses them.

    python -m tests.fakes_ranker answers --home HOME

Questions steer the ranker, so that a test can stop a real worker process exactly where it
wants: `slow rank` and `slow reason` wait there until the file HOME/go exists, `deadly`
kills the process, `broken` raises. Every call adds a line to HOME/calls.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from inference.values import Evidence, RankedModule, Ranking, Reasoning
from tests.factories import MODULES
from worker.retraining import Report, TrainingOrder


@dataclass(frozen=True)
class FakeRanker:
    """
    Always ranks the modules of `factories.MODULES`, for the release whose folder it was loaded from.
    """

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder.parent.parent

    def rank(self, requirement: str, *, k: int = 10) -> Ranking:
        self._note(f"rank {requirement}")
        if "slow rank" in requirement:
            self._wait()
        if "deadly" in requirement:
            os.kill(os.getpid(), signal.SIGKILL)
        if "broken" in requirement:
            raise RuntimeError("the ranker is broken")
        return Ranking(MODULES[:k], True, self.folder.name, "c" * 40)

    def explain(
        self, requirement: str, ranking: Ranking, *, generate: bool = True, seconds: float | None = None
    ) -> Reasoning:
        self._note(f"explain {requirement}")
        if "slow reason" in requirement:
            self._wait()
        evidence = Evidence("symbol", "add_vat", ranking.modules[0].id, file="shop/billing/tax.py", line=7)
        return Reasoning(f"{ranking.modules[0].id} defines add_vat.", (evidence,), generate)

    def _wait(self) -> None:
        while not (self.home / "go").exists():
            time.sleep(0.02)

    def _note(self, line: str) -> None:
        with open(self.home / "calls", "a", encoding="utf-8") as calls:
            calls.write(f"{line}\n")


class WaveringRanker:
    """
    Puts "b" first at every *nth* question it ranks, "a" at all others; its probabilities favour "b" for tolls.
    """

    catalog = SimpleNamespace(module_ids=["a", "b", "c", "d"])

    def __init__(self, nth: int = 0) -> None:
        self.nth = nth
        self.asked: list[str] = []
        self.shortlist = self

    def rank(self, requirement: str) -> Ranking:
        self.asked.append(requirement)
        first = "b" if self.nth and len(self.asked) % self.nth == 0 else "a"
        return Ranking((RankedModule(first, "", 0.5, (), ""),), True, "r", "c")

    def features(self, requirement: str) -> None:
        return None

    def probabilities(self, requirement: str) -> np.ndarray:
        return np.array([0.1, 0.6, 0.2, 0.1] if "tolls" in requirement else [0.7, 0.1, 0.1, 0.1], dtype=np.float32)


@dataclass(frozen=True)
class FakeVerdict:
    promote: bool
    reason: str


@dataclass(frozen=True)
class FakeTrained:
    folder: Path
    id: str
    dataset_hash: str
    graph_commit: str
    scorecard: dict[str, Any]
    verdict: FakeVerdict


def fake_train(order: TrainingOrder, report: Report) -> FakeTrained:
    """
    Make an empty release folder.

    Promoted unless the repository's folder is called `worse`; waits for HOME/go when it is called `slow`.
    """
    for step in range(3):
        report("fine-tune", step, 3, "")
    while order.location.name == "slow" and not (order.home / "go").exists():
        report("fine-tune", 2, 3, "waiting")
        time.sleep(0.02)
    number = len(list((order.home / "releases").glob("*"))) + 1
    folder = order.home / "releases" / f"{order.name}-{number}"
    folder.mkdir(parents=True)
    worse = order.location.name == "worse"
    verdict = FakeVerdict(not worse, "worse on past requirements" if worse else "better")
    return FakeTrained(folder, folder.name, "d" * 64, "c" * 40, {"hit@1": 0.6}, verdict)


if __name__ == "__main__":
    from worker.__main__ import main

    sys.exit(main(load=FakeRanker, train=fake_train))
