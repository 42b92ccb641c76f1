"""
From a snapshot to catalog and graph: what comes out, that it is stable, and what bad files cost.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import networkx
import pytest

from graph.index import Index, Skipped, index_snapshot
from graph.knowledge import load_graph, save_graph
from graph.snapshot import open_snapshot
from graph.values import Catalog, RepositoryError
from tests.graph.repositories import GitRepository, python_file, shop_files


def index(location: Path, **options: object) -> Index:
    with open_snapshot(location) as snapshot:
        return index_snapshot(snapshot, **options)  # type: ignore[arg-type]


def test_folders_become_modules_with_their_own_words(shop: GitRepository) -> None:
    catalog = index(shop.folder).catalog

    assert catalog.module_ids == ("cart", "mail", "shop", "tax")
    assert catalog.card("tax").purpose == "Everything about tax in the shop."
    assert catalog.card("tax").title == "Tax"
    assert catalog.card("tax").path == "shop/tax"
    assert catalog.card("tax").symbols == ("vat", "rates", "rounding")


def test_tests_and_documents_get_no_module(shop: GitRepository) -> None:
    result = index(shop.folder)

    assert result.catalog.module_of("tests/test_vat.py") is None
    assert result.apart == (("not source text", 1), ("test", 1))


def test_imports_count_between_modules(shop: GitRepository) -> None:
    catalog = index(shop.folder).catalog

    assert catalog.card("cart").imports == (("mail", 1), ("tax", 1))
    assert catalog.card("tax").imported_by == (("cart", 1),)


def test_graph_holds_what_contains_defines_imports_and_calls_what(shop: GitRepository) -> None:
    graph = index(shop.folder).graph

    checkout, vat = "file:shop/cart/checkout.py", "file:shop/tax/vat.py"
    assert graph.nodes[checkout]["kind"] == "file"
    assert set(graph["repository"]) == {"module:cart", "module:mail", "module:shop", "module:tax"}
    assert set(graph["module:tax"][vat]) == {"contains"}
    assert set(graph[vat]["symbol:shop/tax/vat.py:vat"]) == {"defines"}
    assert set(graph[checkout][vat]) == {"imports"}
    assert graph["module:cart"]["module:tax"]["imports"]["count"] == 1


def test_inheritance_is_drawn_across_files(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("class Rule:\n    pass\n")
    (tmp_path / "vat.py").write_text("from base import Rule\n\nclass Vat(Rule):\n    pass\n")

    graph = index(tmp_path).graph

    assert set(graph["symbol:vat.py:Vat"]["symbol:base.py:Rule"]) == {"inherits"}


def test_graph_survives_its_file(shop: GitRepository, tmp_path: Path) -> None:
    graph = index(shop.folder).graph
    save_graph(tmp_path / "graph.json", graph)

    assert networkx.utils.graphs_equal(load_graph(tmp_path / "graph.json"), graph)


def test_a_damaged_graph_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "graph.json").write_text('{"nodes": [{')

    with pytest.raises(RepositoryError, match="not a readable graph"):
        load_graph(tmp_path / "graph.json")


def test_two_runs_give_the_same_bytes(shop: GitRepository, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        index(shop.folder).catalog.save(tmp_path / name)

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_warm_cache_gives_what_a_cold_index_gives(shop: GitRepository, tmp_path: Path) -> None:
    cold = index(shop.folder)
    index(shop.folder, cache=tmp_path / "cache")
    warm = index(shop.folder, cache=tmp_path / "cache")

    assert warm.catalog == cold.catalog
    assert networkx.utils.graphs_equal(warm.graph, cold.graph)


def test_one_edited_file_with_a_warm_cache_gives_what_a_cold_index_gives(shop: GitRepository, tmp_path: Path) -> None:
    index(shop.folder, cache=tmp_path / "cache")
    shop.commit("Rates by country and not by guess", {"shop/tax/rates.py": python_file("by_country")})

    assert index(shop.folder, cache=tmp_path / "cache").catalog == index(shop.folder).catalog


def test_copies_of_a_file_share_one_result_but_keep_their_paths(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a.py", "b.py"):
        (source / name).write_text(python_file("same"))
    index(source, cache=tmp_path / "cache")

    assert [card.path for card in index(source, cache=tmp_path / "cache").catalog.files] == ["a.py", "b.py"]


def test_a_damaged_cache_is_built_anew(shop: GitRepository, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "parsed.sqlite").write_bytes(b"this is not a database" * 100)

    with caplog.at_level(logging.WARNING, logger="signpost.graph"):
        result = index(shop.folder, cache=cache)

    assert result.catalog == index(shop.folder).catalog
    assert "is damaged" in caplog.text


def test_progress_counts_every_file(shop: GitRepository) -> None:
    told: list[tuple[int, int]] = []
    index(shop.folder, progress=lambda done, total, label: told.append((done, total)))

    assert told == [(number, 13) for number in range(14)]


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "shop/tax/binary.py": (b"\x7fELF\x00\x00\x01" * 50, "binary"),
    "shop/tax/huge.py": (b"VALUES = [\n" + b"    123456789,\n" * 700_000 + b"]\n", "generated or too large"),
    "shop/tax/made.py": (b"# Code generated by a tool. DO NOT EDIT.\nx = 1\n", "generated"),
    "shop/mail/app.js": (b"var a=1;" * 2000, "minified"),
    "shop/mail/pointer.py": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
        "content kept in Git LFS",
    ),
}


@pytest.mark.parametrize("in_git", [True, False])
def test_bad_files_are_skipped_with_their_reason_and_cost_nothing_else(
    in_git: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repository = GitRepository.create(tmp_path / "r") if in_git else GitRepository(tmp_path / "r")
    repository.write({**shop_files(), **{path: data for path, (data, _) in BAD_FILES.items()}})
    os.symlink("..", repository.folder / "shop" / "loop")
    if in_git:
        repository.commit("Everything that can go wrong")

    with caplog.at_level(logging.INFO, logger="signpost.graph"):
        result = index(repository.folder)

    assert result.skipped == tuple(
        sorted((Skipped(path, why) for path, (_, why) in BAD_FILES.items()), key=lambda s: s.path)
    )
    assert result.catalog.module_ids == ("cart", "mail", "shop", "tax")
    assert all(f"skipped {path}: {why}" in caplog.text for path, (_, why) in BAD_FILES.items())


def test_broken_utf8_is_replaced_and_the_file_kept(shop: GitRepository) -> None:
    shop.commit("Letters from another time", {"shop/tax/old.py": b'def fee():\n    """Geb\xfchr."""\n'})

    catalog = index(shop.folder).catalog
    card = next(card for card in catalog.files if card.path == "shop/tax/old.py")

    assert [(symbol.name, symbol.doc) for symbol in card.symbols] == [("fee", "Geb\N{REPLACEMENT CHARACTER}hr.")]


def test_a_missing_object_costs_that_file_only(shop: GitRepository) -> None:
    blob = shop.git("rev-parse", "HEAD:shop/tax/vat.py").strip()
    (shop.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    result = index(shop.folder)

    assert [skipped.path for skipped in result.skipped] == ["shop/tax/vat.py"]
    assert len(result.catalog.files) == 12


def test_a_repository_without_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Nothing here\n")

    with pytest.raises(RepositoryError, match="no source file that can be indexed"):
        index(tmp_path)


def test_a_deeply_nested_file_does_not_stop_the_index(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text("x = " + "(" * 3000 + "1" + ")" * 3000 + "\n")
    (tmp_path / "good.py").write_text(python_file("good"))

    assert "good.py" in {card.path for card in index(tmp_path).catalog.files}


def test_an_installed_package_is_indexed_as_a_plain_folder() -> None:
    catalog = index(Path(networkx.__file__).parent).catalog

    assert {"algorithms/shortest_paths", "algorithms/flow", "classes/graph", "linalg", "networkx"} <= set(
        catalog.module_ids
    )
    assert 30 <= len(catalog.modules) <= 80
    assert catalog.card("classes/graph").purpose == "Base class for undirected graphs."
    assert dict(catalog.card("algorithms/approximation").imports)["utils"] >= 1


def test_readme_of_a_folder_tells_the_purpose(shop: GitRepository) -> None:
    shop.commit(
        "A home for sending parcels out",
        {
            "shop/parcel/README.md": "# Parcel\n\n[![build](x)](y)\n\nSends *parcels* to customers abroad.\n",
            **{
                f"shop/parcel/{name}.js": f"export function {name}() {{}}\n" * 20 for name in ("label", "weigh", "send")
            },
        },
    )

    assert index(shop.folder).catalog.card("parcel").purpose == "Sends parcels to customers abroad."


def test_catalog_survives_its_file(shop: GitRepository, tmp_path: Path) -> None:
    catalog = index(shop.folder).catalog
    catalog.save(tmp_path / "catalog.json")

    loaded = Catalog.load(tmp_path / "catalog.json")

    assert loaded == catalog
    assert loaded.fingerprint == catalog.fingerprint


def test_given_modules_replace_the_module_rule(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path)
    repository.commit("x", {"a/tax.py": python_file("tax"), "tests/test_tax.py": python_file("test_tax"), "b/c.py": ""})
    with open_snapshot(repository.folder) as snapshot:
        given = {"money": ["a/tax.py"], "checks": ["tests/test_tax.py", "tests/gone.py"]}
        catalog = index_snapshot(snapshot, modules=given).catalog

    assert {card.id: card.files for card in catalog.modules} == {
        "checks": ("tests/gone.py", "tests/test_tax.py"),
        "money": ("a/tax.py",),
    }
    assert "tax" in catalog.card("money").symbols


def test_given_modules_of_another_repository_are_refused(shop: GitRepository) -> None:
    with open_snapshot(shop.folder) as snapshot, pytest.raises(RepositoryError, match="none of the 1 files"):
        index_snapshot(snapshot, modules={"x": ["not/there.py"]})
