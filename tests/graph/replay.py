"""
Warm against cold: what an index with a cache gives must be, byte for byte, what one without gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from graph.index import index_snapshot
from graph.knowledge import save_graph
from graph.snapshot import open_snapshot


def digests(location: Path, commit: str | None, cache: Path | None) -> tuple[str, str]:
    """
    Hash the bytes of the catalog and of the graph as they are written to disk.
    """
    with open_snapshot(location, commit=commit) as snapshot:
        index = index_snapshot(snapshot, cache=cache)
    with TemporaryDirectory() as folder:
        index.catalog.save(Path(folder) / "catalog.json")
        save_graph(Path(folder) / "graph.json", index.graph)
        return tuple(  # type: ignore[return-value]
            hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() for name in ("catalog.json", "graph.json")
        )


def replay(location: Path, commits: Iterable[str], cache: Path) -> Iterator[tuple[str, bool]]:
    """
    Index each commit twice, with the cache that the commits before have filled and cold: (commit, equal).
    """
    for commit in commits:
        yield commit, digests(location, commit, cache) == digests(location, commit, None)
