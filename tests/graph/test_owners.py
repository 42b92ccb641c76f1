"""
Who knows a module, and where the answer is kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.index import Index, index_snapshot
from graph.owners import Owner, by_module, load_owners, owners_of, parse_code_owners, save_owners, with_owners
from graph.relations import Relations, add_relations, read_relations
from graph.snapshot import open_snapshot
from graph.values import RepositoryError
from tests.graph.repositories import GitRepository, python_file
from training.config import TrainingConfig
from training.corpus import read_corpus


def related(location: Path, *, commits: int = 3000) -> tuple[Index, Relations]:
    with open_snapshot(location) as snapshot:
        index = index_snapshot(snapshot)
        relations = read_relations(snapshot, index.catalog, commits=commits)
    add_relations(index.graph, relations)
    return index, relations


def change_tax(shop: GitRepository, times: int, *, author: str, mail: str = "") -> None:
    for time in range(times):
        content = python_file("vat", lines=50 + time + 7 * len(shop.commits))
        shop.commit(f"Tax in the cart, step {time}", {"shop/tax/vat.py": content}, author=author, mail=mail)


def test_authors_of_recent_changes_own_a_module(shop: GitRepository) -> None:
    change_tax(shop, 40, author="Grace Hopper")

    index, relations = related(shop.folder)

    assert by_module(relations.owners)["tax"] == (
        Owner("Grace Hopper", "tax", 0.98, "history", ("grace@example.org",)),
    )
    assert index.graph["person:Grace Hopper"]["module:tax"]["owns (history)"]["share"] == 0.98


def test_code_owners_own_a_module_and_come_first(shop: GitRepository) -> None:
    change_tax(shop, 40, author="Grace Hopper")
    shop.commit("Say who owns what", {".github/CODEOWNERS": "* @all\n/shop/tax/ @taxes  # for now\n"})

    index, relations = related(shop.folder)

    assert Owner("@taxes", "tax", 1.0, "CODEOWNERS") in relations.owners
    assert with_owners(index.catalog, relations.owners).card("tax").owners == ("@taxes", "Grace Hopper")


@pytest.mark.parametrize(
    ("pattern", "path", "owned"),
    [
        ("*", "a/b.py", True),
        ("*.py", "a/b.py", True),
        ("*.py", "a/b.js", False),
        ("/a/", "a/b/c.py", True),
        ("/a/", "x/a/c.py", False),
        ("a/", "x/a/c.py", True),
        ("/a/*", "a/b.py", True),
        ("a/**/c.py", "a/x/y/c.py", True),
        ("a/**/c.py", "a/c.py", True),
        ("[section]", "a.py", False),
        ("docs", "docs/a.md", True),
    ],
)
def test_patterns_of_code_owners(pattern: str, path: str, owned: bool) -> None:
    assert bool(owners_of(path, parse_code_owners(f"{pattern} @me"))) is owned


def test_one_person_with_two_names_and_two_addresses_is_one_owner(shop: GitRepository) -> None:
    change_tax(shop, 20, author="ada", mail="ada@old.example.org")
    change_tax(shop, 20, author="Ada", mail="ada@old.example.org")
    change_tax(shop, 20, author="Ada", mail="7+ada@users.noreply.github.com")
    change_tax(shop, 20, author="Ada", mail="ada@example.org")

    _, relations = related(shop.folder)

    assert by_module(relations.owners)["tax"][0].person == "Ada"
    assert by_module(relations.owners)["tax"][0].mails == ("ada@example.org", "ada@old.example.org")


def test_a_module_that_has_not_changed_for_long_still_has_an_owner(shop: GitRepository) -> None:
    change_tax(shop, 3, author="Grace Hopper")

    _, relations = related(shop.folder, commits=2)

    assert by_module(relations.owners)["mail"][0].person == "Ada Lovelace"


def test_owners_survive_their_file(shop: GitRepository, tmp_path: Path) -> None:
    shop.commit("Say who owns what", {"CODEOWNERS": "/shop/tax/ tax@example.org\n"})
    _, relations = related(shop.folder)

    save_owners(tmp_path / "owners.json", relations.owners)

    assert load_owners(tmp_path / "owners.json") == by_module(relations.owners)
    assert load_owners(tmp_path / "owners.json")["tax"][0].mails == ("tax@example.org",)


def test_a_repository_indexed_before_there_were_owners_has_none(tmp_path: Path) -> None:
    assert load_owners(tmp_path / "owners.json") == {}


@pytest.mark.parametrize("damage", ["{", "[]", '{"tax": [{"person": "Ada"}]}', '{"tax": 3}'])
def test_a_damaged_file_is_refused(damage: str, tmp_path: Path) -> None:
    (tmp_path / "owners.json").write_text(damage)

    with pytest.raises(RepositoryError, match="index the repository again"):
        load_owners(tmp_path / "owners.json")


def test_training_keeps_owners_and_recent_requirements_on_the_cards(shop: GitRepository, tmp_path: Path) -> None:
    change_tax(shop, 3, author="Grace Hopper")

    corpus = read_corpus(
        shop.folder, name="shop", home=tmp_path / "home", config=TrainingConfig(), report=lambda *_: None
    )

    assert corpus.catalog.card("tax").owners == ("Grace Hopper", "Ada Lovelace")
    assert corpus.catalog.card("tax").recent[0] == "Tax in the cart, step 2"
    assert set(load_owners(tmp_path / "home" / "repositories" / "shop" / "owners.json")) == {
        "cart",
        "mail",
        "shop",
        "tax",
    }
