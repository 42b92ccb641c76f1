"""
Golden rows: prompts with their answers, on which a merged model must say what base + adapter said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graph.values import Catalog
from inference.prompt import explain_answer, explain_prompt, place_prompt
from inference.replay import Row
from training.dataset import Example

REASONED = 16  # every sixteenth row is a chain of thought: four times as long as a direct one
MAX_CHARACTERS = 120  # a longer text costs seconds and shows nothing more


def golden_rows(tokenizer: Any, examples: Sequence[Example], catalog: Catalog, *, count: int) -> list[Row]:
    """
    Render *count* rows with distinct requirements: *examples* first, then lines of the module cards.

    Args:
        examples: In the order of preference; those for a module that is not in *catalog* are fine, too.

    Returns:
        Fewer than *count* only where the repository has fewer texts.
    """
    rows: list[Row] = []
    seen: set[str] = set()
    for text, module, example in _texts(examples, catalog):
        text = text[:MAX_CHARACTERS].strip()
        if not text or text in seen:
            continue
        seen.add(text)
        if example is not None and example.reasoning and len(rows) % REASONED == REASONED - 1:
            prompt = explain_prompt(
                tokenizer,
                repository=catalog.repository,
                requirement=text,
                module=module,
                evidence=example.evidence,
            )
            rows.append(Row(prompt, explain_answer(example.reasoning, module)))
        else:
            rows.append(Row(place_prompt(tokenizer, repository=catalog.repository, requirement=text), module))
        if len(rows) == count:
            break
    return rows


def _texts(examples: Sequence[Example], catalog: Catalog) -> Iterator[tuple[str, str, Example | None]]:
    for example in examples:
        yield example.requirement, example.modules[0], example
    for card in catalog.modules:
        for text in (card.purpose, card.title, card.doc, *card.symbols):
            yield text, card.id, None
    for file in catalog.files:
        for symbol in file.symbols:
            for text in (symbol.doc, symbol.name):
                yield text, file.module, None
