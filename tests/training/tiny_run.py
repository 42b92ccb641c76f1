"""
An adapter training of a tiny random network, slow enough to be killed.

    python -m tests.training.tiny_run CHECKPOINT WEIGHTS SECONDS_A_STEP
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from inference.prompt import place_prompt
from inference.rows import ModuleRows
from tests.models import small_base_model, tiny_network
from training.batches import TrainingRow
from training.config import TrainingConfig
from training.sft import TrainingLog, train_adapter

TINY = TrainingConfig(
    token_budget=5_000, epochs=4, learning_rate=5e-3, batch_rows=4, checkpoint_steps=3, dev_checks=5, patience=0
)


def adapted(base: Path) -> tuple[Any, Any]:
    """
    The same network and adapter at every call, and its tokenizer.
    """
    tiny = tiny_network(base)
    lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "down_proj"])
    return get_peft_model(tiny.model, lora).train(), tiny.tokenizer


def rows(tokenizer: Any, count: int = 24) -> list[TrainingRow]:
    """
    Direct rows, chain-of-thought rows and rows that only rank, of different lengths.
    """
    made = []
    for i in range(count):
        words = ("tolls " if i % 2 else "search ") * (1 + i % 5)
        prompt = place_prompt(tokenizer, repository="r", requirement=words)
        answer = "routing/tolls" if i % 2 else "web/search"
        kinds = ((answer, (i % 2,)), (f"It says {words * 4}\nModule: {answer}", ()), ("", (i % 2,)))
        made.append(TrainingRow(prompt, *kinds[i % 3]))
    return made


def start(size: int = 64) -> ModuleRows:
    """
    Rows of two modules that know nothing.
    """
    nothing = np.zeros((2, size), dtype=np.float32)
    return ModuleRows(nothing[0], np.ones(1, dtype=np.float32), nothing, nothing, nothing[:, 0], nothing[:, 0])


def weights(model: Any) -> dict[str, Any]:
    """
    A copy of what is trained.
    """
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def train(
    checkpoint: Path | None, *, base: Path, config: TrainingConfig = TINY, dev: Sequence[TrainingRow] = (), **told: Any
) -> tuple[Any, TrainingLog]:
    """
    Train from scratch or from *checkpoint*: the model and the log.
    """
    model, tokenizer = adapted(base)
    log = train_adapter(
        model, tokenizer, rows(tokenizer), start=start(), config=config, checkpoint=checkpoint, dev=dev, **told
    )
    return model, log


if __name__ == "__main__":
    pause = float(sys.argv[3])
    trained, done = train(Path(sys.argv[1]), base=small_base_model(), progress=lambda *_: time.sleep(pause))
    save_file(weights(trained), sys.argv[2], {"resumed_at": str(done.resumed_at)})
