from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from transformers import AutoTokenizer

from graph.index import index_snapshot
from graph.snapshot import open_snapshot
from graph.values import Catalog
from inference.prompt import LABELS
from inference.scorers import MOST_CANDIDATES
from inference.shortlist import Shortlist
from tests.codebase import write_shop
from tests.models import small_base_model
from training.batches import TrainingRow, encode_row
from training.choosing import choice_row, nearest_candidates
from training.config import TrainingConfig
from training.dataset import Dataset, Example
from training.mix import training_rows


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


def _choices(rows: Sequence[TrainingRow]) -> int:
    return sum(len(row.answer) == 1 for row in rows)


def test_choices_take_their_share_of_the_tokens_and_ask_about_the_past_first(catalog: Catalog, tokenizer: Any) -> None:
    texts = [replace(_example(number), origin="graph", requirement="Do it") for number in range(4)]
    dataset = Dataset((*texts, *(_example(number) for number in range(4, 8))), "history")
    asked: list[str] = []

    def candidates(requirement: str) -> range:
        asked.append(requirement)
        return range(len(catalog.modules))

    choice = choice_row(tokenizer, _example(4), catalog, candidates=range(len(catalog.modules)), seed=7)
    one = len(encode_row(tokenizer, choice).ids)
    config = TrainingConfig(epochs=1, token_budget=9 * one, choice_share=1 / 3)
    rows = training_rows(tokenizer, dataset, catalog, config, candidates=candidates)

    assert 2 <= _choices(rows) <= 3
    assert set(asked) == {"Wrong postage"}
    assert sum(len(encode_row(tokenizer, row).ids) for row in rows) <= config.token_budget
    assert _choices(training_rows(tokenizer, dataset, catalog, config)) == 0


def test_candidates_are_what_the_shortlist_puts_first(catalog: Catalog) -> None:
    found = nearest_candidates(Shortlist.fit(catalog, ()))("The postage of a parcel is wrong")

    assert sorted(found) == list(range(len(catalog.modules)))
    assert catalog.module_ids[found[0]] == "shipping"
