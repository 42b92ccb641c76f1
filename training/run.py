"""
One training run: a repository in, a verified release out, or nothing at all.

    signpost train REPO                    # with a GPU the whole history, else ten minutes on two CPU cores
    make demo                              # the small variant

The steps: index, read history, make the dataset, train the adapter, merge, verify, encode the module rows, fit the
fusion on dev, measure on test, then build the deployed index at the newest commit. The release folder is built
beside its place and renamed into it, so that a killed run leaves none; its adapter training goes on from a checkpoint.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.values import Catalog, write_atomically
from inference.embedding import TextEncoder, VectorCache
from inference.labelled import LabelledText, load_labelled
from inference.language_model import LanguageModel
from inference.packed import LowerStates, open_forward
from inference.prompt import place_prompt, prompt_hash
from inference.release import ReleaseError, ReleaseInfo, read_release, write_release_info
from inference.shortlist import Shortlist
from inference.vectors import KeptVectors
from training.backends import choose_backend, open_backend
from training.building import building
from training.checkpoint import checkpoint_folder, remove_checkpoint, remove_stale_checkpoints
from training.choosing import nearest_candidates
from training.comparison import HITS
from training.config import TrainingConfig
from training.corpus import Report, read_corpus, stage_of
from training.dataset import Dataset, build_dataset
from training.deployed import measure_deployed
from training.evaluate import scorecard
from training.events import event_file
from training.fitting import fit_ranker, shortlist_texts
from training.golden import golden_rows
from training.merge import MergeReport, save_merged, verify_merged
from training.mix import dev_rows, training_rows
from training.preference.check import check_preference, check_prompts
from training.preference.step import PreferenceLog, prefer
from training.preference.votes import load_judged
from training.release_parts import (
    deployed_rows,
    everything_known,
    log_json,
    requirements_to_ask,
    versions_here,
    weights_hash,
    write_parts,
)
from training.rows import card_rows
from training.scorecard_page import write_scorecard
from training.sft import TrainingLog, frozen_layers, train_adapter
from training.stability import paraphrase_agreement
from training.verdict import Verdict, compare, steady
from training.writer import Writer

log = logging.getLogger("signpost.training")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainedRelease:
    """
    Args:
        id: The release's id and folder name.
        folder: Where it lies, complete and verified.
        scorecard: Measured on held-out rows, as deployed.
        verdict: Whether it may replace the release that serves.
    """

    id: str
    folder: Path
    dataset_hash: str
    graph_commit: str
    scorecard: dict[str, Any]
    verdict: Verdict


def train_release(
    *,
    location: Path | str,
    name: str,
    home: Path,
    base_model: Path,
    config: TrainingConfig,
    corrections: Path | None = None,
    previous: Path | None = None,
    encoder: Path | None = None,
    events: Path | None = None,
    judged: Path | None = None,
    writer: Writer | None = None,
    commit: str | None = None,
    report: Report = lambda stage, done, total, detail: None,
    now: datetime | None = None,
) -> TrainedRelease:
    """
    Train, verify and measure one release.

    Args:
        location: A git repository or a plain folder.
        name: The repository's name in prompts and release ids.
        home: Where caches, datasets and releases are kept.
        base_model: Folder of the base model.
        config: Hyper-parameters and limits.
        corrections: JSONL of confirmed feedback (`inference.labelled`), or None.
        previous: Folder of the release that serves, to be compared on the same held-out rows.
        encoder: Folder of the sentence encoder; None goes without one.
        events: Folder for TensorBoard event files; None writes none.
        judged: JSONL of trusted votes (`training.preference.votes`) for the preference step, or None.
        writer: A language model that says texts from the graph again; None leaves it at the rules.
        commit: The newest commit to read; None takes what is there.
        report: Receives progress.
        now: The clock; the release is named after it.

    Raises:
        graph.values.RepositoryError, training.sft.TrainingError, training.merge.MergeError,
            training.preference.check.PreferenceError, training.building.DiskFullError: with nothing left behind.
    """
    now = now or datetime.now(UTC)
    check_preference(config.preference)
    corpus = read_corpus(location, name=name, home=home, config=config, commit=commit, report=report)
    feedback = load_labelled(corrections) if corrections is not None else ()
    dataset = build_dataset(
        corpus.past_catalog,
        corpus.past_history,
        feedback,
        config,
        held_out=corpus.held_out,
        writer=writer,
        progress=stage_of(report, "dataset"),
    )
    dataset.save(home / "datasets")
    catalog = corpus.past_catalog.without_symbols(dataset.held_out_symbols())
    release_id = f"{name}-{now:%Y%m%d-%H%M%S}"
    base_hash = weights_hash(base_model)
    kept = checkpoint_folder(home, dataset_hash=dataset.hash, config=config, base_hash=base_hash)
    remove_stale_checkpoints(home, keep=kept)
    with building(home / "releases", release_id) as folder, _vector_cache(home, encoder) as cache:
        lower = LowerStates()
        trained, preferred, merge = _train_and_merge(
            dataset,
            catalog,
            base_model,
            folder,
            config,
            report,
            lower=lower,
            checkpoint=kept,
            events=events,
            judged=judged,
        )
        model = LanguageModel.load(folder / "model")
        memory: dict[str, Floats] = {}
        ranker, dev, test = fit_ranker(
            release_id,
            model,
            catalog,
            dataset,
            config=config,
            report=report,
            memory=memory,
            lower=lower,
            vectors=cache,
        )
        card = scorecard(
            ranker,
            dev,
            test,
            train=dataset.split("train"),
            closed_book_rows=config.closed_book_rows,
            symbols=dataset.asked_of_symbols(),
            progress=stage_of(report, "evaluate"),
        )
        card |= {"held_out": dataset.held_out, "merge": merge.to_json(), "dataset": dataset.counts()}
        card["paraphrases"] = paraphrase_agreement(
            ranker,
            [example.requirement for example in (*test.examples, *dev.examples)],
            count=config.paraphrased,
            progress=stage_of(report, "paraphrases"),
        )
        hits = {"hit@1": card.pop("system_hits"), "hit@3": card.pop("system_hits3")}
        verdict = _judge(
            hits, previous, dataset, catalog, feedback=feedback, config=config, report=report, vectors=cache
        )
        deployed = deployed_rows(ranker, corpus.catalog, memory=memory, lower=lower, report=report)
        past = everything_known(dataset, corpus, feedback)
        vectors = KeptVectors(cache) if cache is not None else None
        shortlist = Shortlist.fit(corpus.catalog, past, vectors=vectors)
        if vectors is not None:
            vectors.save(folder / "vectors.safetensors")
        write_atomically(folder / HITS, json.dumps(hits).encode())
        write_parts(folder, corpus.catalog, past, shortlist, deployed, ranker)
        info = ReleaseInfo(
            id=release_id,
            repository=name,
            location=str(location),
            graph_commit=corpus.catalog.commit,
            evaluated_commit=corpus.past_catalog.commit,
            catalog_fingerprint=corpus.catalog.fingerprint,
            dataset_hash=dataset.hash,
            base_model={"name": base_model.name, "weights": base_hash},
            prompt_hash=prompt_hash(model.tokenizer),
            created_at=now.isoformat(timespec="seconds"),
            versions=versions_here(),
            training={**config.to_json(), "backend": choose_backend(), **log_json(trained, preferred)},
            encoder={"name": encoder.name, "weights": weights_hash(encoder)} if encoder is not None else {},
        )
        write_release_info(folder, info)  # complete but for the scorecard, which tells how it does as deployed
        del model, ranker, shortlist, dev, test  # the processes that load it need the room
        card |= measure_deployed(
            folder,
            requirements_to_ask(dataset, config.repeated),
            models=encoder.parent if encoder is not None else home / "models",
            progress=stage_of(report, "as deployed"),
        )
        verdict = steady(verdict, card["stability"])
        card["verdict"] = {"promote": verdict.promote, "reason": verdict.reason}
        write_scorecard(folder, info, card)
        write_release_info(folder, info)
    remove_checkpoint(kept)
    return TrainedRelease(
        release_id, home / "releases" / release_id, dataset.hash, corpus.catalog.commit, card, verdict
    )


def _train_and_merge(
    dataset: Dataset,
    catalog: Catalog,
    base_model: Path,
    folder: Path,
    config: TrainingConfig,
    report: Report,
    *,
    lower: LowerStates,
    checkpoint: Path,
    events: Path | None,
    judged: Path | None,
) -> tuple[TrainingLog, PreferenceLog | None, MergeReport]:
    """
    Train, save and verify; *lower* then holds what the frozen layers, which the merged model shares, said.
    """
    model, tokenizer = open_backend(choose_backend(), base_model, config)
    check_prompts(config.preference, tokenizer, place_prompt(tokenizer, repository=catalog.repository, requirement=""))
    lower.layers = frozen_layers(model)
    candidates = nearest_candidates(Shortlist.fit(catalog, ())) if config.choice_share else None
    rows = training_rows(tokenizer, dataset, catalog, config, candidates=candidates)
    untrained = LanguageModel(model.eval(), tokenizer)
    start = card_rows(untrained, catalog, memory={}, lower=lower, progress=stage_of(report, "module cards, untrained"))
    model.train()
    with event_file(events) as observe:
        trained = train_adapter(
            model,
            tokenizer,
            rows,
            start=start,
            config=config,
            dev=dev_rows(tokenizer, dataset, catalog, config),
            forward=open_forward(model, pad=untrained.end_token_id, lower=lower),
            checkpoint=checkpoint,
            progress=stage_of(report, "fine-tune"),
            observe=observe,
        )
    preferred = prefer(
        model,
        tokenizer,
        dataset=dataset,
        catalog=catalog,
        judged=load_judged(judged) if judged is not None else (),
        config=config.preference,
        progress=stage_of(report, "preference"),
    )
    golden = golden_rows(
        tokenizer, (*dataset.split("dev"), *dataset.split("train")), catalog, count=config.golden_prompts
    )
    report("merge", 0, 1, "16-bit weights")
    target, adapter = folder / "model", folder / "adapter"
    reference = save_merged(model, tokenizer, base=base_model, target=target, adapter=adapter, golden=golden)
    del model, untrained  # the process that verifies needs the room
    report("merge", 1, 1, "16-bit weights")
    merge = verify_merged(target, reference, golden, base=base_model, progress=stage_of(report, "verify"))
    return trained, preferred, merge


@contextmanager
def _vector_cache(home: Path, encoder: Path | None) -> Iterator[VectorCache | None]:
    if encoder is None:
        yield None
        return
    cache = VectorCache(home / "cache" / "vectors.sqlite", TextEncoder.load(encoder))
    try:
        yield cache
    finally:
        cache.close()


def _judge(
    candidate: dict[str, dict[str, float]],
    previous: Path | None,
    dataset: Dataset,
    catalog: Catalog,
    *,
    feedback: Sequence[LabelledText],
    config: TrainingConfig,
    report: Report,
    vectors: VectorCache | None,
) -> Verdict:
    """
    Compare with the release that serves: its language model and the feedback it knew, on this run's held-out rows.
    """
    if previous is None:
        return compare(candidate, None)
    try:
        info = read_release(previous)
    except ReleaseError as error:
        log.warning("the release that serves cannot be compared: %s", error)
        return Verdict(True, f"the release that serves is damaged ({error})")
    newer = {row.id for row in feedback if row.date > info.created_at}
    past = [row for row in shortlist_texts(dataset) if row.id not in newer]
    model = LanguageModel.load(previous / "model")
    ranker, dev, test = fit_ranker(
        info.id, model, catalog, dataset, config=config, report=report, memory={}, past=past, vectors=vectors
    )
    old = scorecard(ranker, dev, test, train=dataset.split("train"), closed_book_rows=0)
    return compare(candidate, {"hit@1": old["system_hits"], "hit@3": old["system_hits3"]})
