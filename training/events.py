"""
The course of an adapter training as TensorBoard event files.

    tensorboard --logdir HOME/trainings          # wherever TensorBoard is installed; writing needs none
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.sft import Observer, StepFigures


@contextmanager
def event_file(folder: Path | None) -> Iterator[Observer]:
    """
    Give an observer that writes every step's figures into *folder*; None: one that writes nothing.
    """
    if folder is None:
        yield lambda figures: None
        return
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder), flush_secs=10) as writer:

        def write(figures: StepFigures) -> None:
            values = {
                "loss/generative": figures.loss.generative,
                "loss/ranking": figures.loss.ranking,
                "speed/tokens_per_second": figures.tokens_per_second,
                "learning_rate": figures.learning_rate,
            }
            if figures.dev_hit is not None:
                values["dev/hit@1"] = figures.dev_hit
            for name, value in values.items():
                writer.add_scalar(name, value, figures.step)

        yield write
