"""
Labels that follow their modules.
"""

from __future__ import annotations

from dataclasses import replace

from graph.values import Catalog
from inference.labelled import LabelledText, known_only


def test_labels_follow_modules_that_were_renamed_or_merged(shop_catalog: Catalog) -> None:
    first, *others = shop_catalog.modules
    renamed = replace(shop_catalog, modules=(replace(first, aliases=("before", "long before")), *others))
    rows = (
        LabelledText("1", "one", ("before", "long before", "nowhere"), "feedback", ""),
        LabelledText("2", "two", ("nowhere",), "feedback", ""),
    )

    assert known_only(rows, renamed) == (LabelledText("1", "one", (first.id,), "feedback", ""),)
