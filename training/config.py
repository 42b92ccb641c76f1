"""
Every hyper-parameter of a training run, with its unit and the reason for its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args

Preference = Literal["none", "kto", "dpo", "grpo"]

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class PreferenceConfig:
    """
    The step after fine-tuning (`training.preference`), off by default.

    Args:
        method: "kto" learns from votes, "dpo" from corrections, "grpo" from a reward that can be checked.
        seed: Of the order of rows and of what is sampled.
        learning_rate: Peak, for the adapter; linear warm-up over a tenth and linear decay. Below fine-tuning's: the
            step should move a trained adapter, not make another one.
        beta: How strongly KTO and DPO are held to the fine-tuned adapter; TRL's and the papers' value.
        steps: Optimizer steps, at most.
        passes: How often one vote or correction is seen, at most: with few of them the step is short.
        batch_rows: Votes or corrections in one step. With fewer than these in all the step is left out: KTO estimates
            its reference point within one batch.
        max_seconds: Wall-clock limit of the step.
        grpo_prompts: Requirements in one step of GRPO.
        grpo_samples: Completions of each; they are compared with each other.
        grpo_temperature: Of sampling. 1 is what the log-probabilities mean.
        grpo_beta: Weight of the distance to the fine-tuned adapter in GRPO's loss.
        grpo_reasoning_share: Share of the requirements that ask for reasons and a module instead of a module alone.
            Each costs ten times as much: about a hundred tokens are sampled instead of ten.
        grpo_reasoning_tokens: Where sampled reasons are cut off.
    """

    method: Preference = "none"
    seed: int = 7
    learning_rate: float = 2e-4
    beta: float = 0.1
    steps: int = 60
    passes: int = 3
    batch_rows: int = 8
    max_seconds: float = 600.0
    grpo_prompts: int = 4
    grpo_samples: int = 8
    grpo_temperature: float = 1.0
    grpo_beta: float = 0.04
    grpo_reasoning_share: float = 0.0
    grpo_reasoning_tokens: int = 96


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """
    One training run.

    Args:
        seed: Of data order and adapter initialisation.
        lora_rank: Width of the adapter. 16 is the published setting.
        lora_alpha: Scale of the adapter; twice the rank, the usual choice.
        lora_dropout: 0, since unsloth's fast path needs it and one or two epochs do not overfit.
        target_modules: All linear layers by name: PEFT refuses `layers_to_transform` with "all-linear".
        frozen_share: Share of the layers, from the input, that get no adapter. They run once a row, however many epochs
            there are (`inference.packed`); half of them cost nothing measurable on the small model.
        learning_rate: Peak, for the adapter; linear warm-up over 5 % and linear decay.
        row_learning_rate: Peak, for the module rows; they start from encoded cards and have no pretrained scale.
        rank_weight: Weight of the ranking loss beside the generative loss.
        batch_rows: Rows in one step, at most; rows of one kind and similar length share a batch.
        batch_tokens: Tokens in one step, at most, unless one row has more. Eight short rows fit; of long ones with
            reasons a short run would see so few steps that it never learns their form.
        micro_rows: Rows in one forward pass, at most; a step of more is accumulated and learns the same. Lower it where
            memory is short.
        epochs: Passes over the chosen rows.
        token_budget: Tokens to train on, all epochs together; rows beyond it are left out.
        max_seconds: Wall-clock limit of the adapter training. The schedule follows whichever of tokens and time is
            further, so that a slow machine ends with an annealed, usable adapter; reaching it is recorded.
        checkpoint_steps: Steps between two checkpoints: what a killed run repeats at most, a minute or two on a CPU.
        dev_checks: How often the dev rows are looked at in a whole run, evenly over its schedule; 0: never.
        dev_rows: Dev rows of one look, at most; with kept states 300 of them cost a second and a half.
        patience: Looks without a better dev hit@1 (then ranking loss) after which a run ends with the best adapter;
            0: it looks, but never ends early. A look at 64 rows is uncertain by six points: fewer would stop on noise.
        reasoning_share: Share of chain-of-thought rows among the generative ones. 0.5 is 1:1 with direct rows, the
            published mix.
        ranking_share: Share of the token budget for rows that only rank (a prompt, no answer). They cost a quarter of
            a generative pair, and without them a small budget shows the ranking objective too few requirements.
        choice_share: Share of the token budget for choices among the shortlist's candidates. One costs as much as ten
            rows that only rank, and a release does not rank by them: none, unless somebody wants to (the benchmark).
        max_graph_examples: Texts made from the graph, at most.
        symbol_rows: About so many symbols are held out for test rows beside past requirements: the code that is asked
            then does not know them. More would make the code poorer than it is.
        phrasings: Texts made of one symbol, at most; further ones fill what the symbols of a module leave.
        max_past: Past requirements used, newest first, at most.
        max_encoded: Texts the learned rows are fitted on, at most: feedback, then the newest history.
        max_eval_rows: Held-out rows a split, at most: the newest (history), or those a hash picks (graph).
        closed_book_rows: Held-out rows on which the published way (ids by trie) is measured too: a second a row.
        golden_prompts: Prompts on which the merged model must agree with base + adapter. 200 show a difference that one
            answer in a hundred would have, in seconds.
        paraphrased: Held-out requirements that are put otherwise by five rules, to see whether the answer stays.
        repeated: Requirements that the finished release is asked again and again in new processes.
        preference: The step after fine-tuning.
    """

    seed: int = 7
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] = field(default=LINEAR_LAYERS)
    frozen_share: float = 0.5
    learning_rate: float = 5e-4
    row_learning_rate: float = 5e-3
    rank_weight: float = 1.0
    batch_rows: int = 8
    batch_tokens: int = 4_096
    micro_rows: int = 8
    epochs: int = 2
    token_budget: int = 600_000
    max_seconds: float = 3_600.0
    checkpoint_steps: int = 50
    dev_checks: int = 10
    dev_rows: int = 64
    patience: int = 4
    reasoning_share: float = 0.5
    ranking_share: float = 0.5
    choice_share: float = 0.0
    max_graph_examples: int = 3_000
    symbol_rows: int = 100
    phrasings: int = 3
    max_past: int = 8_000
    max_encoded: int = 8_000
    max_eval_rows: int = 500
    closed_book_rows: int = 150
    golden_prompts: int = 200
    paraphrased: int = 100
    repeated: int = 30
    preference: PreferenceConfig = field(default_factory=PreferenceConfig)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "target_modules": list(self.target_modules)}


def minutes_config() -> TrainingConfig:
    """
    The run of a machine without a GPU: 3,000 past requirements and as many texts from the code on two CPU cores.

    Only the upper third of the layers is trained and what the others say is kept: 3.4 times fewer CPU seconds than all
    layers trained without keeping anything, on equal rows. Half of the tokens only rank: with 85 % of them it ranked
    hardly better and had not learned to write (training/EXPERIMENTS.md).
    """
    return TrainingConfig(
        frozen_share=0.67,
        learning_rate=1e-3,
        token_budget=360_000,
        epochs=2,
        batch_tokens=400,
        max_seconds=225.0,
        dev_checks=6,  # of 300 rows: a second and a half each
        dev_rows=300,
        patience=3,
        symbol_rows=60,
        max_past=3_750,
        max_encoded=3_000,
        max_eval_rows=300,
        closed_book_rows=10,
        paraphrased=20,
        repeated=15,
    )


def demo_config() -> TrainingConfig:
    """
    A run that fits into a first visit: at most four minutes of training on two busy CPU cores.
    """
    return replace(
        minutes_config(),
        token_budget=160_000,
        epochs=1,
        max_seconds=240.0,
        dev_checks=0,  # too short a run to end early
        ranking_share=0.7,
        max_graph_examples=1_600,
        max_past=4_000,
        max_encoded=1_000,
        max_eval_rows=120,
        paraphrased=15,
        repeated=10,
    )


_ABOVE_ZERO = frozenset(
    [
        "lora_rank",
        "batch_rows",
        "batch_tokens",
        "micro_rows",
        "epochs",
        "token_budget",
        "max_seconds",
        "checkpoint_steps",
        "phrasings",
        "steps",
        "passes",
        "grpo_prompts",
        "grpo_samples",
    ]
)
AUTO = "auto"
PRESETS = {"full": TrainingConfig(), "minutes": minutes_config(), "quick": demo_config()}
"""By name; "auto" is the one of these that suits the machine: "full" with a CUDA GPU, else "minutes"."""


def config_named(name: str, *, preference: str = "none", changes: Sequence[str] = ()) -> TrainingConfig:
    """
    Find the preset called *name*; "full+kto" is "full" with a preference step, "auto" the one that suits this machine.

    Args:
        preference: The step of a name that says none.
        changes: What an admin wants otherwise, see `changed`.

    Raises:
        ValueError: there is no such preset, no such step or no such hyper-parameter.

    >>> config_named("full+kto", preference="dpo").preference.method
    'kto'
    """
    preset, _, said = name.partition("+")
    method = said or preference
    if preset not in (AUTO, *PRESETS) or method not in get_args(Preference):
        steps = ", +".join(get_args(Preference))
        raise ValueError(f"a training is one of {', '.join((AUTO, *PRESETS))}, with +{steps} or without, got {name!r}")
    config = changed(PRESETS[preset if preset != AUTO else _suitable_preset()], changes)
    return replace(config, preference=replace(config.preference, method=cast(Preference, method)))


def changed(config: TrainingConfig, changes: Sequence[str]) -> TrainingConfig:
    """
    Change hyper-parameters by name, those of the preference step behind a dot.

    Raises:
        ValueError: one is not of the form NAME=NUMBER, there is no such number, or it is below zero.

    >>> changed(TrainingConfig(), ["learning_rate=0.0003", "preference.steps=5"]).preference.steps
    5
    """
    for change in changes:
        name, _, value = (part.strip() for part in change.partition("="))
        of_step = name.startswith("preference.")
        owner: TrainingConfig | PreferenceConfig = config.preference if of_step else config
        own = name.removeprefix("preference.")
        numbers = [field.name for field in fields(owner) if type(getattr(owner, field.name)) in (int, float)]
        if own not in numbers:
            raise ValueError(f"there is no hyper-parameter {name!r}; there are {', '.join(numbers)}")
        kind = type(getattr(owner, own))
        try:
            number = kind(value)
        except ValueError as error:
            wanted = "whole number" if kind is int else "number"
            raise ValueError(f"{name} must be a {wanted}, got {value!r}: write {name}=NUMBER") from error
        if not 0 <= number < float("inf") or (number == 0 and own in _ABOVE_ZERO):
            raise ValueError(f"{name} must be {'above' if own in _ABOVE_ZERO else 'at least'} 0, got {value!r}")
        if of_step:
            config = replace(config, preference=replace(config.preference, **{own: number}))
        else:
            config = replace(config, **{own: number})
    return config


def _suitable_preset() -> str:
    """
    Name the preset for this machine; PyTorch is loaded to find out, but only when it has to be.
    """
    import torch

    return "full" if torch.cuda.is_available() else "minutes"
