"""
The benches' own tools must be able to find something.
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from inference.labelled import LabelledText
from inference.values import Evidence, Reasoning
from tests.bench.bench_closed_book import table
from tests.bench.bench_pooled import table as pooled_table
from tests.bench.bench_reasoning import GitChecker
from tests.bench.paraphrases import by_hand
from tests.codebase import requirement, write_shop_with_history
from training.bench_set import BenchSet
from training.paraphrasing import RULES, paraphrases

ASKED = "Wrong postage when two people edit"


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> GitChecker:
    folder = write_shop_with_history(tmp_path_factory.mktemp("shop"), commits=20)
    return GitChecker(folder, "HEAD", {"shipping": {"imports": [["billing", 3]], "imported_by": []}, "billing": {}})


def _complaints(checker: GitChecker, text: str, *evidence: Evidence) -> list[str]:
    return checker.complaints(ASKED, Reasoning(text, evidence, True))


def test_an_answer_about_what_exists_gets_no_complaint(checker: GitChecker) -> None:
    line = next(i for i in range(1, 40) if "def compute_postage" in checker.line("shop/shipping/postage.py", i))
    symbol = Evidence("symbol", "", "shipping", "compute_postage", "shop/shipping/postage.py", line)
    relation = Evidence("relation", "shipping imports billing (3 times)", "shipping", "billing")
    text = (
        f'"postage" points to compute_postage in shop/shipping/postage.py:{line}. shipping imports billing (3 times). '
        "So it belongs in shipping."
    )

    assert _complaints(checker, text, symbol, relation) == []
    assert _complaints(checker, text, symbol, replace(relation, text="shipping 引用 billing（3 次）")) == []


@pytest.mark.parametrize(
    "text",
    [
        "PostageManager does it.",
        "See shop/shipping/nothing.py for it.",
        "compute_postages is close to it.",
        "Commit 0123456789 was alike.",
        "frobnicate is close to it.",
        'It says "never asked" here.',
        "它在 PostageManager 中。",
        "shipping.Service.run is close to it.",
    ],
)
def test_every_invented_name_is_found(checker: GitChecker, text: str) -> None:
    assert _complaints(checker, text)


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence("symbol", "", "shipping", "compute_postage", "shop/shipping/postage.py", 1),
        Evidence("symbol", "", "shipping", "compute_nothing", "shop/shipping/postage.py", 3),
        Evidence("past", 'commit abc "Never was"', "shipping", commit="HEAD"),
        Evidence("relation", "shipping imports billing (9 times)", "shipping", "billing"),
        Evidence("relation", "shipping is imported by billing (3 times)", "shipping", "billing"),
        Evidence("relation", "shipping 引用 billing（9 次）", "shipping", "billing"),
        Evidence("relation", "shipping 被引用于 billing（3 次）", "shipping", "billing"),
    ],
    ids=lambda item: f"{item.kind} {item.name}",
)
def test_evidence_that_is_not_there_is_found(checker: GitChecker, evidence: Evidence) -> None:
    assert _complaints(checker, "So it belongs in shipping.", evidence)


def test_paraphrases_are_other_words_and_the_same_every_time() -> None:
    texts = [requirement(number)[0] for number in range(10)]

    assert [paraphrases(text) for text in texts] == [paraphrases(text) for text in texts]
    for text in texts:
        assert len(set(paraphrases(text).values()) - {text}) >= 5
        assert paraphrases(text).keys() == RULES.keys()


def test_people_wrote_three_ways_to_say_each() -> None:
    for text, others in by_hand():
        assert len({text, *others.values()}) == 4
        assert any("\u4e00" <= letter <= "\u9fff" for letter in others["by hand, Chinese"])


def test_the_closed_book_table_sums_log_probabilities_and_counts_hits(tmp_path: Path) -> None:
    asked = [LabelledText(str(i), "x", (module,), "graph", "", ()) for i, module in enumerate(("a", "b"))]
    scores = {"words": [[-1.0, -2.0, -9.0]] * 2, "vectors": [[-1.0, -9.0, -2.0], [-4.0, -1.0, -2.0]]}
    for name, dev in scores.items():
        np.savez(tmp_path / f"{name}.npz", modules=np.array(["a", "b", "c"]), dev=np.array(dev))
    lines = table(tmp_path, cast(BenchSet, SimpleNamespace(texts=lambda split: asked)), "dev").splitlines()[2:]

    assert [(line.split(" | ")[0], line.split(" | ")[2][:5]) for line in lines] == [
        ("| vectors", "1.000"),
        ("| words", "0.500"),
        ("| words + vectors", "1.000"),
    ]


def test_the_pooled_table_compares_row_by_row() -> None:
    won = [{"id": str(i), "no_name": i % 2 == 0, "system": [1.0, 1.0], "peer": [0.0, 1.0]} for i in range(20)]
    lines = pooled_table({"wagtail test": won, "sympy issues": won[:10]}).splitlines()

    assert lines[2].startswith("| wagtail test | 20 | 50.4 / 76.6 | 0.0 / 100.0 | 100.0 / 100.0 | +100.0")
    assert lines[2].endswith("1.9e-06 | +0.0 (+0.0 to +0.0), 1 |")
    assert [line.split(" | ")[1] for line in lines[4:]] == ["30", "15"]
