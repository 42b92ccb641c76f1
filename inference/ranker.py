"""
One release in memory: it ranks requirements and writes down why.
"""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from graph.values import Catalog
from inference.belonging import Belonging
from inference.embedding import TextEncoder
from inference.evidence import EvidenceIndex
from inference.explanation import ExplainedModule, contributions
from inference.fusion import Fusion
from inference.labelled import LabelledText, known_only, load_labelled
from inference.language_model import LanguageModel
from inference.off_topic import load_off_topic, signs, variant
from inference.prompt import MODULE_LINE, explain_prompt, place_prompt, prompt_hash
from inference.reasoning import (
    conclusion,
    in_language_of,
    off_topic_notice,
    template_reasoning,
    unsupported,
    without_certainty,
    worth_telling,
)
from inference.release import ReleaseError, ReleaseInfo, encoder_folder, read_release
from inference.rows import ModuleRows
from inference.short_names import restore_names, short_lines, short_names
from inference.shortlist import FEATURES, Shortlist, load_shortlist
from inference.text import clean_requirement, language_of
from inference.trie import PackedTrie, pack_trie
from inference.values import RankedModule, Ranking, Reasoning
from inference.vectors import KeptVectors
from inference.verifier import Verifier

Floats = npt.NDArray[np.float32]
ALL_FEATURES = (*FEATURES, "model_rows", "model_cards")


class RequirementError(ValueError):
    """
    What was asked cannot be ranked, in one sentence for the person who asked.
    """


