"""
What ranking may ask of the graph.
"""

from __future__ import annotations

from pathlib import Path

import networkx
import numpy as np
import pytest

from graph.index import index_snapshot
from graph.knowledge import Graph, load_graph, save_graph
from graph.queries import DAMPING, GraphQueries, hints_for
from graph.relations import add_relations, read_relations
from graph.snapshot import open_snapshot
from tests.graph.repositories import GitRepository, python_file


@pytest.fixture
def graph(shop: GitRepository) -> Graph:
    """
    The shop, in which tax and mail have changed together five times.
    """
    for time in range(4):
        files = {f"shop/{name}.py": python_file(name[-3:], lines=50 + time) for name in ("tax/vat", "mail/sender")}
        shop.commit(f"Tax in the mail, step {time}", files, author="Grace Hopper")
    with open_snapshot(shop.folder) as snapshot:
        index = index_snapshot(snapshot)
        add_relations(index.graph, read_relations(snapshot, index.catalog))
    return index.graph


def test_a_hint_reaches_what_a_file_imports_and_not_what_it_has_nothing_to_do_with(graph: Graph) -> None:
    ranked = dict(GraphQueries(graph).rank(hints_for(files={"shop/cart/checkout.py": 1.0})))

    assert ranked["cart"] > ranked["tax"] > ranked.get("shop", 0.0)
    assert sum(ranked.values()) == pytest.approx(1.0)


def test_scores_are_those_of_networkx_own_pagerank(graph: Graph) -> None:
    queries = GraphQueries(graph)
    flow = queries._flow.tocoo()
    plain: networkx.DiGraph[int] = networkx.DiGraph()
    plain.add_nodes_from(range(flow.shape[0]))
    plain.add_weighted_edges_from(zip(flow.col.tolist(), flow.row.tolist(), flow.data.tolist(), strict=True))
    start = queries._place["file:shop/cart/checkout.py"]
    mass = networkx.pagerank(
        plain, alpha=DAMPING, personalization={start: 1.0}, dangling={start: 1.0}, tol=1e-9, max_iter=1000
    )
    expected = np.bincount(queries._homes, weights=[mass[place] for place in range(len(mass))])

    assert queries.scores({"file:shop/cart/checkout.py": 2.0}) == pytest.approx(expected, abs=0.02)


def test_answers_are_the_same_to_the_last_bit_after_a_round_trip(graph: Graph, tmp_path: Path) -> None:
    save_graph(tmp_path / "graph.json", graph)
    hints = hints_for(modules={"cart": 0.3}, files={"shop/tax/vat.py": 0.7})

    again = GraphQueries(load_graph(tmp_path / "graph.json"))

    assert again.rank(hints) == GraphQueries(graph).rank(hints)


@pytest.mark.parametrize("hints", [{}, {"module:gone": 1.0}, {"module:tax": 0.0}, {"repository": 1.0}])
def test_without_a_hint_nothing_is_near(graph: Graph, hints: dict[str, float]) -> None:
    assert GraphQueries(graph).rank(hints) == ()


def test_neighbours_are_told_in_both_directions(graph: Graph) -> None:
    queries = GraphQueries(graph)

    assert ("tax", "imports", 1) in queries.neighbours("cart")
    assert ("cart", "imported by", 1) in queries.neighbours("tax")
    assert queries.neighbours("gone") == ()


def test_what_changes_together_is_known_for_modules_and_files(graph: Graph) -> None:
    queries = GraphQueries(graph)

    assert queries.co_changed("tax") == (("mail", 5),)
    assert queries.co_changed("shop/tax/vat.py") == (("shop/mail/sender.py", 5),)
    assert queries.co_changed("gone") == ()


def test_owners_come_with_their_share(graph: Graph) -> None:
    owners = dict(GraphQueries(graph).owners("tax"))

    assert set(owners) == {"Ada Lovelace", "Grace Hopper"}
    assert sum(owners.values()) == pytest.approx(1.0, abs=0.01)
