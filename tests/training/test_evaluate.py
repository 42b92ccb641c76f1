from pathlib import Path

import numpy as np

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from inference.labelled import LabelledText
from tests.codebase import write_shop
from tests.rankers import tiny_ranker
from training.dataset import Example
from training.evaluate import prepare


def test_rows_prepared_in_batches_have_the_features_that_are_served(tmp_path: Path) -> None:
    with open_snapshot(write_shop(tmp_path), name="shop") as snapshot:
        catalog = index_snapshot(snapshot).catalog
    ranker = tiny_ranker(catalog, [LabelledText("1", "postage of parcels", ("shipping",), "history", "2026-01-01")])
    asked = ["Wrong postage", "The invoice of a very long order lacks its tax line", "Search"]
    examples = [Example(str(i), "history", "dev", text, ("shipping",), "c") for i, text in enumerate(asked)]
    served, batched = (prepare(ranker, examples, in_batches=together) for together in (False, True))

    assert batched.relevant == served.relevant
    assert len({features.tobytes() for features in batched.features}) == 3
    for one, other in zip(batched.features, served.features, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
