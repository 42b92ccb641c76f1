"""
The catalog as a value: look-ups, files, held-out symbols.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.index import index_snapshot
from graph.purpose import purpose_from
from graph.snapshot import open_snapshot
from graph.values import Catalog, PastRequirement, RepositoryError, load_history, save_history

TAX = '''"""Computes the surcharge of a cart. Other things too."""


def surcharge(cart):
    """Computes the surcharge of a cart."""
    return helper(cart)


class Ledger:
    """Keeps the books."""

    def post(self, entry):
        """Writes one entry."""


def kept(cart):
    """Stays where it is."""
'''


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    source = tmp_path / "source"
    for name in ("tax", "use"):
        (source / name).mkdir(parents=True)
    (source / "tax" / "__init__.py").write_text(TAX)
    (source / "use" / "a.py").write_text("from tax import surcharge, kept\n\nx = surcharge(1)\ny = kept(2)\n" * 3)
    with open_snapshot(source) as snapshot:
        return index_snapshot(snapshot).catalog


def test_held_out_symbols_leave_no_trace(catalog: Catalog) -> None:
    left = catalog.without_symbols({("tax/__init__.py", "surcharge")})

    assert "surcharge" not in json.dumps(left.to_json())
    assert "kept" in json.dumps(left.to_json())


def test_a_held_out_class_takes_its_members_along(catalog: Catalog) -> None:
    left = catalog.without_symbols({("tax/__init__.py", "Ledger")})

    qualified = [symbol.qualified for card in left.files for symbol in card.symbols]
    assert qualified == ["surcharge", "kept"]


def test_a_purpose_made_from_a_held_out_symbol_is_made_again(catalog: Catalog) -> None:
    module = catalog.module_of("tax/__init__.py") or ""
    left = catalog.without_symbols({("tax/__init__.py", "surcharge")})

    assert "Computes the surcharge" in catalog.card(module).purpose
    assert left.card(module).purpose == "Other things too."


def test_a_name_that_is_still_defined_elsewhere_stays_an_identifier(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("def twice():\n    pass\n\n\ntwice()\ntwice()\n")
    with open_snapshot(tmp_path) as snapshot:
        catalog = index_snapshot(snapshot).catalog

    left = catalog.without_symbols({("a.py", "twice")})

    assert [card.identifiers for card in left.files] == [(), ("twice",)]


def test_unknown_symbols_change_nothing(catalog: Catalog) -> None:
    assert catalog.without_symbols({("tax/__init__.py", "nothing"), ("no.py", "kept")}) == catalog
    assert catalog.without_symbols(()) is catalog


def test_fingerprint_follows_the_contents(catalog: Catalog) -> None:
    left = catalog.without_symbols({("tax/__init__.py", "kept")})

    assert len(catalog.fingerprint) == 64
    assert left.fingerprint != catalog.fingerprint


def test_unknown_modules_and_files_are_told_apart(catalog: Catalog) -> None:
    assert catalog.module_of("no/such/file.py") is None
    with pytest.raises(KeyError):
        catalog.card("no/such/module")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 99}', '{"format": 1, "modules": 3}'])
def test_a_damaged_catalog_file_is_refused(damage: str, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text(damage)

    with pytest.raises(RepositoryError, match="not a readable catalog"):
        Catalog.load(tmp_path / "catalog.json")


def test_history_survives_its_file(tmp_path: Path) -> None:
    rows = (
        PastRequirement("a" * 40, "2024-01-01T00:00:00+00:00", "Zeile\u2028eins\nzwei", ("tax",), ("a.py",), "Ada"),
        PastRequirement("b" * 40, "2024-01-02T00:00:00+00:00", "路线", ("tax", "cart"), ("a.py", "b.py"), "Bo"),
    )
    save_history(tmp_path / "history.jsonl", rows)

    assert load_history(tmp_path / "history.jsonl") == rows


def test_a_damaged_history_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"id": 1}\n')

    with pytest.raises(RepositoryError, match="not a readable history"):
        load_history(tmp_path / "history.jsonl")


@pytest.mark.parametrize(
    ("doc", "purpose"),
    [
        ("PLEASE NOTE: If you edit this file, please also update the script.", "Holds Tax and Vat."),
        ("Miscellaneous helpers.\n\nobjects set up here:\n", "Miscellaneous helpers."),
        ("TODO: implement own menu?", "Holds Tax and Vat."),
        ("Notes about namespaces set up here:\n\nRounds money. Rarely.", "Rounds money. Rarely."),
        ("Rounds money. TODO K is the key of this table.", "Rounds money."),
        ("INNER CLASSES", "Holds Tax and Vat."),
        ("This struct is private, do not export details. Rounds money.", "Rounds money."),
        ("Submodules should take care to stay apart.\n\nRounds money.", "Rounds money."),
        ("Important parts of the tax law.", "Important parts of the tax law."),
        ("Notes that people leave on a bill.", "Holds Tax and Vat."),
        ("See-through windows.", "See-through windows."),
    ],
)
def test_notes_to_developers_are_no_purpose(doc: str, purpose: str) -> None:
    assert purpose_from(doc, ("Tax", "Vat"), ()) == purpose
