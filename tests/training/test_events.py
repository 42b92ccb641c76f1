import errno
import struct
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event

from tests.models import small_base_model
from tests.training.tiny_run import train
from training.events import event_file
from training.objective import StepLoss
from training.sft import StepFigures


def _scalars(path: Path) -> dict[str, list[tuple[int, float]]]:
    """
    Read an event file as TensorBoard does: length, its checksum, an event, its checksum.
    """
    data, at = path.read_bytes(), 0
    found: dict[str, list[tuple[int, float]]] = {}
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + length])
        at += 16 + length
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_the_event_file_holds_every_step_of_a_training(tmp_path: Path) -> None:
    seen = []
    with event_file(tmp_path) as write:
        _, log = train(None, base=small_base_model(), observe=lambda figures: (seen.append(figures), write(figures)))
    (file,) = tmp_path.iterdir()
    scalars = _scalars(file)

    assert [step for step, _ in scalars["loss/generative"]] == list(range(1, log.steps + 1))
    assert [round(value, 4) for _, value in scalars["loss/ranking"]] == [round(f.loss.ranking, 4) for f in seen]
    assert set(scalars) == {"loss/generative", "loss/ranking", "speed/tokens_per_second", "learning_rate"}


def test_a_full_disk_costs_the_events_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: object, event: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with event_file(tmp_path / "events") as write:
        monkeypatch.setattr("tensorboardX.event_file_writer.EventsWriter.write_event", full)
        for step in range(1, 40):
            write(StepFigures(step, StepLoss(1.0, 1.0), 1e-3, 100, 10.0, None))

    assert [record.getMessage() for record in caplog.records] == [
        "no more TensorBoard events of this training: [Errno 28] No space left on device"
    ]


def test_a_folder_that_cannot_be_made_costs_the_events_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with event_file(tmp_path / "file" / "events") as write:
        write(StepFigures(1, StepLoss(1.0, 1.0), 1e-3, 100, 10.0, None))
