"""
Asking from a terminal, with bars for what takes a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console

from bot.screen import Bars, expecting
from bot.stack import ANSWERS, Stack, ask, usual_seconds, worker_for
from worker.tables import Answer, Repository

LOADING_SECONDS = 9.0  # PyTorch and the small model, on two cores; only a bar depends on it


@contextmanager
def answering(stack: Stack, console: Console) -> Iterator[None]:
    """
    Have a worker answer for as long as the block lasts; a bar is shown while one is started.
    """
    with ExitStack() as running:
        with Bars(console) as bars, expecting(bars, "release into memory", LOADING_SECONDS):
            running.enter_context(worker_for(stack, ANSWERS))
        yield


def ask_with_bar(stack: Stack, repository: Repository, question: str, console: Console, *, timeout: float) -> Answer:
    """
    Ask one question the way every question goes; the first module is told as soon as it is known.

    Raises:
        bot.stack.CommandError: no answer within *timeout* seconds.
    """
    with Bars(console) as bars, expecting(bars, "rank and reason", usual_seconds(stack)):
        return ask(stack, repository, question, timeout=timeout, ranked=lambda answer: _tell(console, answer))


def _tell(console: Console, answer: Answer) -> None:
    if answer.modules:
        first = answer.modules[0]
        told = f"→ {first['id']} ({first['confidence']:.0%}); writing down why …"
        console.print(told, markup=False, highlight=False)
