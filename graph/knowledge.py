"""
The code knowledge graph: nodes for the repository, its modules, files, classes and functions, and their
edges.

Node ids are ``repository``, ``module:<id>``, ``file:<path>``, ``symbol:<path>:<qualified>`` and ``person:<name>``.
Every node and every edge has an attribute *kind*; edges between two nodes may be several, one per kind.

==========  =============================================================
kind        edge
==========  =============================================================
contains    repository → module → file
defines     file → class or function; class → class or method inside it
imports     file → file; module → module, with *count* file edges
inherits    class → class
calls       file → function or class of another file
co-changes  file ↔ file, module ↔ module, with *count* commits that touched both
owns        person → module, with *share* and *told_by*: CODEOWNERS, or history
==========  =============================================================

The last two are not in the code: `graph.relations` adds them.
"""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, cast

import networkx

from graph.links import CLASSES, FUNCTIONS, Links
from graph.values import Catalog, FileCard, RepositoryError, write_atomically

Graph: TypeAlias = "networkx.MultiDiGraph[str]"

REPOSITORY = "repository"
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def module_node(id: str) -> str:
    """
    Name the node of a module.
    """
    return f"module:{id}"


def file_node(path: str) -> str:
    """
    Name the node of a file.
    """
    return f"file:{path}"


def symbol_node(path: str, qualified: str) -> str:
    """
    Name the node of a class or function.
    """
    return f"symbol:{path}:{qualified}"


def person_node(name: str) -> str:
    """
    Name the node of a person or team.
    """
    return f"person:{name}"


def build_graph(catalog: Catalog, links: Links) -> Graph:
    """
    Put everything known about a snapshot into one graph.

    Args:
        catalog: Its modules and files.
        links: What its files have to do with each other.
    """
    graph: Graph = networkx.MultiDiGraph()
    graph.add_node(REPOSITORY, kind="repository", name=catalog.repository, commit=catalog.commit)
    for card in catalog.modules:
        graph.add_node(module_node(card.id), kind="module", title=card.title)
        graph.add_edge(REPOSITORY, module_node(card.id), key="contains", kind="contains")
    for file in catalog.files:
        _add_file(graph, file)
    _add_imports(graph, catalog, links.imports)
    for (path, inner), target in links.inherits:
        graph.add_edge(symbol_node(path, inner), symbol_node(*target), key="inherits", kind="inherits")
    for path, target in links.calls:
        graph.add_edge(file_node(path), symbol_node(*target), key="calls", kind="calls")
    return graph


def _add_file(graph: Graph, file: FileCard) -> None:
    node = file_node(file.path)
    graph.add_node(node, kind="file", language=file.language, lines=file.lines)
    graph.add_edge(module_node(file.module), node, key="contains", kind="contains")
    known: set[str] = set()
    for symbol in file.symbols:
        kind = "class" if symbol.kind in CLASSES else "function" if symbol.kind in FUNCTIONS else None
        if kind is None:
            continue
        name = symbol_node(file.path, symbol.qualified)
        graph.add_node(name, kind=kind, line=symbol.line)
        outer = symbol.qualified.rpartition(".")[0]
        owner = symbol_node(file.path, outer) if outer in known else node
        graph.add_edge(owner, name, key="defines", kind="defines")
        known.add(symbol.qualified)


def _add_imports(graph: Graph, catalog: Catalog, imports: Mapping[str, Sequence[str]]) -> None:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for path in sorted(imports):
        for target in imports[path]:
            graph.add_edge(file_node(path), file_node(target), key="imports", kind="imports")
            pair = catalog.module_of(path) or "", catalog.module_of(target) or ""
            if pair[0] != pair[1]:
                counts[pair] += 1
    for (source, aim), count in sorted(counts.items()):
        graph.add_edge(module_node(source), module_node(aim), key="imports", kind="imports", count=count)


