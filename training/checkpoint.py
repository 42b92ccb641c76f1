"""
A checkpoint: everything that a killed adapter training needs to go on as if nothing had happened.

    HOME/checkpoints/DATASET-CONFIG-BASE/state.safetensors

One safetensors file (no pickle), written beside its place and renamed into it, with a hash over its tensors. The folder
names what the run is made of, so that another dataset, configuration or base model never finds it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from graph.values import write_atomically
from training.config import TrainingConfig

log = logging.getLogger("signpost.training")

CHECKPOINT_FORMAT = "1"
STALE_DAYS = 14.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    Args:
        tensors: Weights, optimizer moments, random state, by name.
        about: The rest, as JSON: step, tokens, seconds, losses.
    """

    tensors: dict[str, torch.Tensor]
    about: dict[str, Any]


def checkpoint_folder(home: Path, *, dataset_hash: str, config: TrainingConfig, base_hash: str) -> Path:
    """
    Where a run made of these three keeps its checkpoint.
    """
    config_hash = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode()).hexdigest()
    return home / "checkpoints" / "-".join(part[:12] for part in (dataset_hash, config_hash, base_hash))


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, order: str) -> bool:
    """
    Write a checkpoint over the one before, or keep that one when the disk is full.

    A training must not die of its safety net: what cannot be written is said in the log, and the run goes on.

    Args:
        order: `training.batches.order_hash` of the run.

    Returns:
        Whether it was written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    metadata = {
        "format": CHECKPOINT_FORMAT,
        "order": order,
        "sha256": _digest(tensors, checkpoint.about),
        "about": json.dumps(checkpoint.about),
    }
    try:
        write_atomically(folder / "state.safetensors", save(tensors, metadata))
    except OSError as error:
        log.warning(
            "the checkpoint could not be written (%s): the training goes on, and when it is killed it starts again "
            "from the checkpoint before; free some space",
            error.strerror,
        )
        return False
    return True


def load_checkpoint(folder: Path, *, order: str) -> Checkpoint | None:
    """
    Read the checkpoint of a run; None where there is none, or none that can be trusted: then it starts afresh.
    """
    path = folder / "state.safetensors"
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a mapping
        about = json.loads(metadata["about"])
        if metadata["format"] != CHECKPOINT_FORMAT or metadata["order"] != order:
            log.warning("the checkpoint %s belongs to other rows or another version: starting afresh", path.parent.name)
            return None
        if metadata["sha256"] != _digest(tensors, about):
            raise ValueError("its tensors do not have the hash it names")
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        log.warning("the checkpoint %s is damaged (%s): starting afresh", path.parent.name, error)
        return None
    return Checkpoint(tensors, about)


def remove_stale_checkpoints(
    home: Path, *, keep: Path, days: float = STALE_DAYS, now: float | None = None
) -> list[str]:
    """
    Remove checkpoints that nobody came back for, and what a killed write left behind.

    Args:
        keep: The folder of the run that begins.
        days: How long one is kept since it was last written.

    Returns:
        Names of the removed folders.
    """
    now = time.time() if now is None else now
    removed = []
    for folder in sorted((home / "checkpoints").glob("*")):
        for draft in folder.glob(".state.safetensors.*.tmp"):
            if now - draft.stat().st_mtime > 3_600:  # another process may be writing its own this minute
                draft.unlink(missing_ok=True)
        state = folder / "state.safetensors"
        written = (state if state.exists() else folder).stat().st_mtime
        if folder != keep and now - written > days * 86_400:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed


def remove_checkpoint(folder: Path) -> None:
    """
    Remove a checkpoint whose release is written.
    """
    shutil.rmtree(folder, ignore_errors=True)


def _digest(tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
