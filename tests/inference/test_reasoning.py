import pytest

from graph.values import Catalog, FileCard, ModuleCard, Symbol
from inference.evidence import EvidenceIndex
from inference.labelled import LabelledText
from inference.lexical import PastIndex
from inference.reasoning import off_topic_notice, template_reasoning
from inference.text import language_of
from inference.values import Evidence
from inference.verifier import Verifier, split_sentences

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


def test_what_somebody_asked_is_not_quoted_to_others_as_a_past_requirement(shop_catalog: Catalog) -> None:
    asked = LabelledText("question-1", ASKED, ("shipping",), "outcome", "2026-01-01", ())
    done = LabelledText("c" * 40, ASKED, ("shipping",), "history", "2026-01-02", ())
    found = EvidenceIndex(shop_catalog).gather(ASKED, "shipping", nearest=PastIndex((asked, done)).nearest(ASKED))

    assert [item.commit for item in found if item.kind == "past"] == [done.id]


def test_the_symbol_a_text_was_made_of_is_no_evidence_for_it(shop_catalog: Catalog) -> None:
    index = EvidenceIndex(shop_catalog)
    key = ("shop/shipping/postage.py", "compute_postage")
    found = index.gather("compute the postage", "shipping", without=key, symbols=50)

    assert all((item.file, item.name) != key for item in found)


def test_the_name_of_the_repository_speaks_for_no_module() -> None:
    symbols = (
        Symbol("TollHopper", "class", "TollHopper", 1, 9, "", ""),
        Symbol("Toll", "class", "Toll", 11, 19, "", ""),
    )
    file = FileCard("a/Toll.java", "a", "java", 9, "", symbols, ())
    modules = tuple(ModuleCard(name, name, name, "", (), ()) for name in "abcdefg")
    index = EvidenceIndex(Catalog("hopper", "c", modules, (file,)))

    assert index.gather("hopper is slow", "a") == ()
    assert [item.name for item in index.gather("toll of a hopper", "a")] == ["Toll", "TollHopper"]


def test_a_constructor_says_nothing_that_its_class_does_not() -> None:
    symbols = tuple(
        Symbol("Tax", kind, qualified, line, line, "Tax()", "")
        for line, (kind, qualified) in enumerate((("class", "Tax"), ("constructor", "Tax.Tax")), start=1)
    )
    file = FileCard("shop/Tax.java", "shop", "java", 9, "", symbols, ())
    module = ModuleCard("shop", "shop", "shop", "", (file.path,), ("Tax",))
    catalog = Catalog("shop", "c" * 40, (module,), (file,))

    assert [item.name for item in EvidenceIndex(catalog).gather("the tax is wrong", "shop")] == ["Tax"]


def test_what_every_requirement_asks_for_is_no_evidence() -> None:
    symbols = (Symbol("add", "function", "add", 1, 2, "add(x)", "Add a change."),)
    file = FileCard("shop/basket.py", "shop", "python", 9, "", symbols, ())
    module = ModuleCard("shop", "shop", "shop", "", (file.path,), ("add",))
    index = EvidenceIndex(Catalog("shop", "c" * 40, (module,), (file,)))

    assert index.gather("added the changes, which fixes updated rows", "shop") == ()


def test_the_template_passes_its_own_check(shop_catalog: Catalog, evidence: tuple[Evidence, ...]) -> None:
    for variant in range(3):
        text = template_reasoning(ASKED, "shipping", evidence, variant=variant)
        assert 2 <= len(_kept(shop_catalog, evidence, text)) <= 4


INVENTED = [
    "The function invent_postage does it.",
    "It is in shop/shipping/invented.py.",
    "See PostageManager for that.",
    "Commit 0123abc4567 did the same.",
    "Commit deadbeef was alike.",
    "compute_postage is defined in shop/billing/refund.py.",
    "compute_postage is at shop/shipping/postage.py:999.",
    "compute_postage is in shop/shipping/postage.py, line 999.",
    'It says "never was asked before" in the history.',
    "This belongs in warehouse.",
    "compute_postage meets it, so it belongs in warehouse.",
    "It simply feels right.",
    "Use `shipping.Service` here.",
    "shipping imports shipping.",
    "shipping is imported by compute_postage.",
    "compute_postage calls store_postage.",
    "compute_postage depends on the same thing.",
    "compute_postage is a method of the Calculator class.",
    "compute_postage belongs to the calculator class.",
    "compute_postage is close to the function frobnicate.",
    "frobnicate in shop/shipping/postage.py is close to it.",
    "postage in shop/shipping/postage.py is close to it.",
    "compute_postage was written by Alice.",
    "compute_postage was changed in 2019.",
    "compute_postage in shop/shipping/postage.py has 17 arguments.",
    "compute_postage is like the old Calculator.",
    "compute_postage is part of Rechnungswesen-Modul.",
    "compute_postage heißt hier anders.",
    "compute_postage 位于 shop/shipping/postage.py。",
    "compute_postage is documented at https://example.org/postage.",
    "compute_postage in shop/shipping/postage.pyc meets it.",
    "shipping/postage.py defines it.",
    "validate_invoice in shop/billing/invoice.py is close to it.",
    "compute_postage is near store_invoice.",
    "compute_postage runs on Kubernetes.",
    "<script>alert(1)</script> compute_postage.",
    "compute_postage meets it in step v2.3.1.",
]