def save_graph(path: Path, graph: Graph) -> None:
    """
    Write a graph as node-link JSON.
    """
    data = networkx.node_link_data(graph, edges="edges")
    write_atomically(path, json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def save_graphml(path: Path, graph: Graph) -> None:
    """
    Write a graph as GraphML, which Gephi, yEd and others read. Characters that XML has no way to write are left out.
    """
    plain: Graph = networkx.MultiDiGraph()
    for node, data in graph.nodes(data=True):
        plain.add_node(_xml(node), **{key: _xml(value) for key, value in data.items()})
    for source, target, key, data in graph.edges(keys=True, data=True):
        plain.add_edge(_xml(source), _xml(target), key=_xml(key), **{name: _xml(value) for name, value in data.items()})
    buffer = io.BytesIO()
    networkx.write_graphml_xml(plain, buffer)
    write_atomically(path, buffer.getvalue())


def _xml(value: Any) -> Any:
    return (
        re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", value)
        if isinstance(value, str)
        else value
    )


def load_graph(path: Path) -> Graph:
    """
    Read what `save_graph` wrote.

    Raises:
        RepositoryError: The file is missing or damaged.
    """
    try:
        graph = networkx.node_link_graph(json.loads(Path(path).read_bytes()), edges="edges")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, networkx.NetworkXError) as error:
        raise RepositoryError(f"{path} is not a readable graph ({error}): index the repository again") from error
    if not isinstance(graph, networkx.MultiDiGraph):
        raise RepositoryError(f"{path} is not a readable graph (of another type): index the repository again")
    return graph


_COSTS = {"imports": 1.0, "inherits": 1.0, "calls": 1.2, "defines": 1.5, "contains": 1.5, "co-changes": 3.0}
_PASSIVE = {
    **{"imports": "imported by", "inherits": "inherited by", "calls": "called by"},
    **{"defines": "defined in", "contains": "part of", "co-changes": "co-changes"},
}


def find_node(graph: Graph, name: str) -> str | None:
    """
    Find what a person names: a node id, a module, a path (or the end of one), a class or function.

    Returns:
        The node, the first one where several fit; None when nothing does.
    """
    for node in (name, module_node(name), file_node(name)):
        if node in graph:
            return node
    ends = (f"/{name}", f":{name}", f".{name}")
    found = [node for node in graph if node.endswith(ends)]
    return min(
        found, key=lambda node: (graph.nodes[node]["kind"] not in ("module", "file"), len(node), node), default=None
    )


def shortest_path(graph: Graph, source: str, target: str) -> tuple[tuple[str, str, str], ...]:
    """
    Find how two nodes hang together: along imports, inheritance and calls from one to the other, else from the other to
    the one, else any way.

    Returns:
        (node, relation, node) for each step; against its direction a relation is said in the passive: ``imported by``.
        Empty when nothing joins them, or they are the same.
    """
    left_out = ("repository", "person")
    inside = graph.subgraph(node for node, data in graph.nodes(data=True) if data["kind"] not in left_out)
    used = _used(inside)
    for view, ends in (
        (used, (source, target)),
        (used, (target, source)),
        (inside.to_undirected(as_view=True), (source, target)),
    ):
        try:
            nodes = networkx.dijkstra_path(view, *ends, weight=_cheapest)
        except (networkx.NetworkXNoPath, networkx.NodeNotFound):
            continue
        ordered = nodes if nodes[0] == source else nodes[::-1]
        return tuple(_step(graph, one, other) for one, other in pairwise(ordered))
    return ()


def _used(graph: Graph) -> Graph:
    edges = [(a, b, key) for a, b, key, data in graph.edges(keys=True, data=True) if data["kind"] != "co-changes"]
    used: Graph = graph.edge_subgraph(cast("Any", edges))
    return used


def _cheapest(_source: str, _target: str, edges: Mapping[str, Mapping[str, Any]]) -> float:
    return min(_COSTS[str(data["kind"])] for data in edges.values())


def _step(graph: Graph, source: str, target: str) -> tuple[str, str, str]:
    said = [(_COSTS[kind], 0, kind) for kind in _kinds(graph, source, target)]
    said += [(_COSTS[kind], 1, _PASSIVE[kind]) for kind in _kinds(graph, target, source)]
    return source, min(said)[2], target


def _kinds(graph: Graph, source: str, target: str) -> list[str]:
    return [str(data["kind"]) for data in graph[source][target].values()] if graph.has_edge(source, target) else []
