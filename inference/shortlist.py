"""
The deterministic shortlist: how every module meets a requirement, without a generative model, in milliseconds.

Each feature is one column with one value a module, z-scored over the modules, so that a fusion can weigh them:

    bm25              BM25 over one document a module: path, purpose, symbols, documentation, identifiers
    bm25_file         BM25 over files, best three of a module
    title_file        the same, asked with the first line only
    names             names of the module, its files and symbols that stand in the requirement, rare ones counting more
    mentions          any identifier of the code that stands in the requirement, rare ones counting more
    letters           character n-grams shared with the module's path and file names
    past              vote of the nearest past requirements by words and character n-grams, recent ones counting more
    code_and_past     BM25 over files, their code and what was asked of them together, best three
    classifier        linear classifier on past requirements and, faintly, on the code
    title_classifier  the same, asked with the first line only
    together          what usually changes together with what the classifier favours
    linked            what imports, or is imported by, what BM25 favours: personalised PageRank, restarting there
    recent            how often it was the answer, last months counting most
    popularity        how often it was ever the answer; without history, how many files it has
    size              how many files it has

and with a sentence encoder (`inference.meaning`), else zero:

    meaning_module, meaning_file, meaning_centre, meaning_past, meaning_classifier

and from all of them, on a scale of its own:

    reranked          what a small network makes of them that was trained on many other repositories
    (`inference.reranker`)

What each is worth on real histories is in training/EXPERIMENTS.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graph.values import Catalog
from inference.chinese import with_english
from inference.classifier import TextClassifier, label_shares
from inference.labelled import LabelledText, days_of
from inference.lexical import (
    NEAREST,
    Bm25,
    Letters,
    Neighbour,
    PastIndex,
    best_positions,
    file_terms,
    mention_index,
    name_index,
    stem_of,
)
from inference.meaning import MEANING_FEATURES, Meaning
from inference.reranker import Reranker
from inference.text import apart_from_cjk, distinct, joined_terms, terms, title_of, words
from inference.vectors import Vectors

Floats = npt.NDArray[np.float32]
MEASURED = (
    "bm25",
    "bm25_file",
    "title_file",
    "names",
    "mentions",
    "letters",
    "past",
    "code_and_past",
    "classifier",
    "title_classifier",
    "together",
    "linked",
    "recent",
    "popularity",
    "size",
    *MEANING_FEATURES,
)
FEATURES = (*MEASURED, "reranked")
FROM_PAST = (
    "past",
    "code_and_past",
    "classifier",
    "title_classifier",
    "together",
    "recent",
    "popularity",
    *MEANING_FEATURES[2:],
)
"""What past requirements have a part in."""
RECENT_HALF_LIFE_YEARS = 0.4
NEAREST_HALF_LIFE_YEARS = 2.0
MOST_FILES_OF_A_REQUIREMENT = 8
NETWORK = "network.safetensors"
RESTART = 0.5
"""How often the walk along imports begins again."""


class Shortlist:
    """
    The features of one catalog and its past requirements.

    Args:
        catalog: What can be ranked.
        past: Texts with known modules of this catalog, oldest first; may be empty.
        classifier: Fitted on (at most) *past*, or None without history.
        meaning: The features of a sentence encoder; None goes without.
        reranker: What weighs the features; None takes the one that ships with Signpost.
    """

    def __init__(
        self,
        catalog: Catalog,
        past: Sequence[LabelledText],
        classifier: TextClassifier | None,
        meaning: Meaning | None = None,
        *,
        reranker: Reranker | None = None,
    ) -> None:
        self._reranker = reranker if reranker is not None else Reranker.load()
        self.catalog = catalog
        self.past = tuple(past)
        self.classifier = classifier
        self.meaning = meaning
        self._position = {module: i for i, module in enumerate(catalog.module_ids)}
        self._index_code()
        self._index_past()
        self._known_terms = self._file_terms
        self._index_asked(self.past)
        self._nearest = PastIndex(past)
        self._place_classifier()

    @classmethod
    def fit(cls, catalog: Catalog, past: Sequence[LabelledText], *, vectors: Vectors | None = None) -> Shortlist:
        """
        Build the indexes and fit the classifier on *past*.

        Args:
            vectors: A sentence encoder with its cache; None goes without its features.
        """
        classifier = TextClassifier.fit(past, code=code_texts(catalog)) if past else None
        return cls(catalog, past, classifier, Meaning.fit(catalog, past, vectors) if vectors is not None else None)

    def with_more(self, rows: Sequence[LabelledText]) -> Shortlist:
        """
        Know newer past requirements too, in a fraction of the time of a new fit.

        Counts, neighbours and what was asked of files are what a new fit would give, but for terms that no earlier text
        had; classifiers learn what is left to explain (`TextClassifier.with_more`).

        Args:
            rows: Newer than all it knows, oldest first, labelled by its catalog.
        """
        if not rows:
            return self
        more = copy(self)
        more.past = (*self.past, *rows)
        if self.classifier is None:
            more.classifier = TextClassifier.fit(rows, code=code_texts(self.catalog))
        else:
            more.classifier = self.classifier.with_more(rows)
        more.meaning = self.meaning.with_more(rows, self.catalog) if self.meaning is not None else None
        more._nearest = self._nearest.with_more(rows)
        more._index_past()
        more._index_asked(rows)
        more._place_classifier()
        return more

    def features(self, requirement: str) -> Floats:
        """
        Return all features, z-scored over the modules but for the last one.  # (modules, len(FEATURES))
        """
        return self.weigh(self.columns(requirement))

    def weigh(self, columns: Floats) -> Floats:
        """
        Put what the reranker makes of them beside the z-scored features.  # (modules, features) -> one column more
        """
        scores = self._reranker.scores(columns)
        return np.hstack([z_scored(columns), (scores - scores.mean())[:, None]])

    def learned_parts(self, requirement: str) -> Floats:
        """
        Return what the reranker makes of each measured feature by itself.  # (modules, len(MEASURED))
        """
        return self._reranker.parts(self.columns(requirement))[:, :-1]

    def columns(self, requirement: str) -> Floats:
        """
        Return the measured features, each on its own scale.  # (modules, len(MEASURED))

        Args:
            requirement: Chinese words of the trade count in English, too.
        """
        requirement = with_english(requirement)
        title = title_of(requirement)
        asked = terms(requirement) + joined_terms(requirement)
        classified = self._classifier_scores(requirement)
        none = np.zeros(len(self._position), dtype=np.float32)
        by_file = self._best_three(self._files.scores(asked))
        columns = {
            "bm25": self._modules.scores(asked),
            "bm25_file": by_file,
            "title_file": self._best_three(self._files.scores(terms(title) + joined_terms(title))),
            "names": self._name_scores(requirement),
            "mentions": self._mention_scores(requirement),
            "letters": self._letters.scores(requirement),
            "past": self._past_scores(requirement),
            "code_and_past": self._best_three(self._code_and_past.scores(asked)),
            "classifier": classified,
            "title_classifier": self._classifier_scores(title) if title != requirement else classified,
            "together": self._together @ z_scores(classified),
            "linked": self._reach @ np.maximum(z_scores(by_file), 0.0),
            "recent": self._recent,
            "popularity": self._popularity,
            "size": self._size,
        }
        if self.meaning is not None:
            columns |= self.meaning.scores(requirement)
        return np.stack([columns.get(name, none) for name in MEASURED], axis=1)

    def file_scores(self, asked: Sequence[str]) -> Floats:
        """
        Score every file of the catalog by BM25.  # (files,)

        Args:
            asked: Terms, see `inference.text.terms`.
        """
        return self._files.scores(asked)

    def best_files(self, requirement: str, module: str, *, limit: int = 3) -> tuple[str, ...]:
        """
        Name the files of *module* that meet the requirement best; empty when none meets it.
        """
        scores = self._files.scores(terms(with_english(requirement)))
        inside = np.flatnonzero(self._owners == self._position[module])
        ordered = sorted(inside, key=lambda i: (-round(float(scores[i]), 4), self.catalog.files[i].path))
        return tuple(self.catalog.files[i].path for i in ordered[:limit] if scores[i] > 0)

    def nearest(self, requirement: str, *, limit: int = NEAREST) -> tuple[Neighbour, ...]:
        """
        Give the past requirements nearest to *requirement*, best first, similarity above zero.
        """
        return self._nearest.nearest(with_english(requirement), limit=limit)

    def closeness(self, requirement: str) -> dict[str, float]:
        """
        Say how near *requirement* is to this code base as a whole, whichever module it belongs to.

        Returns:
            "known" (share of its words the code knows, rare ones counting more) and "met" (how well the best module
            meets a word of it); with history "past" and "past_few" (similarity of the nearest and of the five nearest);
            with an encoder "meant_module" and "meant_file".
        """
        requirement = with_english(requirement)
        asked = terms(requirement)
        best = float(self._modules.scores(asked).max(initial=0.0))
        found = {"known": self._files.known_share(asked), "met": best / max(len(asked), 1) ** 0.5}
        if self.past:
            similar = np.sort(self._nearest.similarities(requirement))[::-1][:5]
            found |= {"past": float(similar[0]), "past_few": float(similar.mean())}
        if self.meaning is not None:
            scores = self.meaning.scores(requirement)
            found |= {f"meant_{what}": float(scores[f"meaning_{what}"].max()) for what in ("module", "file")}
        return found

    def _index_code(self) -> None:
        catalog, files = self.catalog, self.catalog.files
        self._owners = np.array([self._position[card.module] for card in files], dtype=np.int64)
        self._file_terms = [file_terms(card) for card in files]
        self._files = Bm25(self._file_terms)
        whole = [terms(card.id) * 3 + terms(card.title) + terms(card.purpose) * 2 for card in catalog.modules]
        for owner, found in zip(self._owners, self._file_terms, strict=True):
            whole[owner] += found
        self._modules = Bm25(whole)
        self._size = np.log1p(np.bincount(self._owners, minlength=len(self._position))).astype(np.float32)
        self._reach = _reach(catalog, self._position)
        self._names = name_index(catalog, self._position)
        self._mentions = mention_index(catalog, self._position)
        self._letters = Letters([" ".join((card.id, *map(stem_of, card.files))) for card in catalog.modules])

    def _place_classifier(self) -> None:
        if self.classifier is not None:
            self._classifier_columns = np.array([self._position.get(m, -1) for m in self.classifier.module_ids])

    def _index_past(self) -> None:
        self._shares = label_shares(self.past, self.catalog.module_ids)
        days = np.array([_day(row.date) for row in self.past])
        years = (days.max(initial=0.0) - days) / 365.25
        self._near_weights = (0.5 + 0.5 * 0.5 ** (years / NEAREST_HALF_LIFE_YEARS)).astype(np.float32)
        recent = (0.5 ** (years / RECENT_HALF_LIFE_YEARS)).astype(np.float32)
        self._recent = np.log1p(recent @ self._shares).astype(np.float32)
        counts = self._shares.sum(axis=0) if self.past else np.bincount(self._owners, minlength=len(self._position))
        self._popularity = np.log1p(counts).astype(np.float32)
        both = self._shares.T @ (self._shares > 0)
        np.fill_diagonal(both, 0.0)
        self._together: Floats = (both / np.maximum(both.sum(axis=1, keepdims=True), 1e-6)).astype(np.float32)

    def _index_asked(self, rows: Sequence[LabelledText]) -> None:
        """
        Index files with what *rows* asked of them behind what is known already.
        """
        place = {card.path: i for i, card in enumerate(self.catalog.files)}
        asked: dict[int, list[str]] = {}
        for row in rows:
            if len(row.files) <= MOST_FILES_OF_A_REQUIREMENT:
                found = terms(row.text)
                for path in row.files:
                    if path in place:
                        asked.setdefault(place[path], []).extend(found)
        self._known_terms = [known + asked.get(i, []) for i, known in enumerate(self._known_terms)]
        self._code_and_past = Bm25(self._known_terms, b=0.5)

    def _best_three(self, scores: Floats) -> Floats:
        """
        Gather scores of files into scores of modules: the best counts, the next two a little.
        """
        order = np.lexsort((-scores, self._owners))
        owners = self._owners[order]
        starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]) if len(owners) else np.zeros(0, dtype=np.int64)
        place = np.arange(len(owners)) - np.repeat(starts, np.diff(np.r_[starts, len(owners)]))
        gathered = np.zeros(len(self._position), dtype=np.float32)
        for rank, weight in enumerate((1.0, 0.3, 0.15)):
            picked = order[place == rank]
            gathered[self._owners[picked]] += np.float32(weight) * scores[picked]
        return gathered

    def _name_scores(self, requirement: str) -> Floats:
        scores = np.zeros(len(self._position), dtype=np.float32)
        named = re.findall(r"[\w./-]{3,}", apart_from_cjk(requirement))
        asked = set(words(requirement)) | {match.lower() for match in named}
        for name in sorted(asked):
            for position, weight in self._names.get(name, ()):
                scores[position] += weight
        return scores

    def _mention_scores(self, requirement: str) -> Floats:
        scores = np.zeros(len(self._position), dtype=np.float32)
        text = apart_from_cjk(requirement.lower())
        found = {match.strip(".-") for match in re.findall(r"[\w.-]{3,}", text)}
        for name in sorted(found | set(re.findall(r"\w{3,}", text))):
            bearers = self._mentions.get(name, ())
            if len(bearers):
                scores[bearers] += math.log(1 + len(scores) / len(bearers))
        return scores

    def _past_scores(self, requirement: str) -> Floats:
        if not self.past:
            return np.zeros(len(self._position), dtype=np.float32)
        similarities = self._nearest.similarities(requirement) * self._near_weights
        near = best_positions(similarities, NEAREST)
        votes: Floats = np.maximum(similarities[near], 0.0) ** 3 @ self._shares[near]
        return votes

    def _classifier_scores(self, requirement: str) -> Floats:
        scores = np.full(len(self._position), np.nan, dtype=np.float32)
        if self.classifier is not None:
            known = self._classifier_columns >= 0
            scores[self._classifier_columns[known]] = self.classifier.scores(requirement)[known]
        return neutral_where_unknown(scores)


def z_scores(values: Floats) -> Floats:
    """
    Shift to mean 0 and scale to deviation 1; all zero when the values do not differ.
    """
    deviation = float(values.std())
    if deviation < 1e-9:
        return np.zeros_like(values)
    scaled: Floats = ((values - values.mean()) / deviation).astype(np.float32)
    return scaled


def z_scored(columns: Floats) -> Floats:
    """
    `z_scores` of every column.  # (modules, columns)
    """
    return np.stack([z_scores(column) for column in columns.T], axis=1)


def neutral_where_unknown(scores: Floats) -> Floats:
    """
    Give modules a learned scorer knows nothing of (NaN) the mean of the others, so that it leaves them in place.
    """
    known = ~np.isnan(scores)
    return np.where(known, scores, scores[known].mean() if known.any() else 0.0).astype(np.float32)


def code_texts(catalog: Catalog) -> tuple[LabelledText, ...]:
    """
    One faint text a file for the classifier: its path, its names, how its documentation begins.
    """
    return tuple(
        LabelledText(
            id=card.path,
            text=" ".join((stem_of(card.path), card.path, *distinct(s.name for s in card.symbols), card.doc[:200])),
            modules=(card.module,),
            origin="graph",
        )
        for card in catalog.files
    )


def _reach(catalog: Catalog, position: dict[str, int]) -> Floats:
    """
    Where a walk along imports that starts in a module and often starts again is found elsewhere.  # (modules, modules)

    Entry (i, j): from module j at module i. The walk goes along imports and against them, as strong as they are many.
    """
    links = np.zeros((len(position), len(position)))
    for card in catalog.modules:
        for name, count in card.imports:
            if name in position and name != card.id:
                links[position[card.id], position[name]] += math.log1p(count)
    links += links.T
    steps = links / np.maximum(links.sum(axis=0, keepdims=True), 1e-9)
    walked = np.linalg.inv(np.eye(len(position)) - (1 - RESTART) * steps) * RESTART
    np.fill_diagonal(walked, 0.0)  # where it starts is what the other columns say
    reach: Floats = walked.astype(np.float32)
    return reach


def _day(date: str) -> float:
    return days_of(date) if date else 0.0


def load_shortlist(
    folder: Path, catalog: Catalog, past: Sequence[LabelledText], *, vectors: Vectors | None = None
) -> Shortlist:
    """
    Rebuild the shortlist of a release: indexes from catalog and history, the classifier and the network from its files.

    Its calibration was fitted on what its own network says, which a newer Signpost's would say otherwise.
    """
    meaning = Meaning.fit(catalog, past, vectors) if vectors is not None else None
    network = folder / NETWORK
    reranker = Reranker.load(network) if network.is_file() else None  # the first releases have none of their own
    return Shortlist(catalog, past, TextClassifier.load(folder), meaning, reranker=reranker)
