"""
The preference step: the fine-tuned adapter goes in, a preferred one comes out, or the same one with the reason.

Off by default (`training.config.PreferenceConfig`). TRL comes with the extra "preference". What TRL changes about a
model besides its adapter is undone here, so that merging, verifying and ranking find what fine-tuning left.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from graph.values import Catalog, Progress
from inference.verifier import Verifier
from training.config import PreferenceConfig
from training.dataset import Dataset
from training.preference.check import check_preference
from training.preference.rows import correction_rows, tasks, usable, vote_rows
from training.preference.votes import JudgedAnswer

log = logging.getLogger("signpost.training")

_TOLD = ("loss", "grad_norm", "kl", "reward", "logps", "entropy")  # of some twenty-five figures a step
_SPECIAL_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "use_cache")


@dataclass(frozen=True, slots=True)
class PreferenceLog:
    """
    What the step did.

    Args:
        method: "kto", "dpo" or "grpo".
        rows: Votes, corrections or requirements it could learn from.
        steps, seconds: Optimizer steps and wall-clock seconds.
        kept: Why the fine-tuned adapter was kept; "" when the preferred one replaced it.
        figures: What TRL logged of loss, gradient, distance and rewards, a row a step.
    """

    method: str
    rows: int
    steps: int = 0
    seconds: float = 0.0
    kept: str = ""
    figures: tuple[dict[str, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "figures": list(self.figures)}


def prefer(
    model: Any,
    tokenizer: Any,
    *,
    dataset: Dataset,
    catalog: Catalog,
    judged: Sequence[JudgedAnswer],
    config: PreferenceConfig,
    progress: Progress = lambda done, total, label: None,
) -> PreferenceLog | None:
    """
    Train the fine-tuned adapter inside *model* on, in place.

    Args:
        model: A PEFT model after fine-tuning.
        judged: Trusted votes and corrections, for KTO and DPO.
        progress: Called with (done, total, loss line), in steps.

    Returns:
        What was done, or None when no step is configured. With too little to learn from, or when the loss or the
        weights become no numbers, the fine-tuned adapter is kept and the log says why.

    Raises:
        PreferenceError: TRL is not installed, or the tokenizer would render the prompts otherwise than serving does.
    """
    if config.method == "none":
        return None
    check_preference(config)
    rows = _rows(tokenizer, dataset, catalog, judged, config)
    needed = config.grpo_prompts if config.method == "grpo" else config.batch_rows
    if len(rows) < needed:
        return _kept(PreferenceLog(config.method, len(rows), kept=_too_few(config.method, len(rows), needed)))
    from transformers import PrinterCallback

    before = {name: value.detach().clone() for name, value in _trained(model).items()}
    watch = _callback(config, progress)
    began = time.monotonic()
    with _undone(model), _quiet(), tempfile.TemporaryDirectory(prefix="signpost-preference-") as folder:
        trainer = _trainer(model, tokenizer, rows, catalog, config, callback=watch, folder=Path(folder))
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    seconds = round(time.monotonic() - began, 1)
    kept = "" if watch.good and _finite(model) else _BROKEN
    if kept:
        with torch.no_grad():
            for name, value in _trained(model).items():
                value.copy_(before[name])
    return _kept(PreferenceLog(config.method, len(rows), watch.steps, seconds, kept, tuple(watch.figures)))


_BROKEN = (
    "The preference step's loss or weights became nan or infinite: the fine-tuned adapter is kept; lower its rate."
)


def _too_few(method: str, rows: int, needed: int) -> str:
    of = {"kto": "trusted votes", "dpo": "confirmed corrections of a wrong module", "grpo": "requirements"}[method]
    return f"Nothing to prefer: {rows} {of}, at least {needed} are needed; the fine-tuned adapter is kept."


def _kept(done: PreferenceLog) -> PreferenceLog:
    if done.kept:
        log.warning(done.kept)
    return done


def _rows(
    tokenizer: Any, dataset: Dataset, catalog: Catalog, judged: Sequence[JudgedAnswer], config: PreferenceConfig
) -> list[Any]:
    if config.method == "grpo":
        return list(tasks(dataset, catalog, tokenizer, config))
    make = vote_rows if config.method == "kto" else correction_rows
    return make(usable(judged, dataset, catalog), tokenizer, repository=catalog.repository)


def _trainer(
    model: Any, tokenizer: Any, rows: Sequence[Any], catalog: Catalog, config: PreferenceConfig, **told: Any
) -> Any:
    from training.preference.trainers import correction_trainer, reward_trainer, vote_trainer

    if config.method == "grpo":
        verifier, modules = Verifier(catalog), catalog.module_ids
        return reward_trainer(model, tokenizer, rows, verifier=verifier, modules=modules, config=config, **told)
    make = vote_trainer if config.method == "kto" else correction_trainer
    return make(model, tokenizer, rows, config=config, **told)


def _callback(config: PreferenceConfig, progress: Progress) -> Any:
    """
    The one who watches a trainer: time, progress, and figures that are no numbers.

    A class made when it is needed: its base class loads half of transformers.
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.figures: list[dict[str, float]] = []
            self.steps, self.good = 0, True
            self._until = time.monotonic() + config.max_seconds

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.steps = state.global_step
            progress(state.global_step, state.max_steps, self._line())
            if time.monotonic() > self._until:
                control.should_training_stop = True

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            figures = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, int | float)}
            if "loss" not in figures:  # the summary at the end
                return
            told = {name: value for name, value in figures.items() if name.startswith(_TOLD) and math.isfinite(value)}
            self.figures.append({name: round(value, 5) for name, value in told.items()})
            if not all(math.isfinite(figures.get(name, 0.0)) for name in ("loss", "grad_norm")):
                self.good, control.should_training_stop = False, True

        def _line(self) -> str:
            loss = self.figures[-1].get("loss") if self.figures else None
            return config.method if loss is None else f"{config.method}, loss {loss:.3f}"

    return Watch()


def _trained(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def _finite(model: Any) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in _trained(model).values())


@contextmanager
def _undone(model: Any) -> Iterator[None]:
    """
    Take back what TRL does to a model: a second adapter, a patched forward, special tokens, tags.
    """
    base = model.get_base_model()
    configs = [one for one in (base.config, base.generation_config) if one is not None]
    special = [{name: getattr(one, name) for name in _SPECIAL_TOKENS if hasattr(one, name)} for one in configs]
    had = {name: vars(base)[name] for name in ("forward", "model_tags") if name in vars(base)}
    training = model.training
    try:
        yield
    finally:
        if "ref" in model.peft_config:
            model.delete_adapter("ref")
        for name in ("forward", "model_tags"):
            vars(base).pop(name, None)
        vars(base).update(had)
        for one, values in zip(configs, special, strict=True):
            for name, value in values.items():
                setattr(one, name, value)
        model.zero_grad(set_to_none=True)
        model.train(training)


@contextmanager
def _quiet() -> Iterator[None]:
    """
    No usage report to the hub, which TRL sends when a trainer is made, and no bars of `datasets` beside ours.
    """
    import datasets
    from huggingface_hub import constants

    reported, bars = constants.HF_HUB_DISABLE_TELEMETRY, datasets.are_progress_bars_disabled()
    constants.HF_HUB_DISABLE_TELEMETRY = True
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = reported
        if not bars:
            datasets.enable_progress_bars()
