import pytest

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog
from inference.labelled import LabelledText
from inference.ranker import Ranker
from tests.codebase import requirement, write_shop
from tests.rankers import tiny_ranker


@pytest.fixture(scope="session")
def shop_catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    with open_snapshot(folder, name="shop") as snapshot:
        return index_snapshot(snapshot).catalog


@pytest.fixture(scope="session")
def past() -> tuple[LabelledText, ...]:
    rows = (requirement(number) for number in range(120))
    return tuple(
        LabelledText(f"{i:040x}", text, (area,), "history", f"2024-03-{1 + i // 5:02d}T00:00:00+00:00")
        for i, (text, area, _) in enumerate(rows)
    )


@pytest.fixture(scope="session")
def ranker(shop_catalog: Catalog, past: tuple[LabelledText, ...]) -> Ranker:
    return tiny_ranker(shop_catalog, past)
