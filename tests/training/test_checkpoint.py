"""
A training that is killed, stopped, starved of disk or fed a damaged checkpoint.
"""

import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.models import small_base_model
from tests.training.tiny_run import TINY, adapted, rows, start, train, weights
from training.batches import TrainingRow, encode_row, order_hash, plan_batches
from training.checkpoint import (
    Checkpoint,
    checkpoint_folder,
    load_checkpoint,
    remove_stale_checkpoints,
    save_checkpoint,
)
from training.sft import TrainingError, train_adapter

STATE = "state.safetensors"


@pytest.fixture(scope="module")
def base() -> Path:
    return small_base_model()


@pytest.fixture(scope="module")
def whole(base: Path) -> dict[str, Any]:
    """
    The weights of a run that nothing interrupted.
    """
    return weights(train(None, base=base)[0])


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_a_training_killed_without_warning_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    command = [sys.executable, "-m", "tests.training.tiny_run", str(tmp_path / "kept"), str(tmp_path / "weights")]
    first = subprocess.Popen([*command, "0.5"])
    until = time.monotonic() + 240
    while not (tmp_path / "kept" / STATE).exists() and first.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)

    assert first.wait() == -signal.SIGKILL
    assert not (tmp_path / "weights").exists()

    subprocess.run([*command, "0"], check=True)
    with safe_open(tmp_path / "weights", framework="pt") as file:
        resumed_at = int(file.metadata()["resumed_at"])

    assert resumed_at >= TINY.checkpoint_steps
    assert _same(load_file(tmp_path / "weights"), whole)


class _StopError(Exception):
    """What a worker raises that was asked to stop."""


def test_a_training_that_is_asked_to_stop_loses_no_step(tmp_path: Path, base: Path, whole: dict[str, Any]) -> None:
    lines: list[str] = []

    def stop_after_five(done: int, total: int, label: str) -> None:
        lines.append(label)
        if len(lines) == 5:
            raise _StopError

    with pytest.raises(_StopError):
        train(tmp_path, base=base, progress=stop_after_five)
    torch.manual_seed(99)  # whatever another process did with it
    model, log = train(tmp_path, base=base)

    assert log.resumed_at == 5
    assert _same(weights(model), whole)


def test_a_finished_training_is_not_repeated_when_what_follows_it_was_killed(
    tmp_path: Path, base: Path, whole: dict[str, Any]
) -> None:
    _, first = train(tmp_path, base=base)
    model, again = train(tmp_path, base=base)

    assert again.resumed_at == again.steps == first.steps
    assert again.losses == first.losses
    assert _same(weights(model), whole)


def test_a_training_at_its_time_limit_keeps_its_state(tmp_path: Path, base: Path) -> None:
    seconds = replace(TINY, max_seconds=1.0, token_budget=10**9, epochs=10**4)
    _, first = train(tmp_path, base=base, config=seconds)
    _, again = train(tmp_path, base=base, config=seconds)

    assert first.stopped_by_time
    assert again.stopped_by_time
    assert again.resumed_at == again.steps == first.steps


def _flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [_flip_a_byte, _cut, _empty])
def test_a_damaged_checkpoint_is_said_and_the_training_starts_afresh(
    harm: Any, tmp_path: Path, base: Path, whole: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    short = replace(TINY, token_budget=1_000)
    train(tmp_path, base=base, config=short)
    harm(tmp_path / STATE)
    _, log = train(tmp_path, base=base, config=short)

    assert log.resumed_at == 0
    assert "is damaged" in caplog.text
    assert "starting afresh" in caplog.text


def test_a_checkpoint_of_other_rows_is_not_continued(tmp_path: Path, base: Path) -> None:
    _, tokenizer = adapted(base)
    encoded = [encode_row(tokenizer, row) for row in rows(tokenizer)]
    one, other = (order_hash(plan_batches(encoded, replace(TINY, seed=seed))) for seed in (1, 2))
    save_checkpoint(tmp_path, Checkpoint({"a": torch.ones(2)}, {"step": 3}), order=one)
    found = load_checkpoint(tmp_path, order=one)

    assert found is not None
    assert found.about == {"step": 3}
    assert load_checkpoint(tmp_path, order=other) is None


@contextmanager
def _full_disk(bytes_left: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_costs_the_new_checkpoint_and_neither_the_old_one_nor_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = Checkpoint({"a": torch.ones(10)}, {"step": 1})
    new = Checkpoint({"a": torch.ones(100_000)}, {"step": 2})
    save_checkpoint(tmp_path, old, order="o")
    with _full_disk(50_000):
        written = save_checkpoint(tmp_path, new, order="o")
    kept = load_checkpoint(tmp_path, order="o")

    assert not written
    assert "free some space" in caplog.text
    assert kept is not None
    assert kept.about == old.about
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_a_loss_that_becomes_no_number_keeps_the_weights_from_before_and_says_so(tmp_path: Path, base: Path) -> None:
    model, tokenizer = adapted(base)
    seen: list[dict[str, Any]] = []

    def break_at_seven(module: object, inputs: object, output: Any) -> None:
        if len(seen) == 6:
            output.mul_(float("nan"))

    model.get_base_model().model.norm.register_forward_hook(break_at_seven)
    with pytest.raises(TrainingError, match="at step 7: the weights after step 6 are kept"):
        train_adapter(
            model,
            tokenizer,
            rows(tokenizer),
            start=start(),
            config=TINY,
            checkpoint=tmp_path,
            observe=lambda figures: seen.append(weights(model)),
        )
    kept = load_file(tmp_path / STATE)

    assert _same(weights(model), seen[-1])
    assert _same({name: kept[f"adapter/{name}"] for name in seen[-1]}, seen[-1])


def test_a_training_that_gets_worse_on_dev_ends_with_its_best_adapter(tmp_path: Path, base: Path) -> None:
    model, tokenizer = adapted(base)
    against = [TrainingRow(row.prompt, "", (1 - row.relevant[0],)) for row in rows(tokenizer) if row.relevant]
    config = replace(TINY, token_budget=20_000, epochs=20, row_learning_rate=0.05, dev_checks=10, patience=3)
    seen: dict[int, dict[str, Any]] = {}
    log = train_adapter(
        model,
        tokenizer,
        rows(tokenizer),
        start=start(),
        config=config,
        dev=against,
        checkpoint=tmp_path,
        observe=lambda figures: seen.update({figures.step: weights(model)}),
    )
    best = max(log.dev, key=lambda check: (check[1], -check[2]))

    assert log.stopped_early
    assert log.dev.index(best) == len(log.dev) - 1 - config.patience
    assert log.tokens < 15_000
    assert _same(weights(model), seen[best[0]])


def test_checkpoints_nobody_came_back_for_are_removed(tmp_path: Path) -> None:
    mine, fresh, old = (
        checkpoint_folder(tmp_path, dataset_hash=name * 64, config=TINY, base_hash="b" * 64) for name in "123"
    )
    for folder in (mine, fresh, old):
        save_checkpoint(folder, Checkpoint({"a": torch.ones(1)}, {}), order="o")
    for folder in (mine, old):
        os.utime(folder / STATE, (1, 1))
    removed = remove_stale_checkpoints(tmp_path, keep=mine)

    assert removed == [old.name]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == sorted((mine.name, fresh.name))


@pytest.fixture(autouse=True)
def _hear_warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="signpost.training")
