"""
Questions that ranking asks of the code knowledge graph, answered in milliseconds: what lies near, what changes
together, who knows it, and how far a hint spreads.

A hint (a file, class or module that a requirement seems to speak of) is spread by personalised PageRank over one sparse
matrix of modules, files and symbols: it flows along imports, calls, inheritance, definitions and what changes together,
more weakly against their direction, and what gathers in a module is its score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from scipy import sparse

from graph.knowledge import Graph, file_node, module_node

Floats: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

DAMPING = 0.85
"""How much flows on at each step; the rest starts again at the hints."""
STEPS = 24
"""After so many at most 2% (0.85 to the power of 24) is not where it will be in the end."""

_FORWARD = {"contains": 1.0, "defines": 1.0, "imports": 1.0, "inherits": 1.0, "calls": 0.7, "co-changes": 0.5}
_BACKWARD = {"contains": 1.0, "defines": 1.0, "imports": 0.5, "inherits": 0.5, "calls": 0.35, "co-changes": 0.0}
_LEFT_OUT = frozenset({"repository", "person"})


class GraphQueries:
    """
    The graph made ready for questions; build it once per graph.

    The same graph always gives the same answers, to the last bit.
    """

    def __init__(self, graph: Graph) -> None:
        """
        Read the graph.

        Args:
            graph: As `graph.knowledge.build_graph` or `load_graph` give it, with or without relations.
        """
        self._nodes = sorted(node for node, data in graph.nodes(data=True) if data["kind"] not in _LEFT_OUT)
        self._place = {node: place for place, node in enumerate(self._nodes)}
        self._modules = tuple(node[len("module:") :] for node in self._nodes if node.startswith("module:"))
        self._homes = self._find_homes(graph)
        self._flow = self._flow_of(graph)
        self._near: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        self._owners: dict[str, list[tuple[str, float, str]]] = defaultdict(list)
        self._read_modules(graph)

    @property
    def modules(self) -> tuple[str, ...]:
        """
        Ids of all modules, sorted by their nodes.
        """
        return self._modules

    def scores(self, hints: Mapping[str, float]) -> Floats:
        """
        Spread hints, and give what gathers in each module.

        Args:
            hints: Node of the graph (see `module_node`, `file_node`, `symbol_node`) → how strong the hint is. Nodes
                that are not there and hints of no strength are passed over.

        Returns:
            One score per module, in the order of `modules`; they add up to 1, or are all 0 without a hint.
        """
        start = np.zeros(len(self._nodes))
        for node, strength in sorted(hints.items()):
            if strength > 0 and node in self._place:
                start[self._place[node]] += strength
        total = start.sum()
        if total == 0:
            return np.zeros(len(self._modules))
        start /= total
        mass = start
        for _ in range(STEPS):
            flowed = DAMPING * (self._flow @ mass)
            mass = flowed + (1 - flowed.sum()) * start  # what has nowhere to go starts again, too
        scores: Floats = np.bincount(self._homes, weights=mass, minlength=len(self._modules)).astype(np.float64)
        return scores

    def rank(self, hints: Mapping[str, float], *, limit: int = 20) -> tuple[tuple[str, float], ...]:
        """
        Give the modules nearest to some hints, best first, with their scores; see `scores`.
        """
        scores = self.scores(hints)
        order = sorted(np.flatnonzero(scores), key=lambda place: (-scores[place], self._modules[place]))
        return tuple((self._modules[place], float(scores[place])) for place in order[:limit])

    def neighbours(self, module: str) -> tuple[tuple[str, str, int], ...]:
        """
        Give (module, relation, number of file edges) for what a module imports and what imports it, strongest first.

        Relations are ``imports`` and ``imported by``. Empty for an unknown module.
        """
        near = self._near.get(module, {})
        found = [
            (other, kind, near[kind][other]) for kind in ("imports", "imported by") for other in near.get(kind, {})
        ]
        return tuple(sorted(found, key=lambda item: (-item[2], item[0], item[1])))

    def co_changed(self, name: str) -> tuple[tuple[str, int], ...]:
        """
        Give what changes together with a module (by id) or a file (by path), with the number of commits, most first.
        """
        near = self._near.get(name, {}).get("co-changes", {})
        return tuple(sorted(near.items(), key=lambda item: (-item[1], item[0])))

    def owners(self, module: str) -> tuple[tuple[str, float], ...]:
        """
        Give the people of a module with their share, those of CODEOWNERS first.
        """
        found = sorted(self._owners.get(module, ()), key=lambda owner: (owner[2], -owner[1], owner[0]))
        return tuple((person, share) for person, share, _ in found)

    def _find_homes(self, graph: Graph) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """
        Number the module of every node.
        """
        numbers = {module: number for number, module in enumerate(self._modules)}
        files = {
            file: numbers[module]
            for module in self._modules
            for file, edges in graph[module_node(module)].items()
            if "contains" in edges
        }
        homes = np.zeros(len(self._nodes), dtype=np.intp)
        for node, place in self._place.items():
            kind, _, rest = node.partition(":")
            if kind == "module":
                homes[place] = numbers[rest]
            elif kind == "file":
                homes[place] = files[node]
        for file, number in files.items():
            waiting = [file]
            while waiting:
                for inner, edges in graph[waiting.pop()].items():
                    if "defines" in edges:
                        homes[self._place[inner]] = number
                        waiting.append(inner)
        return homes

    def _flow_of(self, graph: Graph) -> sparse.csr_array:
        """
        Give the matrix that moves mass one step: its columns add up to 1, or to 0 where nothing leads on.
        """
        rows: list[int] = []
        columns: list[int] = []
        weights: list[float] = []
        for source, target, data in graph.edges(data=True):
            one, other = self._place.get(source), self._place.get(target)
            if one is None or other is None:
                continue
            strength = float(np.log2(1 + data.get("count", 1)))
            rows += (other, one)
            columns += (one, other)
            weights += (_FORWARD[data["kind"]] * strength, _BACKWARD[data["kind"]] * strength)
        size = len(self._nodes)
        matrix = sparse.coo_array((weights, (rows, columns)), shape=(size, size)).tocsr()
        sums = np.asarray(matrix.sum(axis=0)).ravel()
        matrix = matrix @ sparse.diags_array(np.divide(1.0, sums, out=np.zeros(size), where=sums > 0))
        matrix.eliminate_zeros()
        matrix.sort_indices()
        return sparse.csr_array(matrix)

    def _read_modules(self, graph: Graph) -> None:
        heads = len("module:")
        for module in self._modules:
            for other, edges in graph[module_node(module)].items():
                if "imports" in edges:
                    self._near[module]["imports"][other[heads:]] = edges["imports"]["count"]
                    self._near[other[heads:]]["imported by"][module] = edges["imports"]["count"]
                if "co-changes" in edges:
                    self._near[module]["co-changes"][other[heads:]] = edges["co-changes"]["count"]
            for person, _, data in graph.in_edges(module_node(module), data=True):
                if data["kind"] == "owns":
                    name = str(graph.nodes[person]["name"])
                    self._owners[module].append((name, float(data["share"]), str(data["told_by"])))
        for node in self._nodes:
            if node.startswith("file:"):
                for other, edges in graph[node].items():
                    if "co-changes" in edges:
                        path = other.removeprefix("file:")
                        self._near[node.removeprefix("file:")]["co-changes"][path] = edges["co-changes"]["count"]


def hints_for(
    *, modules: Mapping[str, float] | None = None, files: Mapping[str, float] | None = None
) -> dict[str, float]:
    """
    Say hints by module ids and file paths.

    >>> hints_for(modules={"tax": 1.0}, files={"shop/cart.py": 0.5})
    {'module:tax': 1.0, 'file:shop/cart.py': 0.5}
    """
    hints = {module_node(id): strength for id, strength in (modules or {}).items()}
    return hints | {file_node(path): strength for path, strength in (files or {}).items()}
