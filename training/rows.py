"""
Module rows: what the tuned model compares a requirement with.

Two columns, kept apart because they fail differently. *Card rows* are encoded from each module's cards by the same
model: they work from the first minute and for new modules. *Learned rows* are a softmax regression on the hidden
states of past requirements, over modules that have some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from graph.values import Catalog, FileCard, ModuleCard, Progress
from inference.language_model import LanguageModel
from inference.packed import LowerStates
from inference.prompt import place_prompt, shorten
from inference.rows import ModuleRows, measure_states, unit

Floats = npt.NDArray[np.float32]
VIEW_TOKENS = 48
VIEWS = 3  # texts a module is encoded from: its card and its two richest files
PULL = 0.12
"""Within a point of the best on dev rows for 150, 500, 1,200 and 2,394 past requirements; training/EXPERIMENTS.md."""


@dataclass(frozen=True, slots=True)
class LearnedRows:
    """
    Args:
        weights: One row a module; zero rows for modules without past requirements.  # (modules, hidden size)
        bias: # (modules,)
        known: Which modules have past requirements.  # (modules,)
    """

    weights: Floats
    bias: Floats
    known: npt.NDArray[np.bool_]


def views_of(card: ModuleCard, catalog: Catalog, *, limit: int) -> list[str]:
    """
    Short texts that present one module: its card, then its files with most definitions.
    """
    files = sorted((catalog.file(path) for path in card.files), key=lambda file: (-len(file.symbols), file.path))
    return [card.text(), *(_file_view(file) for file in files[: limit - 1])]


def _file_view(card: FileCard) -> str:
    named = ", ".join(symbol.name for symbol in card.symbols[:8])
    return f"{card.path.rsplit('/', 1)[-1]}: {card.doc[:120] or named}. {named if card.doc else ''}".strip()


def encode_cards(
    model: LanguageModel,
    catalog: Catalog,
    *,
    views: int,
    memory: dict[str, Floats],
    lower: LowerStates | None = None,
    progress: Progress = lambda done, total, label: None,
) -> Floats:
    """
    Encode every module from its views, each posed as if it were a requirement.  # (modules, hidden size)

    Rows are averages of unit length views; nothing is centred yet.

    Args:
        views: Texts a module, at most.
        memory: Views encoded before by this model; new ones are added. Two catalogs of one repository share most.
        lower: What this model's lower layers said before, whatever became of the upper ones; see `inference.packed`.
    """
    owners: list[int] = []
    prompts: list[str] = []
    for position, card in enumerate(catalog.modules):
        for view in views_of(card, catalog, limit=views):
            text = shorten(model.tokenizer, view, limit=VIEW_TOKENS)
            prompts.append(place_prompt(model.tokenizer, repository=catalog.repository, requirement=text))
            owners.append(position)
    new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in memory]
    memory.update(zip(new, unit(model.hidden_in_batches(new, lower=lower, progress=progress)), strict=True))
    states = np.stack([memory[prompt] for prompt in prompts])
    rows = np.zeros((len(catalog.modules), states.shape[1]), dtype=np.float32)
    np.add.at(rows, owners, states)
    counts = np.bincount(owners, minlength=len(rows)).astype(np.float32)
    means: Floats = np.divide(rows, counts[:, None])
    return means


def card_rows(
    model: LanguageModel,
    catalog: Catalog,
    *,
    memory: dict[str, Floats],
    lower: LowerStates | None = None,
    progress: Progress = lambda done, total, label: None,
) -> ModuleRows:
    """
    Module rows from cards alone: what a model can say about a catalog before any past requirement is known.
    """
    encoded = encode_cards(model, catalog, views=VIEWS, memory=memory, lower=lower, progress=progress)
    centre, scale = measure_states(encoded)
    nothing = np.zeros_like(encoded)
    return ModuleRows(centre, scale, unit(encoded - encoded.mean(axis=0)), nothing, nothing[:, 0], nothing[:, 0])


def fit_learned_rows(
    states: Floats,
    labels: Sequence[tuple[int, ...]],
    *,
    modules: int,
    pull: float = PULL,
    steps: int = 200,
) -> LearnedRows:
    """
    Fit the learned rows by full-batch softmax regression on fixed hidden states.

    Args:
        states: Hidden states of past requirements, centred and scaled.  # (requirements, hidden size)
        labels: Positions of the true modules of each.
        modules: How many modules the catalog has.
        pull: Weight of the squared rows beside the summed loss of all requirements, so that it stays right for a
            hundred of them and for thousands.
        steps: L-BFGS iterations, at most.
    """
    known = np.zeros(modules, dtype=np.bool_)
    known[[position for row in labels for position in row]] = True
    columns = np.flatnonzero(known)
    place = {int(column): i for i, column in enumerate(columns)}
    truth = torch.zeros(len(states), len(columns))
    for i, row in enumerate(labels):
        for position in row:
            truth[i, place[position]] = 1.0 / len(row)
    inputs = torch.from_numpy(states.astype(np.float32))
    weights = nn.Parameter(torch.zeros(len(columns), states.shape[1]))
    bias = nn.Parameter(torch.zeros(len(columns)))
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        log_probabilities = torch.log_softmax(inputs @ weights.T + bias, dim=-1)
        loss = (pull * (weights**2).sum() - (truth * log_probabilities).sum()) / len(states)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    full = np.zeros((modules, states.shape[1]), dtype=np.float32)
    full[columns] = weights.detach().numpy()
    full_bias = np.zeros(modules, dtype=np.float32)
    full_bias[columns] = bias.detach().numpy()
    return LearnedRows(full, full_bias, known)
