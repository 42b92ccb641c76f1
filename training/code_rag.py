"""
The baseline this project set out to beat: retrieval over code snippets.

Every source file is cut into windows of lines, each is embedded under its path, and the windows nearest to a
requirement vote for their modules. Nothing else is read: no history, no cards, no labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graph.snapshot import Snapshot, open_snapshot
from graph.values import Catalog, Progress, RepositoryError
from inference.embedding import TextEncoder, VectorCache

Floats = npt.NDArray[np.float32]
WINDOW = 20
"""Lines of one snippet: about what the encoder reads of a text."""
MOST_SNIPPETS = 20_000
NEAREST = 20
_LONGEST_FILE = 400_000


@dataclass(frozen=True, slots=True)
class Snippet:
    """
    A window of lines, under its path, and the position of its module in the catalog.
    """

    text: str
    owner: int


class CodeRag:
    """
    Snippets of a catalog's files as vectors.

    Args:
        vectors: Of the snippets.  # (snippets, size)
        owners: Position of each snippet's module.  # (snippets,)
        modules: How many modules the catalog has.
        encoder: Encodes requirements; the same one that encoded the snippets.
    """

    def __init__(
        self, vectors: Floats, owners: npt.NDArray[np.int64], *, modules: int, encoder: TextEncoder | VectorCache
    ) -> None:
        self._vectors, self._owners, self._modules, self._encoder = vectors, owners, modules, encoder

    @classmethod
    def fit(
        cls,
        catalog: Catalog,
        sources: Mapping[str, str],
        encoder: TextEncoder | VectorCache,
        *,
        progress: Progress = lambda done, total, label: None,
    ) -> CodeRag:
        """
        Cut and embed every file of *catalog*.

        Args:
            sources: Text of each file by path, see `read_sources`.
            encoder: With a cache in between, a second run encodes only what is new.
        """
        snippets = cut(catalog, sources)
        vectors = encoder.encode([snippet.text for snippet in snippets], progress=progress)
        owners = np.array([snippet.owner for snippet in snippets], dtype=np.int64)
        return cls(vectors, owners, modules=len(catalog.modules), encoder=encoder)

    def scores(self, requirement: str) -> Floats:
        """
        Score every module: the nearest snippets vote with their similarity; the rest stand in the order of their best.

        # (modules,)
        """
        best = np.full(self._modules, -1.0, dtype=np.float32)
        if not len(self._vectors):
            return best
        similar = np.round(self._vectors @ self._encoder.encode([requirement])[0], 5)
        np.maximum.at(best, self._owners, similar)
        near = np.lexsort((np.arange(len(similar)), -similar))[:NEAREST]
        votes = np.zeros(self._modules, dtype=np.float32)
        np.add.at(votes, self._owners[near], np.maximum(similar[near], 0.0))
        scores: Floats = votes + 1e-3 * best
        return scores


def read_sources(repository: Path, catalog: Catalog) -> dict[str, str]:
    """
    Read the files of *catalog* at its commit; one that cannot be read there (a link, a submodule) counts as empty, as
    it does in the catalog.

    Raises:
        graph.values.RepositoryError: no such repository or commit.
    """
    commit = None if catalog.commit.startswith("tree-") else catalog.commit
    with open_snapshot(repository, commit=commit, name=catalog.repository) as snapshot:
        return {card.path: _read(snapshot, card.path) for card in catalog.files}


def _read(snapshot: Snapshot, path: str) -> str:
    try:
        return snapshot.read(path).decode("utf-8", "replace")
    except (KeyError, OSError, RepositoryError):
        return ""


def cut(catalog: Catalog, sources: Mapping[str, str]) -> tuple[Snippet, ...]:
    """
    Cut the files into windows; of too many, every n-th is kept, so that each file stays represented.
    """
    position = {module: i for i, module in enumerate(catalog.module_ids)}
    found = [
        Snippet(f"{card.path}\n{text}", position[card.module])
        for card in catalog.files
        for text in _windows(sources[card.path][:_LONGEST_FILE].splitlines())
    ]
    return tuple(found[:: -(-len(found) // MOST_SNIPPETS)] if found else found)


def _windows(lines: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(lines), WINDOW):
        text = "\n".join(line.strip() for line in lines[start : start + WINDOW] if line.strip())
        if text:
            yield text
