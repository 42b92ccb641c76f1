from collections import Counter
from typing import Any

import pytest
from transformers import AutoTokenizer

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog
from inference.prompt import LABELS
from inference.scorers import MOST_CANDIDATES
from tests.codebase import write_shop
from tests.models import small_base_model
from training.choosing import choice_row
from training.dataset import Example


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    with open_snapshot(write_shop(tmp_path_factory.mktemp("shop")), name="shop") as snapshot:
        return index_snapshot(snapshot).catalog


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(small_base_model(), local_files_only=True)


def _example(number: int) -> Example:
    return Example(f"{number:040x}", "history", "train", "Wrong postage", ("shipping", "billing"), "c")


def test_the_right_module_stands_at_any_label_and_the_answer_names_it(catalog: Catalog, tokenizer: Any) -> None:
    seen: Counter[str] = Counter()
    for number in range(60):
        row = choice_row(tokenizer, _example(number), catalog, candidates=range(len(catalog.modules)), seed=7)
        line = next(line for line in row.prompt.splitlines() if line.startswith(f"{row.answer}. "))
        assert line.startswith(f"{row.answer}. {catalog.card('shipping').text()[:15]}")
        assert catalog.card("billing").text()[:15] not in row.prompt
        seen[row.answer] += 1

    assert len(seen) == min(MOST_CANDIDATES, len(catalog.modules) - 1)
    assert max(seen.values()) < 30
    assert set(seen) <= set(LABELS)


def test_the_same_seed_gives_the_same_row(catalog: Catalog, tokenizer: Any) -> None:
    rows = [choice_row(tokenizer, _example(1), catalog, candidates=[0, 1, 2, 3], seed=seed) for seed in (7, 7)]

    assert rows[0] == rows[1]
