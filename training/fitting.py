"""
Everything that is fitted around a language model: module rows, shortlist, fusion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph.values import Catalog
from inference.belonging import Belonging
from inference.fusion import Fusion
from inference.labelled import LabelledText
from inference.language_model import LanguageModel
from inference.packed import LowerStates
from inference.prompt import place_prompt
from inference.ranker import ALL_FEATURES, Ranker
from inference.rows import ModuleRows, measure_states, unit
from inference.shortlist import Shortlist
from inference.vectors import Vectors
from training.config import TrainingConfig
from training.corpus import Report, stage_of
from training.dataset import Dataset
from training.evaluate import Prepared, prepare
from training.rows import card_rows, fit_learned_rows

Floats = npt.NDArray[np.float32]


def fit_ranker(
    release_id: str,
    model: LanguageModel,
    catalog: Catalog,
    dataset: Dataset,
    *,
    config: TrainingConfig,
    report: Report,
    memory: dict[str, Floats],
    lower: LowerStates | None = None,
    past: Sequence[LabelledText] | None = None,
    vectors: Vectors | None = None,
) -> tuple[Ranker, Prepared, Prepared]:
    """
    Fit everything around a language model on train rows, the fusion on dev rows.

    The test rows are asked of a shortlist that knows the dev rows, too: what is deployed knows all that was before it,
    and without the months of the dev rows it would be measured on code and habits that nobody asks it about.

    Args:
        memory, lower: What this model encoded already, see `encode_cards`.
        past: Train texts the shortlist may know; by default all train rows of the dataset.
        vectors: A sentence encoder; None goes without its features.

    Returns:
        The ranker, and the prepared dev and test rows.
    """
    past = past if past is not None else shortlist_texts(dataset)
    report("shortlist", 0, 1, f"{len(past)} texts")
    shortlist = Shortlist.fit(catalog, past, vectors=vectors)
    report("shortlist", 1, 1, f"{len(past)} texts")
    rows = fit_rows(model, catalog, most_telling(past, config.max_encoded), memory=memory, lower=lower, report=report)
    ranker = Ranker(
        release=release_id, model=model, shortlist=shortlist, rows=rows, fusion=Fusion.default(ALL_FEATURES)
    )
    dev = prepare(ranker, dataset.asked("dev"), in_batches=True, progress=stage_of(report, "features of dev rows"))
    asked_last = ranker.with_shortlist(shortlist.with_more(known_by_then(dataset)))
    test = prepare(asked_last, dataset.asked("test"), progress=stage_of(report, "features of test rows"))
    fusion = Fusion.fit(ALL_FEATURES, dev.held_out(ALL_FEATURES))
    predictions = [(fusion.probabilities(f), relevant) for f, relevant in zip(dev.features, dev.relevant, strict=True)]
    return ranker.with_fusion(fusion, belonging=Belonging.fit(predictions)), dev, test


def shortlist_texts(dataset: Dataset) -> tuple[LabelledText, ...]:
    """
    Train texts behind the nearest neighbours and the classifier: real ones where there is history, else from the graph.
    """
    train = dataset.split("train")
    if dataset.held_out == "history":
        train = tuple(example for example in train if example.origin != "graph")
    return tuple(example.labelled for example in train)


def known_by_then(dataset: Dataset) -> tuple[LabelledText, ...]:
    """
    What was known when the test rows were asked, and not when the dev rows were: these, where rows are held out by
    time.
    """
    return tuple(row.labelled for row in dataset.asked("dev")) if dataset.held_out == "history" else ()


def most_telling(past: Sequence[LabelledText], limit: int) -> tuple[LabelledText, ...]:
    """
    The texts that learned rows are fitted on, in their order: what people said first, then the newest history, and of
    texts from the graph, which have no date, those that a hash of their id picks.
    """

    def worth(row: LabelledText) -> tuple[bool, str, str]:
        return row.origin not in ("history", "graph"), row.date, hashlib.sha256(row.id.encode()).hexdigest()

    chosen = {id(row) for row in sorted(past, key=worth, reverse=True)[:limit]}
    return tuple(row for row in past if id(row) in chosen)


def fit_rows(
    model: LanguageModel,
    catalog: Catalog,
    past: Sequence[LabelledText],
    *,
    memory: dict[str, Floats],
    report: Report,
    lower: LowerStates | None = None,
) -> ModuleRows:
    """
    Encode the cards and fit the learned rows on the hidden states of *past*.

    Args:
        memory, lower: What was encoded before, see `encode_cards`.
    """
    rows = card_rows(model, catalog, memory=memory, lower=lower, progress=stage_of(report, "module cards"))
    place = {module: i for i, module in enumerate(catalog.module_ids)}
    if not past:
        return rows
    prompts = [place_prompt(model.tokenizer, repository=catalog.repository, requirement=row.text) for row in past]
    states = model.hidden_in_batches(prompts, lower=lower, progress=stage_of(report, "past requirements"))
    centre, scale = measure_states(states)
    learned = fit_learned_rows(
        (unit(states) - centre) * scale,
        [tuple(place[module] for module in row.modules[:3]) for row in past],
        modules=len(place),
    )
    return ModuleRows(centre, scale, rows.cards, learned.weights, learned.bias, learned.known.astype(np.float32))
