"""
Supervised fine-tuning of one LoRA adapter on two objectives at once.

Generative: after the prompt, say the module's id (direct rows) or the reasoning and then the id (chain-of-thought
rows); only the answer's tokens count. Ranking: the hidden state at the prompt's end, compared with one row a module;
the rows start from encoded cards. One forward pass serves both (`training.objective`).

A run that is killed goes on from its checkpoint with the same rows in the same order (`training.checkpoint`).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graph.values import Progress
from inference.packed import Forward, LowerStates, decoder_of, open_forward
from inference.prompt import end_token_id
from inference.rows import ModuleRows
from training.batches import Encoded, TrainingRow, encode_row, order_hash, plan_batches
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainingConfig
from training.objective import RowScorer, StepLoss, accumulate_gradients, dev_score

log = logging.getLogger("signpost.training")

AHEAD = 4
"""Steps whose rows go through the frozen layers together."""


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """
    What a run did.

    Args:
        steps, tokens, seconds: Optimizer steps, tokens seen, wall-clock seconds, those before a kill included.
        losses: (step, generative loss, ranking loss), every few steps.
        stopped_by_time: True when max_seconds ended the run before all tokens were seen.
        dev: (step, hit@1, ranking loss) on dev rows, at every check.
        stopped_early: True when dev hit@1 did not rise any more; the adapter is then that of the best check.
        resumed_at: The step from which a checkpoint was continued; 0 for a run in one piece.
    """

    steps: int
    tokens: int
    seconds: float
    losses: tuple[tuple[int, float, float], ...]
    stopped_by_time: bool
    dev: tuple[tuple[int, float, float], ...] = ()
    stopped_early: bool = False
    resumed_at: int = 0


@dataclass(frozen=True, slots=True)
class StepFigures:
    """
    What is known after one step, for those who watch.

    Args:
        step: From 1.
        loss: Of this step.
        learning_rate: Of the adapter.
        tokens: Seen so far.
        tokens_per_second: Since this process began to train.
        dev_hit: Newest dev hit@1; None before the first check.
    """

    step: int
    loss: StepLoss
    learning_rate: float
    tokens: int
    tokens_per_second: float
    dev_hit: float | None


Observer = Callable[[StepFigures], None]


class TrainingError(Exception):
    """
    Training cannot start or cannot go on; the message says why and what to do.
    """


def train_adapter(
    model: Any,
    tokenizer: Any,
    rows: Sequence[TrainingRow],
    *,
    start: ModuleRows,
    config: TrainingConfig,
    dev: Sequence[TrainingRow] = (),
    forward: Forward | None = None,
    checkpoint: Path | None = None,
    progress: Progress = lambda done, total, label: None,
    observe: Observer = lambda figures: None,
) -> TrainingLog:
    """
    Train the adapter inside *model* in place.

    Args:
        model: From `open_backend`, in training mode.
        rows: Direct and chain-of-thought rows.
        start: Card rows, centre and scale of the untrained model: where the ranking objective begins.
        dev: Held-out rows for early stopping, with their true modules; none: it never stops early.
        forward: How *model* is run; by default the fastest way, with what its frozen layers say kept.
        checkpoint: Folder from which a killed run goes on, see `checkpoint_folder`; None keeps nothing.
        progress: Called with (done, total, loss line), in tokens; time counts when it is further, as for the schedule.
            What it raises ends the run at a clean point, after a checkpoint.
        observe: Called with the figures of every step.

    Raises:
        TrainingError: no rows, or the loss or its gradients are no numbers any more. The model then holds the weights
            from before that step, and so does the checkpoint.
    """
    if not rows:
        raise TrainingError("There is not one training row: index a repository with documentation or history first.")
    batches = plan_batches([encode_row(tokenizer, row) for row in rows], config)
    held_out = [encode_row(tokenizer, row) for row in dev if row.relevant]
    if forward is None:
        forward = open_forward(model, pad=end_token_id(tokenizer), lower=LowerStates(frozen_layers(model)))
    forward.lower.learn_starts(row.ids[: row.prompt_length] for batch in (*batches, held_out) for row in batch)
    run = _Run(model, forward, start, config)
    order = order_hash(batches)
    if checkpoint is not None:
        run.resume(load_checkpoint(checkpoint, order=order))

    def keep() -> None:
        if checkpoint is not None and run.step:
            save_checkpoint(checkpoint, run.state(), order=order)

    total = sum(len(row.ids) for batch in batches for row in batch)
    looks = config.dev_checks if held_out else 0
    looked = int(run.share(total) * looks)
    while run.step < len(batches) and not run.stopped_early:
        share = run.share(total)
        if share >= 1.0:
            keep()
            return run.log(stopped_by_time=True)
        if run.step % AHEAD == 0:
            forward.fill(row.ids for batch in batches[run.step : run.step + AHEAD] for row in batch)
        loss = _good_step(run, batches[run.step], share, keep)
        due = int(run.share(total) * looks)  # not so many steps: time may end the run long before its last batch
        if due > looked:
            run.check(held_out)
            looked = due
        if run.step % config.checkpoint_steps == 0 or run.step == len(batches) or run.stopped_early:
            keep()
        observe(run.figures(loss))
        share = run.share(total)
        try:
            progress(min(total, round(share * total)), total, run.line(loss))
        except BaseException:  # whoever watches wants it to stop: here nothing is half done
            keep()
            raise
    return run.log(stopped_by_time=False)


def frozen_layers(model: Any) -> int:
    """
    How many layers, from the input, have nothing to be trained.
    """
    layers = decoder_of(model).layers
    trained = (i for i, layer in enumerate(layers) if any(value.requires_grad for value in layer.parameters()))
    return next(trained, len(layers))


def schedule(share: float) -> float:
    """
    Factor of the peak learning rate when *share* of the run is over: 5 % warm-up, then linear to zero.

    >>> schedule(0.0), schedule(0.05), schedule(1.0)
    (0.02, 1.0, 0.0)
    """
    return max(0.02, share / 0.05) if share < 0.05 else (1.0 - share) / 0.95


def _good_step(run: _Run, batch: Sequence[Encoded], share: float, keep: Callable[[], None]) -> StepLoss:
    loss = run.learn(batch, schedule(share))
    if loss is not None:
        return loss
    keep()
    kept = f"the weights after step {run.step} are kept" if run.step else "no step was taken"
    raise TrainingError(
        f"The loss or its gradient became nan or infinite at step {run.step + 1}: {kept}, nothing was promoted; lower "
        "the learning rate (SIGNPOST_TRAINING)."
    )


class _Run:
    """
    The moving parts of one run, and how they get into a checkpoint and out of it.
    """

    def __init__(self, model: Any, forward: Forward, start: ModuleRows, config: TrainingConfig) -> None:
        self._model = model
        self._forward = forward
        self._head = model.get_base_model().lm_head
        self._config = config
        self._scorer = RowScorer(start).to(next(model.parameters()).device)
        self._adapter = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self._learned = {
            **{f"adapter/{name}": value for name, value in self._adapter.items()},
            **{f"scorer/{name}": value for name, value in self._scorer.named_parameters()},
        }
        self._optimizer = torch.optim.AdamW(
            [
                {"params": list(self._adapter.values()), "peak": config.learning_rate},
                {"params": list(self._scorer.parameters()), "peak": config.row_learning_rate},
            ],
            lr=config.learning_rate,
            weight_decay=0.0,
        )
        self._began = time.monotonic()
        self._before = (0.0, 0)  # seconds and tokens of earlier processes
        self._losses: list[tuple[int, float, float]] = []
        self._dev: list[tuple[int, float, float]] = []
        self._best: dict[str, torch.Tensor] = {}
        self._resumed_at = 0
        self.step = 0
        self.tokens = 0

    @property
    def seconds(self) -> float:
        return self._before[0] + time.monotonic() - self._began

    def share(self, total: int) -> float:
        """
        How much of the run is over, in tokens of *total* or in time, whichever is further.
        """
        return max(self.tokens / total, self.seconds / self._config.max_seconds)

    def learn(self, batch: Sequence[Encoded], factor: float) -> StepLoss | None:
        """
        Take one step; None when it would leave weights that are no numbers, which stay as they were.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        loss = accumulate_gradients(
            self._forward,
            self._head,
            self._scorer,
            batch,
            rank_weight=self._config.rank_weight,
            micro_rows=self._config.micro_rows,
        )
        norm = nn.utils.clip_grad_norm_(self._adapter.values(), 1.0)
        rows_norm = nn.utils.get_total_norm([p.grad for p in self._scorer.parameters() if p.grad is not None])
        good = loss.finite and math.isfinite(float(norm)) and math.isfinite(float(rows_norm))
        if good:
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if not good:
            return None
        if self.step % 5 == 0:
            self._losses.append((self.step, round(loss.generative, 4), round(loss.ranking, 4)))
        self.step += 1
        self.tokens += sum(len(row.ids) for row in batch)
        return loss

    def check(self, held_out: Sequence[Encoded]) -> None:
        """
        Look at the dev rows, remember the best weights, and go back to them when patience is over.
        """
        self._model.eval()
        hit, loss = dev_score(self._forward, self._scorer, held_out, batch_rows=64)
        self._model.train()
        self._dev.append((self.step, round(hit, 4), round(loss, 4)))
        if self._best_check() == len(self._dev) - 1:
            self._best = {name: value.detach().cpu().clone() for name, value in self._learned.items()}
        elif self.stopped_early:
            log.info("dev hit@1 did not rise in %d checks: the adapter of the best one is taken", self._config.patience)
            self._set(self._best)

    @property
    def stopped_early(self) -> bool:
        """
        Whether as many checks as patience allows went by since the best one.
        """
        patience = self._config.patience
        return bool(patience and self._dev) and len(self._dev) - 1 - self._best_check() >= patience

    def _best_check(self) -> int:
        return max(range(len(self._dev)), key=lambda i: (self._dev[i][1], -self._dev[i][2], -i))

    def state(self) -> Checkpoint:
        tensors = {**self._learned, "rng/cpu": torch.get_rng_state()}
        for name, value in self._learned.items():
            for key, moment in self._optimizer.state.get(value, {}).items():
                tensors[f"optimizer/{key}/{name}"] = moment
        tensors |= {f"best/{name}": value for name, value in self._best.items()}
        if torch.cuda.is_available():
            tensors["rng/cuda"] = torch.cuda.get_rng_state()
        about = {
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "losses": self._losses,
            "dev": self._dev,
        }
        return Checkpoint(tensors, about)

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """
        Take everything over from a checkpoint; None begins at the beginning.
        """
        if checkpoint is None:
            return
        tensors, about = checkpoint.tensors, checkpoint.about
        if any(name not in tensors or tensors[name].shape != value.shape for name, value in self._learned.items()):
            log.warning("the checkpoint is of another adapter or catalog: starting afresh")
            return
        self._set(tensors)
        for name, value in self._learned.items():
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"optimizer/{key}/{name}" in tensors]
            for key in keys:
                moment = tensors[f"optimizer/{key}/{name}"]
                self._optimizer.state[value][key] = moment if key == "step" else moment.to(value.device)
        self._best = {name: tensors[f"best/{name}"] for name in self._learned if f"best/{name}" in tensors}
        torch.set_rng_state(tensors["rng/cpu"])
        if "rng/cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["rng/cuda"])
        self.step = self._resumed_at = about["step"]
        self.tokens = about["tokens"]
        self._before = (about["seconds"], about["tokens"])
        self._losses = [tuple(row) for row in about["losses"]]
        self._dev = [tuple(row) for row in about["dev"]]
        log.info("the adapter training goes on from step %d", self.step)

    def _set(self, weights: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, value in self._learned.items():
                value.copy_(weights[name])

    def figures(self, loss: StepLoss) -> StepFigures:
        rate = self._optimizer.param_groups[0]["lr"]
        dev_hit = self._dev[-1][1] if self._dev else None
        return StepFigures(self.step, loss, rate, self.tokens, self._speed(), dev_hit)

    def line(self, loss: StepLoss) -> str:
        dev = f", dev hit@1 {self._dev[-1][1]:.2f}" if self._dev else ""
        return f"loss {loss.generative:.2f}, ranking {loss.ranking:.2f}{dev}, {self._speed():.0f} tokens/s"

    def _speed(self) -> float:
        return (self.tokens - self._before[1]) / max(time.monotonic() - self._began, 1e-6)

    def log(self, *, stopped_by_time: bool) -> TrainingLog:
        return TrainingLog(
            steps=self.step,
            tokens=self.tokens,
            seconds=self.seconds,
            losses=tuple(self._losses),
            stopped_by_time=stopped_by_time,
            dev=tuple(self._dev),
            stopped_early=self.stopped_early,
            resumed_at=self._resumed_at,
        )
