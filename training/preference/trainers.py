"""
TRL's trainers, set up for one adapter on one machine: nothing is uploaded, reported or kept.

The reference is the fine-tuned adapter: TRL copies the adapter of a PEFT model it is given into a frozen one called
"ref". The base model without an adapter would be the wrong reference, it has never seen a module id.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inference.prompt import end_token_id
from inference.verifier import Verifier
from training.config import PreferenceConfig
from training.preference.reward import Task, evidence_reward, format_reward, rank_reward
from training.preference.rows import plan

REWARD_WEIGHTS = (1.0, 0.25, 0.25)  # place, form, evidence: a well-formed wrong answer must not beat a right one
MOST_WEIGHT = 5.0  # of the rarer kind of vote


def vote_trainer(model: Any, tokenizer: Any, rows: Sequence[dict[str, Any]], **told: Any) -> Any:
    """
    KTO over votes, good ones and bad ones weighing the same in all.

    Source:
        Ethayarajh et al. 2024, eq. 8 for the weights.
    """
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    config: PreferenceConfig = told["config"]
    good = sum(row["label"] for row in rows)
    bad = len(rows) - good
    arguments = KTOConfig(
        **_common(model, folder=told["folder"], config=config, steps=steps_for(len(rows), config)),
        per_device_train_batch_size=config.batch_rows,
        beta=config.beta,
        desirable_weight=_weight(rare=good, other=bad),
        undesirable_weight=_weight(rare=bad, other=good),
    )
    return KTOTrainer(model, args=arguments, **_fed(tokenizer, rows, config), callbacks=[told["callback"]])


def correction_trainer(model: Any, tokenizer: Any, rows: Sequence[dict[str, Any]], **told: Any) -> Any:
    """
    DPO over (right module, wrong module) pairs.
    """
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    config: PreferenceConfig = told["config"]
    arguments = DPOConfig(
        **_common(model, folder=told["folder"], config=config, steps=steps_for(len(rows), config)),
        per_device_train_batch_size=config.batch_rows,
        beta=config.beta,
    )
    return DPOTrainer(model, args=arguments, **_fed(tokenizer, rows, config), callbacks=[told["callback"]])


def reward_trainer(
    model: Any, tokenizer: Any, tasks: Sequence[Task], *, verifier: Verifier, modules: Sequence[str], **told: Any
) -> Any:
    """
    GRPO: sampled completions of one prompt are compared by their rewards.
    """
    from datasets import Dataset as Rows
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    config: PreferenceConfig = told["config"]
    longest = max(len(tokenizer(module, add_special_tokens=False)["input_ids"]) for module in modules)
    reasons = any(task.module for task in tasks)
    arguments = GRPOConfig(
        **_common(
            model, folder=told["folder"], config=config, steps=min(config.steps, len(tasks) // config.grpo_prompts)
        ),
        per_device_train_batch_size=config.grpo_prompts * config.grpo_samples,
        num_generations=config.grpo_samples,
        max_completion_length=longest + 2 + (config.grpo_reasoning_tokens if reasons else 0),
        temperature=config.grpo_temperature,
        beta=config.grpo_beta,
        reward_weights=list(REWARD_WEIGHTS),
        shuffle_dataset=False,  # `rows.tasks` has mixed them
        generation_kwargs={"use_cache": True},  # the model's own configuration says no, for training
    )
    return GRPOTrainer(
        model,
        reward_funcs=_rewards(tasks, verifier, frozenset(modules), end=end_token_id(tokenizer)),
        args=arguments,
        train_dataset=Rows.from_list([{"prompt": task.prompt, "task": i} for i, task in enumerate(tasks)]),
        processing_class=ending_tokenizer(tokenizer),
        callbacks=[told["callback"]],
    )


def ending_tokenizer(tokenizer: Any) -> Any:
    """
    A copy whose `eos_token` is the token that ends an assistant's turn: TRL appends that to every completion.
    """
    copied = copy.deepcopy(tokenizer)
    copied.eos_token = copied.pad_token = copied.convert_ids_to_tokens(end_token_id(tokenizer))
    return copied


def steps_for(rows: int, config: PreferenceConfig) -> int:
    """
    Steps over so many votes or corrections.

    >>> steps_for(16, PreferenceConfig(steps=60, passes=3, batch_rows=8)), steps_for(10_000, PreferenceConfig(steps=60))
    (6, 60)
    """
    return min(config.steps, max(1, config.passes * rows // config.batch_rows))


def _common(model: Any, *, folder: Path, config: PreferenceConfig, steps: int) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "max_steps": steps,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": max(1, steps // 10),
        "seed": config.seed,
        "use_cpu": next(model.parameters()).device.type == "cpu",
        "bf16": False,  # the weights have the precision of this machine already
        "fp16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # the callback must see them
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _fed(tokenizer: Any, rows: Sequence[dict[str, Any]], config: PreferenceConfig) -> dict[str, Any]:
    """
    The rows in the order of the run: planned here, whole batches only, so that KTO's neighbours stay neighbours.
    """
    from datasets import Dataset as Rows

    count = steps_for(len(rows), config) * config.batch_rows
    planned = plan(rows, count=count, seed=config.seed)
    return {"train_dataset": Rows.from_list(planned), "processing_class": ending_tokenizer(tokenizer)}


def _weight(*, rare: int, other: int) -> float:
    return min(MOST_WEIGHT, max(1.0, other / rare)) if rare else 1.0


def _rewards(
    tasks: Sequence[Task], verifier: Verifier, modules: frozenset[str], *, end: int
) -> list[Callable[..., list[float | None]]]:
    """
    The three rewards as TRL calls them: with completions, their tokens, and the columns of the dataset.
    """

    def place(completions: Sequence[str], task: Sequence[int], **_: Any) -> list[float | None]:
        return [rank_reward(said, tasks[i], modules) for said, i in zip(completions, task, strict=True)]

    def form(
        completions: Sequence[str], completion_ids: Sequence[Sequence[int]], task: Sequence[int], **_: Any
    ) -> list[float | None]:
        rows = zip(completions, completion_ids, task, strict=True)
        return [format_reward(said, tasks[i], modules, ended=bool(ids) and ids[-1] == end) for said, ids, i in rows]

    def evidence(completions: Sequence[str], task: Sequence[int], **_: Any) -> list[float | None]:
        return [evidence_reward(said, tasks[i], verifier) for said, i in zip(completions, task, strict=True)]

    return [place, form, evidence]
