"""
Local patches against an old version: where each belongs in the new one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.continuity import compare_catalogs
from graph.index import index_snapshot
from graph.patches import PatchedFile, Place, parse_diff, place_patch, read_patches
from graph.snapshot import open_snapshot
from graph.values import Catalog, RepositoryError

TWO = "def vat(cart):\n" + "    total = 1\n" * 20 + "\n\ndef refund(cart):\n" + "    back = 2\n" * 20


def catalogs(tmp_path: Path, old: dict[str, str], new: dict[str, str]) -> tuple[Catalog, Catalog]:
    found = []
    for name, files in (("old", old), ("new", new)):
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        with open_snapshot(tmp_path / name) as snapshot:
            found.append(index_snapshot(snapshot).catalog)
    return found[0], found[1]


def placed(old: Catalog, new: Catalog, path: str, *lines: tuple[int, int]) -> Place:
    return place_patch(PatchedFile("ours.patch", path, lines), old, new, compare_catalogs(old, new))


def test_a_diff_of_git_is_read_with_its_changed_lines() -> None:
    diff = """diff --git a/shop/vat.py b/shop/vat.py
index 1..2 100644
--- a/shop/vat.py
+++ b/shop/vat.py
@@ -10,4 +10,5 @@ def vat(cart):
 one
-two
+TWO
+more
 three
 four
@@ -40,2 +41,1 @@
-gone
 stays
diff --git a/shop/old.py b/shop/new.py
similarity index 100%
rename from shop/old.py
rename to shop/new.py
diff --git a/shop/fresh.py b/shop/fresh.py
--- /dev/null
+++ b/shop/fresh.py
@@ -0,0 +1,1 @@
+--- not a header
"""

    assert list(parse_diff(diff, name="p")) == [
        PatchedFile("p", "shop/vat.py", ((11, 11), (40, 40))),
        PatchedFile("p", "shop/old.py", ()),
        PatchedFile("p", "shop/fresh.py", ((1, 1),)),
    ]


def test_a_patch_of_a_file_that_stayed_stays(tmp_path: Path) -> None:
    old, new = catalogs(tmp_path, {"vat.py": TWO}, {"vat.py": TWO + "x = 1\n"})

    place = placed(old, new, "vat.py", (3, 4))

    assert (place.state, place.targets, place.gone) == ("same place", (("vat.py", ("vat",)),), ())


def test_a_patch_of_a_moved_file_follows_it(tmp_path: Path) -> None:
    old, new = catalogs(tmp_path, {"shop/vat.py": TWO}, {"money/duties.py": TWO})

    place = placed(old, new, "shop/vat.py", (30, 30))

    assert (place.state, place.targets) == ("moved", (("money/duties.py", ("refund",)),))


def test_a_patch_of_a_file_taken_apart_goes_where_its_definitions_are(tmp_path: Path) -> None:
    first, second = TWO.split("\n\n")
    old, new = catalogs(tmp_path, {"vat.py": TWO}, {"vat.py": first + "\n", "refunds.py": second.lstrip()})

    assert placed(old, new, "vat.py", (30, 30)).targets == (("refunds.py", ("refund",)),)
    assert placed(old, new, "vat.py", (3, 3)).state == "same place"
    assert placed(old, new, "vat.py", (3, 3), (30, 30)).state == "taken apart"


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    other = 'def weigh(parcel):\n    """Weigh it."""\n    return parcel.grams\n'
    old, new = catalogs(tmp_path, {"vat.py": TWO, "parcel.py": other}, {"parcel.py": other})

    assert placed(old, new, "vat.py", (3, 3)) == Place("vat.py", "gone", 0.0, (), ("vat",))
    assert placed(old, new, "README.md", (1, 1)).state == "not source"


@pytest.mark.parametrize("path", ["vat.py", "shop/vat.py", "src/shop/vat.py"])
def test_paths_are_found_with_or_without_leading_folders(tmp_path: Path, path: str) -> None:
    old, new = catalogs(tmp_path, {"shop/vat.py": TWO}, {"shop/vat.py": TWO})

    assert placed(old, new, path, (3, 3)).old == "shop/vat.py"


def test_a_folder_without_diffs_and_a_file_without_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"holds no \.patch or \.diff file"):
        read_patches(tmp_path)
    (tmp_path / "a.patch").write_text("nothing of the kind\n")
    with pytest.raises(RepositoryError, match="holds no unified diff"):
        read_patches(tmp_path)
    with pytest.raises(RepositoryError, match="cannot be read"):
        read_patches(tmp_path / "missing.patch")
