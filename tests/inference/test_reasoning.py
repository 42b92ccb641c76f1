import pytest

from graph.values import Catalog
from inference.evidence import EvidenceIndex
from inference.labelled import LabelledText
from inference.reasoning import Verifier, template_reasoning
from inference.shortlist import PastIndex
from inference.values import Evidence

ASKED = "Wrong postage when two people edit"


@pytest.fixture(scope="module")
def evidence(shop_catalog: Catalog, past: tuple[LabelledText, ...]) -> tuple[Evidence, ...]:
    nearest = PastIndex(past).nearest(ASKED)
    return EvidenceIndex(shop_catalog).gather(ASKED, "shipping", nearest=nearest)


def _kept(catalog: Catalog, evidence: tuple[Evidence, ...], text: str) -> tuple[str, ...]:
    return Verifier(catalog).keep_true(text, requirement=ASKED, module="shipping", evidence=evidence)


def test_evidence_names_definitions_that_exist(shop_catalog: Catalog, evidence: tuple[Evidence, ...]) -> None:
    symbols = [item for item in evidence if item.kind == "symbol"]

    assert symbols
    for item in symbols:
        defined = {(symbol.qualified, symbol.line) for symbol in shop_catalog.file(item.file or "").symbols}
        assert (item.name, item.line) in defined
        assert shop_catalog.module_of(item.file or "") == "shipping"


def test_evidence_quotes_past_requirements_of_the_module(evidence: tuple[Evidence, ...]) -> None:
    told = [item for item in evidence if item.kind == "past"]

    assert told
    assert all(item.commit and item.commit[:10] in item.text for item in told)


def test_the_symbol_a_text_was_made_of_is_no_evidence_for_it(shop_catalog: Catalog) -> None:
    index = EvidenceIndex(shop_catalog)
    key = ("shop/shipping/postage.py", "compute_postage")
    found = index.gather("compute the postage", "shipping", without=key, symbols=50)

    assert all((item.file, item.name) != key for item in found)


def test_the_template_passes_its_own_check(shop_catalog: Catalog, evidence: tuple[Evidence, ...]) -> None:
    for variant in range(3):
        text = template_reasoning(ASKED, "shipping", evidence, variant=variant)
        assert 2 <= len(_kept(shop_catalog, evidence, text)) <= 4


@pytest.mark.parametrize(
    "sentence",
    [
        "The function invent_postage does it.",
        "It is in shop/shipping/invented.py.",
        "See PostageManager for that.",
        "Commit 0123abc4567 did the same.",
        "compute_postage is defined in shop/billing/refund.py.",
        "compute_postage is at shop/shipping/postage.py:999.",
        'It says "never was asked before" in the history.',
        "This belongs in warehouse.",
        "It simply feels right.",
        "Use `shipping.Service` here.",
        "shipping imports shipping.",
        "shipping is imported by compute_postage.",
    ],
)
def test_a_sentence_with_something_invented_is_dropped(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...], sentence: str
) -> None:
    assert _kept(shop_catalog, evidence, f"{sentence} postage points to compute_postage.")[:1] != (sentence,)


def test_true_sentences_are_kept_in_order_without_repeats(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...]
) -> None:
    first = evidence[0]
    true = f'{first.name} is in {first.file} and meets "postage".'

    assert _kept(shop_catalog, evidence, f"{true} {true} So it belongs in shipping.") == (
        true,
        "So it belongs in shipping.",
    )


@pytest.mark.parametrize(
    "text",
    [
        "So it belongs in shipping.",
        '"postage" is about "postage". So it belongs in shipping.',
        '"function compute_postage in shop/shipping/postage.py" is close to it.',
    ],
)
def test_a_text_that_names_no_evidence_gives_way_to_the_template(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...], text: str
) -> None:
    assert _kept(shop_catalog, evidence, text) == ()


def test_without_evidence_the_template_admits_it() -> None:
    assert "No single definition" in template_reasoning("hello", "shipping", ())
