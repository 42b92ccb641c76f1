"""
The course of an adapter training as TensorBoard event files.

    tensorboard --logdir HOME/trainings          # wherever TensorBoard is installed; writing needs none
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from training.sft import Observer, StepFigures

log = logging.getLogger("signpost.training")


@contextmanager
def event_file(folder: Path | None) -> Iterator[Observer]:
    """
    Give an observer that writes every step's figures into *folder*; None: one that writes nothing.
    """
    if folder is None:
        yield lambda figures: None
        return
    events = _Events(folder)
    try:
        yield events.write
    finally:
        events.close()


class _Events:
    """
    Writes at once, in the trainer's own thread: the library's usual writer has a thread that dies of a full disk, and
    whoever hands it the next figure then waits forever. A course that cannot be written any more costs no training.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self._writer: EventsWriter | None = None
        with self._given_up_when_it_fails():
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"))

    def write(self, figures: StepFigures) -> None:
        if self._writer is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        values = {
            "loss/generative": figures.loss.generative,
            "loss/ranking": figures.loss.ranking,
            "speed/tokens_per_second": figures.tokens_per_second,
            "learning_rate": figures.learning_rate,
        }
        if figures.dev_hit is not None:
            values["dev/hit_at_1"] = figures.dev_hit
        with self._given_up_when_it_fails():
            for name, value in values.items():
                event = Event(wall_time=time.time(), step=figures.step, summary=scalar(name, value))
                self._writer.write_event(event)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            with self._given_up_when_it_fails():
                self._writer.close()

    @contextmanager
    def _given_up_when_it_fails(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            broken, self._writer = self._writer, None
            if broken is not None:
                with suppress(OSError):
                    broken.close()
            log.warning("no more TensorBoard events of this training: %s", problem)
