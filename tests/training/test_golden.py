"""
On which rows a merged model has to prove itself.
"""

import pytest

from graph.values import Catalog, FileCard, ModuleCard, Symbol
from inference.prompt import explain_prompt, place_prompt
from tests.models import small_base_model, tiny_network
from training.config import PRESETS, TrainingConfig
from training.dataset import Example
from training.golden import MAX_CHARACTERS, golden_rows


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return tiny_network(small_base_model()).tokenizer


SYMBOL = Symbol("weigh", "function", "weigh", 1, 2, "", "Weighs it.")
CATALOG = Catalog(
    "shop",
    "c",
    (ModuleCard("shipping", "Shipping", "shop/shipping", "Sends parcels.", ("a.py",), ("Parcel", "weigh")),),
    (FileCard("a.py", "shipping", "python", 3, "", (SYMBOL,), ()),),
)


def _example(i: int, text: str = "") -> Example:
    return Example(
        id=f"c{i}",
        origin="history",
        split="dev",
        requirement=text or f"Change number {i}",
        modules=("shipping",),
        commit="c",
        evidence=("a line",),
        reasoning="It says so.",
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_proves_the_merge_on_at_least_200_prompts(preset: TrainingConfig) -> None:
    assert preset.golden_prompts >= 200


def test_golden_rows_are_distinct_and_every_sixteenth_is_a_chain_of_thought(tokenizer: object) -> None:
    examples = [_example(i) for i in range(40)] + [_example(90 + i, "x" * 500) for i in range(3)]
    rows = golden_rows(tokenizer, examples, CATALOG, count=41)
    explained = explain_prompt(
        tokenizer, repository="shop", requirement="Change number 15", module="shipping", evidence=("a line",)
    )

    assert len({row.prompt for row in rows}) == 41
    assert [i for i, row in enumerate(rows) if "It says so." in row.answer] == [15, 31]
    assert rows[15].prompt == explained
    assert rows[40].prompt == place_prompt(tokenizer, repository="shop", requirement="x" * MAX_CHARACTERS)


def test_module_cards_make_up_for_texts_that_are_missing(tokenizer: object) -> None:
    rows = golden_rows(tokenizer, [_example(1)], CATALOG, count=200)
    texts = ("Change number 1", "Sends parcels.", "Shipping", "Parcel", "weigh", "Weighs it.")

    assert [row.prompt for row in rows] == [
        place_prompt(tokenizer, repository="shop", requirement=text) for text in texts
    ]
    assert {row.answer for row in rows} == {"shipping"}
