"""
What changes together, who owns what; and the views of the whole graph.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import networkx
import pytest
from typer.testing import CliRunner

from bot.cli import app
from graph.drawing import draw_html, draw_svg
from graph.index import Index, index_snapshot
from graph.knowledge import find_node, save_graphml, shortest_path
from graph.relations import Relations, add_relations, read_relations
from graph.snapshot import open_snapshot
from tests.graph.repositories import GitRepository, python_file, shop_files


@pytest.fixture
def shop(tmp_path: Path) -> GitRepository:
    """
    The shop, opened with so many files at once that its first commit says nothing about what belongs together.
    """
    repository = GitRepository.create(tmp_path / "shop-repository")
    more = {f"shop/notes/{n}.txt": "open\n" for n in range(10)}
    repository.commit("Open the shop for everyone in town", {**shop_files(), **more})
    return repository


def related(location: Path) -> tuple[Index, Relations]:
    with open_snapshot(location) as snapshot:
        index = index_snapshot(snapshot)
        relations = read_relations(snapshot, index.catalog)
    add_relations(index.graph, relations)
    return index, relations


def change_together(shop: GitRepository, times: int, author: str = "Grace Hopper") -> None:
    for time in range(times):
        names = ("tax/vat", "cart/items")
        files = {f"shop/{name}.py": python_file(name[-3:], lines=50 + time) for name in names}
        shop.commit(f"Tax in the cart, step {time}", files, author=author)


def test_files_and_modules_that_change_together_are_joined(shop: GitRepository) -> None:
    change_together(shop, 4)

    index, relations = related(shop.folder)

    assert relations.files == (("shop/cart/items.py", "shop/tax/vat.py", 4),)
    assert relations.modules == (("cart", "tax", 4),)
    assert index.graph["module:tax"]["module:cart"]["co-changes"]["count"] == 4
    assert index.graph["file:shop/tax/vat.py"]["file:shop/cart/items.py"]["co-changes"]["count"] == 4


def test_twice_is_chance_and_a_mass_change_says_nothing(shop: GitRepository) -> None:
    change_together(shop, 2)
    for time in range(4):
        files = {f"shop/tax/many{n}.py": f"x = {time}\n" for n in range(25)}
        shop.commit(f"Reformat everything, round {time}", files)

    assert related(shop.folder)[1].files == ()


def test_co_changes_follow_renames(shop: GitRepository) -> None:
    change_together(shop, 3)
    shop.git("mv", "shop/tax/vat.py", "shop/tax/duty.py")
    shop.commit("Vat is called duty")

    assert related(shop.folder)[1].files == (("shop/cart/items.py", "shop/tax/duty.py", 3),)


def test_a_plain_folder_has_no_relations(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(python_file("a"))

    assert related(tmp_path)[1] == Relations()


def test_a_path_is_told_in_its_own_direction(shop: GitRepository) -> None:
    graph = related(shop.folder)[0].graph

    assert shortest_path(graph, "module:cart", "module:tax") == (("module:cart", "imports", "module:tax"),)
    assert shortest_path(graph, "module:tax", "module:cart") == (("module:tax", "imported by", "module:cart"),)
    assert shortest_path(graph, "module:tax", "module:tax") == ()
    assert [step[1] for step in shortest_path(graph, "module:mail", "module:tax")] == ["imported by", "imports"]


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("tax", "module:tax"),
        ("shop/tax/vat.py", "file:shop/tax/vat.py"),
        ("vat.py", "file:shop/tax/vat.py"),
        ("vat", "symbol:shop/tax/vat.py:vat"),
        ("nothing", None),
    ],
)
def test_nodes_are_found_by_what_people_call_them(shop: GitRepository, name: str, node: str | None) -> None:
    assert find_node(related(shop.folder)[0].graph, name) == node


def test_graphml_can_be_read_again(shop: GitRepository, tmp_path: Path) -> None:
    change_together(shop, 3)
    graph = related(shop.folder)[0].graph
    graph.add_node("symbol:bell\x07", kind="function", line=1)

    save_graphml(tmp_path / "graph.graphml", graph)
    again = networkx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)

    assert (again.number_of_nodes(), again.number_of_edges()) == (graph.number_of_nodes(), graph.number_of_edges())
    assert again.nodes["module:tax"]["kind"] == "module"


def test_the_map_names_every_module_and_needs_nothing_from_outside(shop: GitRepository) -> None:
    catalog = related(shop.folder)[0].catalog

    drawing = ElementTree.fromstring(draw_svg(catalog))
    page = draw_html(catalog)

    assert {node.get("data-id") for node in drawing.iter() if node.get("data-id")} == set(catalog.module_ids)
    assert len([node for node in drawing.iter() if node.get("data-from")]) == 2
    assert re.findall(r"(?:src|href)=|@import|url\(", page) == []
    assert draw_html(catalog) == page


def test_a_map_of_hostile_words_stays_text(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""Rounds </script><script>alert(1)</script> & more."""\nx = 1\n')

    page = draw_html(related(tmp_path)[0].catalog)

    assert "<script>alert" not in page


def test_commands_write_and_tell(shop: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNPOST_HOME", str(tmp_path / "home"))
    place = str(shop.folder)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["graph", *arguments])
        return result.output + str(result.exception or "")

    assert "imports        module:tax" in run("path", place, "cart", "tax")
    assert "There is no module, file or symbol 'x'" in run("path", place, "cart", "x")
    assert "4 modules" in run("draw", place, str(tmp_path / "map.svg"))
    assert "must end in .html or .svg" in run("draw", place, str(tmp_path / "map.png"))
    assert "nodes" in run("export", place, str(tmp_path / "graph.json"))
    assert "must end in .graphml or .json" in run("export", place, str(tmp_path / "graph.dot"))
    assert json.loads((tmp_path / "graph.json").read_text())["nodes"]
