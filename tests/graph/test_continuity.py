"""
Modules across versions: what became of each, and ids that last.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graph.continuity import ModuleFate, compare_catalogs
from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog
from tests.graph.repositories import GitRepository, python_file


def catalog_of(repository: GitRepository, commit: str | None = None, previous: Catalog | None = None) -> Catalog:
    with open_snapshot(repository.folder, commit=commit) as snapshot:
        return index_snapshot(snapshot, previous=previous).catalog


def fates_of(repository: GitRepository) -> dict[str, tuple[str, str]]:
    old, new = catalog_of(repository, repository.commits[0]), catalog_of(repository)
    return {fate.old or f"+{fate.new}": (fate.kind, fate.new) for fate in compare_catalogs(old, new).fates}


def move(repository: GitRepository, old: str, new: str) -> None:
    (repository.folder / new).parent.mkdir(parents=True, exist_ok=True)
    repository.git("mv", old, new)


def test_nothing_changed_is_kept(shop: GitRepository) -> None:
    catalog = catalog_of(shop)

    assert compare_catalogs(catalog, catalog).fates == tuple(
        ModuleFate("kept", id, id, 1.0, ((id, 1.0),)) for id in catalog.module_ids
    )


def test_a_renamed_folder_is_told_without_git(shop: GitRepository) -> None:
    move(shop, "shop/tax", "shop/duties")
    shop.commit("Taxes are called duties from now on", {"shop/duties/vat.py": python_file("vat", lines=50)})

    assert fates_of(shop) == {
        "cart": ("kept", "cart"),
        "mail": ("kept", "mail"),
        "shop": ("kept", "shop"),
        "tax": ("renamed", "duties"),
    }


def test_a_moved_folder_is_told(shop: GitRepository) -> None:
    move(shop, "shop/tax", "shop/cart/tax")
    shop.commit("Taxes are a matter of the cart")

    assert fates_of(shop)["tax"] == ("moved", "cart/tax")


def test_a_module_that_went_into_another_is_merged(shop: GitRepository) -> None:
    for name in ("vat", "rates", "rounding"):
        move(shop, f"shop/tax/{name}.py", f"shop/cart/{name}.py")
    move(shop, "shop/tax/__init__.py", "shop/cart/about_tax.py")
    shop.commit("Taxes and carts are one thing")

    assert fates_of(shop)["tax"] == ("merged", "cart")
    assert fates_of(shop)["cart"] == ("kept", "cart")


def test_a_module_that_became_two_is_split(shop: GitRepository) -> None:
    shop.commit("More about taxes", {f"shop/tax/more{n}.py": python_file(f"more{n}") for n in range(3)})
    shop.commits[0] = shop.commits[-1]
    for n in range(3):
        move(shop, f"shop/tax/more{n}.py", f"shop/extra/more{n}.py")
    shop.commit("Extra taxes are apart from now on")

    assert fates_of(shop)["tax"] == ("split", "tax")
    assert fates_of(shop)["+extra"] == ("added", "extra")


def test_added_and_removed_modules_are_told(shop: GitRepository) -> None:
    shop.git("rm", "-rq", "shop/mail")
    files = {f"shop/stock/{n}.py": f'"""Shelf {n}."""\n\n\ndef shelf_{n}():\n' + "    rack = 1\n" * 40 for n in "abc"}
    shop.commit("Letters are out, a stock is in", files)

    assert fates_of(shop)["mail"] == ("removed", "")
    assert fates_of(shop)["+stock"] == ("added", "stock")


def test_a_renamed_module_keeps_its_id_and_gains_an_alias(shop: GitRepository) -> None:
    before = catalog_of(shop)
    move(shop, "shop/tax", "shop/duties")
    shop.commit("Taxes are called duties from now on")

    after = catalog_of(shop, previous=before)

    assert after.module_ids == ("cart", "mail", "shop", "tax")
    assert after.card("tax").aliases == ("duties",)
    assert after.card("tax").path == "shop/duties"
    assert after.module_of("shop/duties/vat.py") == "tax"
    assert after.current_id("duties") == "tax"
    assert after.current_id("nothing") is None


def test_an_id_lasts_over_several_moves(shop: GitRepository) -> None:
    catalog = catalog_of(shop)
    for old, new in (("tax", "duties"), ("duties", "levies"), ("levies", "tax")):
        move(shop, f"shop/{old}", f"shop/{new}")
        shop.commit(f"Now {old} are {new}")
        catalog = catalog_of(shop, previous=catalog)

        assert catalog.current_id(new) == "tax"

    assert catalog.card("tax").aliases == ("levies", "duties")


def test_a_merged_module_leaves_its_id_as_an_alias(shop: GitRepository) -> None:
    before = catalog_of(shop)
    for name in ("vat", "rates", "rounding"):
        move(shop, f"shop/tax/{name}.py", f"shop/cart/{name}.py")
    move(shop, "shop/tax/__init__.py", "shop/cart/about_tax.py")
    shop.commit("Taxes and carts are one thing")

    assert catalog_of(shop, previous=before).current_id("tax") == "cart"


def test_a_new_module_never_takes_an_id_that_is_in_use(shop: GitRepository) -> None:
    before = catalog_of(shop)
    move(shop, "shop/tax", "shop/duties")
    files = {f"shop/tax/{n}.py": f'"""Form {n}."""\n\n\ndef form_{n}():\n' + "    field = 1\n" * 40 for n in "abc"}
    shop.commit("Tax forms are something else than duties", files)

    after = catalog_of(shop, previous=before)

    assert after.module_of("shop/duties/vat.py") == "tax"
    assert after.module_of("shop/tax/a.py") == "tax~2"
    assert after.card("tax").aliases == ("duties",)


def test_neighbours_and_graph_follow_the_lasting_id(shop: GitRepository) -> None:
    before = catalog_of(shop)
    move(shop, "shop/tax", "shop/duties")
    checkout = (shop.folder / "shop/cart/checkout.py").read_text().replace("..tax", "..duties")
    shop.commit("Taxes are called duties from now on", {"shop/cart/checkout.py": checkout})

    with open_snapshot(shop.folder) as snapshot:
        index = index_snapshot(snapshot, previous=before)

    assert dict(index.catalog.card("cart").imports)["tax"] == 1
    assert "file:shop/duties/vat.py" in index.graph["module:tax"]


def test_the_same_previous_catalog_always_gives_the_same_result(shop: GitRepository) -> None:
    before = catalog_of(shop)
    move(shop, "shop/tax", "shop/duties")
    shop.commit("Taxes are called duties from now on")

    assert catalog_of(shop, previous=before).fingerprint == catalog_of(shop, previous=before).fingerprint


def test_a_previous_commit_that_git_has_lost_does_no_harm(shop: GitRepository) -> None:
    before = replace(catalog_of(shop), commit="0" * 40)
    move(shop, "shop/tax", "shop/duties")
    shop.commit("Taxes are called duties from now on")

    assert catalog_of(shop, previous=before).module_ids == ("cart", "mail", "shop", "tax")


def test_catalogs_without_aliases_keep_their_old_json(shop: GitRepository, tmp_path: Path) -> None:
    catalog = catalog_of(shop)

    assert all("aliases" not in row for row in catalog.to_json()["modules"])
    assert Catalog.from_json(catalog.to_json()) == catalog


@pytest.mark.parametrize("count", [1, 7])
def test_aliases_survive_the_file(shop: GitRepository, tmp_path: Path, count: int) -> None:
    cards = tuple(
        replace(card, aliases=tuple(f"{card.id}-{n}" for n in range(count))) for card in catalog_of(shop).modules
    )
    catalog = replace(catalog_of(shop), modules=cards)
    catalog.save(tmp_path / "catalog.json")

    assert Catalog.load(tmp_path / "catalog.json") == catalog
