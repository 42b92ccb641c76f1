"""
A process of its own that knows nothing of training: what a release does there, it does where it is deployed.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

TRAINING_ONLY = ("accelerate", "datasets", "peft", "tensorboardX", "trl", "unsloth")

# `None` in sys.modules makes an import fail as if the package were not installed.
_START = (
    "import runpy, sys; sys.modules.update(dict.fromkeys({hidden!r})); sys.argv = {argv!r}; "
    "runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


class FreshProcessError(Exception):
    """
    The process ended badly; the message is the last line it said.
    """


def run_fresh(module: str, arguments: Sequence[str | Path]) -> str:
    """
    Run one of our modules in a new Python that cannot import what only training needs.

    Returns:
        What it printed.

    Raises:
        FreshProcessError: it ended with an error.
    """
    _make_room()
    source = str(Path(__file__).parents[1])  # the same Signpost, wherever the command was given
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    argv = [module, *map(str, arguments)]
    result = subprocess.run(
        [sys.executable, "-c", _START.format(hidden=TRAINING_ONLY, argv=argv, module=module)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if result.returncode != 0:
        last = result.stderr.strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
        raise FreshProcessError(last[0])
    return result.stdout


def _make_room() -> None:
    """
    Hand back accelerator memory that this process keeps and does not use: a 4B model fits in there once.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
