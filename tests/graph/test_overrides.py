"""
`signpost.toml`: what people say about their modules themselves.
"""

from __future__ import annotations

import logging

import pytest

from graph.index import Index, index_snapshot
from graph.overrides import Overrides, parse_overrides
from graph.snapshot import open_snapshot
from graph.values import Catalog, RepositoryError
from tests.graph.repositories import GitRepository


def indexed(shop: GitRepository, toml: str, previous: Catalog | None = None) -> Index:
    shop.commit("Say how modules are cut", {"signpost.toml": toml})
    with open_snapshot(shop.folder) as snapshot:
        return index_snapshot(snapshot, previous=previous)


def test_a_module_is_renamed_and_still_found_by_its_old_id(shop: GitRepository) -> None:
    catalog = indexed(shop, '[modules.rename]\n"tax" = "money/tax"\n').catalog

    assert catalog.module_ids == ("cart", "mail", "money/tax", "shop")
    assert catalog.current_id("tax") == "money/tax"
    assert dict(catalog.card("cart").imports)["money/tax"] == 1


def test_a_given_name_wins_over_the_id_of_last_time(shop: GitRepository) -> None:
    before = indexed(shop, "").catalog
    after = indexed(shop, '[modules.rename]\n"tax" = "money/tax"\n', before).catalog

    assert after.card("money/tax").aliases == ("tax",)


def test_modules_are_merged(shop: GitRepository) -> None:
    catalog = indexed(shop, '[modules.merge]\n"cart" = ["tax"]\n"post" = ["mail"]\n').catalog

    assert catalog.module_ids == ("cart", "post", "shop")
    assert catalog.module_of("shop/tax/vat.py") == "cart"
    assert (catalog.current_id("tax"), catalog.current_id("mail")) == ("cart", "post")


def test_a_module_is_split(shop: GitRepository) -> None:
    catalog = indexed(shop, '[modules.split]\n"tax" = ["shop/tax/vat.py", "shop/tax/r*.py"]\n').catalog

    assert catalog.card("tax/vat").files == ("shop/tax/vat.py",)
    assert catalog.card("tax/r").files == ("shop/tax/rates.py", "shop/tax/rounding.py")
    assert catalog.card("tax").files == ("shop/tax/__init__.py",)


def test_files_are_excluded(shop: GitRepository) -> None:
    index = indexed(shop, '[modules]\nexclude = ["shop/mail", "**/rates.py"]\n')

    assert index.catalog.module_ids == ("cart", "shop", "tax")
    assert index.catalog.module_of("shop/tax/rates.py") is None
    assert dict(index.apart)["excluded"] == 5


def test_a_description_is_the_purpose(shop: GitRepository) -> None:
    toml = '[modules.rename]\ntax = "money"\n[modules.describe]\nmoney = "Everything that goes to the state."\n'

    assert indexed(shop, toml).catalog.card("money").purpose == "Everything that goes to the state."


def test_names_that_no_longer_exist_are_a_warning(shop: GitRepository, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="signpost.graph"):
        catalog = indexed(shop, '[modules.rename]\n"gone" = "other"\n').catalog

    assert catalog.module_ids == ("cart", "mail", "shop", "tax")
    assert "modules.rename names 'gone', but there is no such module" in caplog.text


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[modules", "is not valid TOML"),
        ("colour = 1", "unknown part 'colour'"),
        ("modules = 3", "modules must be a table, got 3"),
        ("[modules]\nmove = 1", "modules.move is unknown, expected one of exclude, split"),
        ('[modules]\nexclude = "a"', "modules.exclude must be a list of texts, got a text"),
        ("[modules]\nexclude = [1]", "modules.exclude must be a text that is not empty, got 1"),
        ('[modules]\nrename = ["a"]', "modules.rename must be a table of module ids, got a list"),
        ('[modules.rename]\na = "/b"', "must give an id like core/routing, got '/b'"),
        ("[modules.rename]\na = true", "got true or false"),
        ('[modules.rename]\ntax = "cart"', "two modules would be called 'cart'"),
        ('[modules.split]\ntax = ["shop/tax/v*", "shop/tax/v?t.py"]\n[modules.describe]\nx = ""', "modules.describe.x"),
    ],
)
def test_a_bad_file_is_one_clear_sentence(shop: GitRepository, toml: str, says: str) -> None:
    with pytest.raises(RepositoryError, match=r"signpost\.toml") as caught:
        indexed(shop, toml)

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(RepositoryError, match="is not valid TOML"):
        parse_overrides(b"\xff\xfe\x00")


def test_an_empty_file_changes_nothing() -> None:
    assert parse_overrides(b"") == Overrides()