@pytest.mark.parametrize("sentence", INVENTED)
def test_a_sentence_with_something_invented_is_dropped(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...], sentence: str
) -> None:
    true = "compute_postage in shop/shipping/postage.py is near."

    assert _kept(shop_catalog, evidence, f"{sentence} {true}") == (true,)


@pytest.mark.parametrize(
    "sentence",
    ["That is warehouse.", "So it belongs in warehouse.", "That is warehouse (5 times).", "shipping (5 times)."],
)
def test_a_neighbour_is_named_only_in_its_relation(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...], sentence: str
) -> None:
    relation = Evidence("relation", "shipping imports warehouse (5 times)", "shipping", "warehouse")
    true = "compute_postage in shop/shipping/postage.py is near."
    told = "shipping imports warehouse (5 times)."

    assert _kept(shop_catalog, (*evidence, relation), f"{sentence} {told} {true}") == (told, true)


def test_a_name_that_only_the_requirement_has_is_not_repeated_as_one_of_the_code(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...]
) -> None:
    asked = f"{ASKED} in PostageManager.wrong_one"
    true = "compute_postage in shop/shipping/postage.py is near."
    text = f'PostageManager.wrong_one is near. {true} The requirement says "PostageManager.wrong_one".'
    kept = Verifier(shop_catalog).keep_true(text, requirement=asked, module="shipping", evidence=evidence)

    assert kept == (true, 'The requirement says "PostageManager.wrong_one".')


def _line_of(evidence: tuple[Evidence, ...]) -> str:
    return next(item.text.split('"')[1] for item in evidence if item.kind == "past")


def test_a_definition_and_a_commit_are_quoted_only_with_what_they_say(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...]
) -> None:
    commit = next(item.commit or "" for item in evidence if item.kind == "past")[:10]
    true = 'compute_postage in shop/shipping/postage.py meets "postage". `compute_postage` is near.'
    false = [
        'compute_postage in shop/shipping/postage.py meets "Commit".',  # of the evidence's own form
        'compute_postage in shop/shipping/postage.py meets "people".',  # only the requirement says so
        'compute_postage in shop/shipping/postage.py meets "post".',  # half a word
        'The word "compute_postage" points to compute_postage in shop/shipping/postage.py.',  # nobody said so
        f'Commit {commit} was alike, "commit", and led to shipping.',
        f'Commit {commit} was alike, "{_line_of(evidence).split()[0]}", and led to shipping.',  # no more than a word
        f'Commit {commit} was alike, "{_line_of(evidence)} 39317", and led to shipping.',
    ]

    assert _kept(shop_catalog, evidence, " ".join([*false, true])) == tuple(split_sentences(true))


def test_a_sentence_that_was_cut_off_is_dropped(shop_catalog: Catalog, evidence: tuple[Evidence, ...]) -> None:
    true = "compute_postage in shop/shipping/postage.py is near."

    assert _kept(shop_catalog, evidence, f"{true} So it belongs in") == (true,)


def test_true_sentences_are_kept_in_order_without_repeats(
    shop_catalog: Catalog, evidence: tuple[Evidence, ...]
) -> None:
    first = evidence[0]
    true = f'{first.name} is in {first.file} and meets "postage".'

    assert _kept(shop_catalog, evidence, f"{true} {true} So it belongs in shipping.") == (
        true,
        "So it belongs in shipping.",
    )


def test_it_is_said_of_something_that_was_named_before(shop_catalog: Catalog) -> None:
    told = EvidenceIndex(shop_catalog).gather("store or compute the postage", "shipping", symbols=2)
    first, second = (f"{item.name} in {item.file}" for item in told)
    true = (f"{first} is near.", f"{second} is close to it.")
    false = [
        f"{second} is close to it.",
        f"{first} is near.",
        f"{first} is close to it.",
        f"Near {second} is close to it.",
    ]

    assert _kept(shop_catalog, told, " ".join(true)) == true
    assert _kept(shop_catalog, told, " ".join(false)) == true[:1]


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


CHINESE = "两个人同时编辑时 postage 不正确，请修复"


def test_a_chinese_question_is_answered_in_chinese_with_the_same_evidence(evidence: tuple[Evidence, ...]) -> None:
    text = template_reasoning(CHINESE, "shipping", evidence)
    first = evidence[0]

    assert language_of(text) == "zh"
    assert f"{first.file}:{first.line} 中的 {first.name} " in text
    assert 2 <= text.count("。") <= 4
    assert "因此这个需求属于 shipping" in text


def test_without_evidence_the_chinese_template_admits_it_too() -> None:
    assert "没有特别对应的定义" in template_reasoning("你好，这里怎么改", "shipping", ())


@pytest.mark.parametrize(
    ("asked", "told"), [("thanks!", "does not look like a change to shop"), ("谢谢", "不像是对 shop")]
)
def test_what_is_no_requirement_is_told_how_to_ask(asked: str, told: str) -> None:
    assert told in off_topic_notice(asked, "shop")
