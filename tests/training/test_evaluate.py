from pathlib import Path

import numpy as np

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from inference.labelled import LabelledText
from inference.ranker import ALL_FEATURES
from tests.codebase import write_shop
from tests.models import small_base_model, tiny_network
from tests.rankers import tiny_ranker
from training.config import TrainingConfig
from training.dataset import Dataset, Example
from training.evaluate import prepare
from training.fitting import fit_ranker, known_by_then


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


def test_test_rows_are_asked_of_a_shortlist_that_knows_the_dev_rows(tmp_path: Path) -> None:
    with open_snapshot(write_shop(tmp_path), name="shop") as snapshot:
        catalog = index_snapshot(snapshot).catalog
    model = tiny_network(small_base_model())

    def example(number: int, split: str, text: str, module: str) -> Example:
        return Example(str(number), "history", split, text, (module,), "c", f"2026-01-{number + 1:02d}")

    train = [example(i, "train", f"postage of parcel {i}", ("shipping", "billing")[i % 2]) for i in range(6)]
    dev = [example(6, "dev", "wrong zebra", "search")]
    test = [example(7, "test", "another zebra", "search")]
    ranker, asked_dev, asked_test = fit_ranker(
        "tiny-1",
        model,
        catalog,
        Dataset((*train, *dev, *test), "history"),
        config=TrainingConfig(),
        report=lambda *_: None,
        memory={},
    )
    column, at = ALL_FEATURES.index("popularity"), catalog.module_ids.index("search")

    assert asked_test.features[0][at, column] > asked_dev.features[0][at, column]
    assert [row.id for row in ranker.shortlist.past] == [row.id for row in train]
    assert known_by_then(Dataset((*train, *dev, *test), "graph")) == ()