class Ranker:
    """
    The one ranker: training evaluates with it, the worker serves with it.

    Args:
        release: Id that answers cite.
        model: The merged language model.
        shortlist: Of the same catalog as *rows*.
        rows: Module rows in the catalog's order.
        fusion: Weights over `ALL_FEATURES`, and calibration.
        belonging: How many modules belong to a requirement.
        encoder: Name of the sentence encoder behind *shortlist*; None without one.
    """

    def __init__(
        self,
        *,
        release: str,
        model: LanguageModel,
        shortlist: Shortlist,
        rows: ModuleRows,
        fusion: Fusion,
        belonging: Belonging | None = None,
        encoder: str | None = None,
    ) -> None:
        self.release = release
        self.model = model
        self.shortlist = shortlist
        self.catalog: Catalog = shortlist.catalog
        self.rows = rows
        self.fusion = fusion
        self.belonging = belonging or Belonging()
        self._off_topic = load_off_topic(variant(history=bool(shortlist.past), encoder=encoder))
        self._evidence = EvidenceIndex(self.catalog)
        self._verifier = Verifier(self.catalog)
        if len(rows.cards) != len(self.catalog.modules):
            raise ReleaseError(
                f"Release {release} has rows for {len(rows.cards)} modules and a catalog of "
                f"{len(self.catalog.modules)}: its parts do not belong together, roll back or train again."
            )

    @classmethod
    def load(cls, folder: Path, *, models: Path | None = None, verify: bool = True) -> Self:
        """
        Load a release from its folder.

        Args:
            models: Where fetched models are; by default beside the folder of all releases.
            verify: Compare every file with its hash.

        Raises:
            MissingEncoderError: the sentence encoder it was made with is not on this machine.
            ReleaseError: it is damaged, or its parts do not belong together.
        """
        info = read_release(folder, verify=verify)
        encoder = encoder_folder(info, models or folder.parent.parent / "models", verify=verify)
        catalog, past = load_release_parts(folder, info)
        model = load_release_model(folder, info)
        return cls(
            release=info.id,
            model=model,
            shortlist=load_shortlist(folder, catalog, past, vectors=_kept_vectors(folder, encoder)),
            rows=ModuleRows.load(folder / "rows.safetensors"),
            fusion=Fusion.from_json(json.loads((folder / "fusion.json").read_text(encoding="utf-8"))).aligned(
                ALL_FEATURES
            ),
            belonging=_belonging(folder / "belonging.json"),
            encoder=info.encoder.get("name"),
        )

    def features(self, requirement: str, *, state: Floats | None = None) -> Floats:
        """
        Return every feature of every module.  # (modules, len(ALL_FEATURES))

        Args:
            state: The model's hidden state of this requirement's prompt, where it is known already.
        """
        if state is None:
            state = self.model.hidden([self.prompt(requirement)])[0]
        return np.hstack([self.shortlist.features(requirement), self.rows.features(state)])

    def prompt(self, requirement: str) -> str:
        """
        Render what the model is asked.
        """
        return place_prompt(self.model.tokenizer, repository=self.catalog.repository, requirement=requirement)

    def probabilities(self, requirement: str) -> Floats:
        """
        Return the calibrated probability of every module.  # (modules,)
        """
        return self.fusion.probabilities(self.features(requirement))

    def rank(self, requirement: str, *, k: int = 10) -> Ranking:
        """
        Rank the catalog's modules for *requirement*; the same requirement always gets the same ranking.

        Args:
            requirement: As the person wrote it.
            k: How many modules at most, from 1.

        Raises:
            RequirementError: nothing readable was asked.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        requirement = readable(requirement)
        probabilities = self.probabilities(requirement)
        order = best_first(probabilities)[:k]
        off_topic = self.is_off_topic(requirement)
        belong = 0 if off_topic else self.belonging.count(probabilities)
        ids = self.catalog.module_ids
        chosen = [ids[i] for i in order]
        nearest = self.shortlist.nearest(requirement)
        modules = []
        for rank, (position, module) in enumerate(zip(order, chosen, strict=True)):
            found = self._evidence.gather(requirement, module, nearest=nearest, symbols=1, past=1)
            evidence = in_language_of(requirement, found)
            modules.append(
                RankedModule(
                    id=module,
                    path=self.catalog.card(module).path,
                    confidence=round(float(probabilities[position]), 4),
                    files=self.shortlist.best_files(requirement, module),
                    why=evidence[0].text if evidence else self.catalog.card(module).purpose[:120],
                    belongs=rank < belong,
                )
            )
        sure = modules[0].confidence >= self.fusion.threshold and not off_topic
        return Ranking(tuple(modules), sure, self.release, self.catalog.commit, off_topic)

    def is_off_topic(self, requirement: str) -> bool:
        """
        Say whether a text does not look like a change to this code base at all.
        """
        return not self._off_topic.is_requirement(signs(readable(requirement), self.shortlist))

    def explain(
        self, requirement: str, ranking: Ranking, *, generate: bool = True, seconds: float | None = None
    ) -> Reasoning:
        """
        Write why the ranking's first module was put first, in the language of the requirement.

        Args:
            generate: False speaks from the evidence by template, without the language model.
            seconds: Deadline of the generation; what is not said by then is left to the template.
        """
        requirement = readable(requirement)
        if self.is_off_topic(requirement):
            return Reasoning(off_topic_notice(requirement, self.catalog.repository), (), False)
        first = ranking.modules[0].id
        evidence = self._evidence.gather(
            requirement,
            first,
            others=[module.id for module in ranking.modules[1:4]],
            nearest=self.shortlist.nearest(requirement),
        )
        if not evidence and not ranking.sure:
            return Reasoning(unsupported(requirement, first), (), False)
        # The model was tuned to reason in English; a Chinese question is answered from the evidence, in Chinese.
        if generate and evidence and language_of(requirement) == "en":
            told = worth_telling(evidence)
            names = short_names(told)
            prompt = explain_prompt(
                self.model.tokenizer,
                repository=self.catalog.repository,
                requirement=requirement,
                module=first,
                evidence=short_lines(told, names),
            )
            kept = self._verifier.keep_true(
                restore_names(self.model.generate(prompt, stop=f"\n{MODULE_LINE}", max_seconds=seconds), names),
                requirement=requirement,
                module=first,
                evidence=evidence,
            )
            if len(kept) == 1:
                kept = (*kept, conclusion(first))
            if kept:
                text = " ".join(kept)
                return Reasoning(text if ranking.sure else without_certainty(text, first), evidence, True)
        text = template_reasoning(requirement, first, evidence)
        told = in_language_of(requirement, evidence)
        return Reasoning(text if ranking.sure else without_certainty(text, first), told, False)

    def take_apart(self, requirement: str, *, k: int = 3) -> tuple[ExplainedModule, ...]:
        """
        Say for the first *k* modules what every feature and the language model contributed.

        Raises:
            RequirementError: nothing readable was asked.
        """
        requirement = readable(requirement)
        features = self.features(requirement)
        learned = self.shortlist.learned_parts(requirement)
        probabilities = self.fusion.probabilities(features)
        explained = []
        for rank, position in enumerate(best_first(probabilities)[:k], start=1):
            parts = contributions(
                features[position], self.fusion.features, self.fusion.weights, learned=learned[position]
            )
            explained.append(
                ExplainedModule(
                    id=self.catalog.module_ids[position],
                    rank=rank,
                    confidence=round(float(probabilities[position]), 4),
                    score=round(sum(part.points for part in parts), 3),
                    contributions=parts,
                )
            )
        return tuple(explained)

    def closed_book(self, requirement: str) -> Floats:
        """
        Return log P(module id | requirement) by the language model alone, the published way.  # (modules,)
        """
        return self.model.score_ids(self.prompt(readable(requirement)), self._trie)

    @cached_property
    def _trie(self) -> PackedTrie:
        return pack_trie(self.model.id_tokens(self.catalog.module_ids))

    def with_shortlist(self, shortlist: Shortlist) -> Ranker:
        """
        The same ranker with another shortlist of the same catalog.
        """
        changed = copy(self)
        changed.shortlist = shortlist
        return changed

    def with_fusion(self, fusion: Fusion, *, belonging: Belonging | None = None) -> Ranker:
        """
        The same ranker with other weights; nothing is loaded again.
        """
        changed = copy(self)
        changed.fusion = replace(fusion)
        changed.belonging = belonging or self.belonging
        return changed


def _belonging(path: Path) -> Belonging:
    return Belonging.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Belonging()


def _kept_vectors(folder: Path, encoder: Path | None) -> KeptVectors | None:
    return KeptVectors.load(folder / "vectors.safetensors", TextEncoder.load(encoder)) if encoder else None


def load_release_model(folder: Path, info: ReleaseInfo) -> LanguageModel:
    """
    Load a release's language model.

    Raises:
        ReleaseError: it learned from other prompts than are rendered now.
    """
    model = LanguageModel.load(folder / "model")
    if prompt_hash(model.tokenizer) != info.prompt_hash:
        raise ReleaseError(
            f"Release {info.id} was trained with other prompts than this version of Signpost renders: train again."
        )
    return model


def load_release_parts(folder: Path, info: ReleaseInfo) -> tuple[Catalog, tuple[LabelledText, ...]]:
    """
    Load a release's catalog and past requirements, these by the ids that their modules have in the catalog.

    Raises:
        ReleaseError: the catalog is not the one the release was made with.
    """
    catalog = Catalog.load(folder / "catalog.json")
    if catalog.fingerprint != info.catalog_fingerprint:
        raise ReleaseError(f"The catalog of release {info.id} is not the one it was trained with: train again.")
    return catalog, known_only(load_labelled(folder / "past.jsonl"), catalog)


def readable(requirement: str) -> str:
    """
    Clean a requirement.

    Raises:
        RequirementError: no letter or digit is left.
    """
    cleaned = clean_requirement(requirement)
    if not any(character.isalnum() for character in cleaned):
        raise RequirementError("There is no word in this requirement: say in a sentence what should change.")
    return cleaned


def best_first(scores: Floats) -> list[int]:
    """
    Order positions by probability or score. What is the same to six digits is ordered by magnitude, since a confident
    answer leaves the others a millionth each, and else in the catalog's order.

    >>> best_first(np.array([0.2, 0.5, 0.2], dtype=np.float32))
    [1, 0, 2]
    >>> best_first(np.array([1e-12, 1.0, 1e-9], dtype=np.float32))
    [1, 2, 0]
    """
    magnitude = np.round(np.log(np.maximum(scores, 1e-30)), 3)
    return [int(i) for i in np.lexsort((np.arange(len(scores)), -magnitude, -np.round(scores, 6)))]
