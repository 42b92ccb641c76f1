"""
The reasoning of a whole ranker: language, deadline, and what becomes of a model that says anything it likes.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from inference.ranker import Ranker
from inference.reasoning import in_language_of, unsupported
from inference.text import language_of
from inference.values import Evidence

ASKED = "Wrong postage when two people edit at once"


@dataclass
class Saying:
    """
    A language model that ranks as the ranker's own does and says what it is told to.
    """

    model: Any
    text: str
    limits: list[float | None] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def generate(self, prompt: str, *, stop: str | None = None, max_seconds: float | None = None) -> str:
        self.limits.append(max_seconds)
        self.prompts.append(prompt)
        return self.text


def _saying(ranker: Ranker, text: str) -> Ranker:
    talking = ranker.with_fusion(ranker.fusion)
    talking.model = Saying(ranker.model, text)  # type: ignore[assignment]
    return talking


def test_a_model_that_invents_everything_is_replaced_by_the_template(ranker: Ranker) -> None:
    talking = _saying(
        ranker, "PostageService.calculateAll in shop/postage/service.py does it. Commit 1234567 shows it."
    )
    reasoning = talking.explain(ASKED, talking.rank(ASKED))

    assert not reasoning.generated
    assert "PostageService" not in reasoning.text
    assert "postage" in reasoning.text


def test_true_sentences_survive_between_invented_ones(ranker: Ranker) -> None:
    true = "compute_postage in shop/shipping/postage.py is near."
    talking = _saying(ranker, f"FooBar is great. {true} It was rewritten by Bob in 2019.")
    reasoning = talking.explain(ASKED, talking.rank(ASKED))

    assert (reasoning.text, reasoning.generated) == (f"{true} So it belongs in shipping.", True)


@pytest.mark.parametrize("said", ["So it belongs in shipping.", "That is shipping."])
def test_an_answer_that_is_not_sure_does_not_say_that_it_belongs(ranker: Ranker, said: str) -> None:
    true = "compute_postage in shop/shipping/postage.py is near."
    talking = _saying(ranker, f"{true} {said}")
    sure = replace(talking.rank(ASKED), sure=True)
    unsure = replace(sure, sure=False)

    assert talking.explain(ASKED, sure).text == f"{true} {said}"
    assert "likeliest place" in talking.explain(ASKED, unsure).text
    assert said not in talking.explain(ASKED, unsure).text
    chinese = talking.explain("两个人同时编辑时 postage 不正确，请修复", unsure, generate=False)
    assert "因此最可能的位置是 shipping" in chinese.text


def test_the_model_reads_and_writes_short_names_and_a_person_whole_ones(ranker: Ranker) -> None:
    talking = _saying(ranker, "compute_postage in postage.py is near.")
    reasoning = talking.explain(ASKED, talking.rank(ASKED))
    (prompt,) = talking.model.prompts  # type: ignore[attr-defined]

    assert "compute_postage in postage.py meets" in prompt
    assert "shop/shipping/postage.py" not in prompt
    assert reasoning.text.startswith("compute_postage in shop/shipping/postage.py is near. ")


def test_a_deadline_is_handed_to_the_model_and_silence_gives_the_template(ranker: Ranker) -> None:
    talking = _saying(ranker, "")
    reasoning = talking.explain(ASKED, talking.rank(ASKED), seconds=1.5)

    assert talking.model.limits == [1.5]  # type: ignore[attr-defined]
    assert not reasoning.generated
    assert reasoning.text.count(". ") >= 1


@pytest.mark.parametrize("seconds", [0.001, 60.0])
def test_the_real_model_keeps_the_deadline(ranker: Ranker, seconds: float) -> None:
    reasoning = ranker.explain(ASKED, ranker.rank(ASKED), seconds=seconds)

    assert reasoning.text


def test_a_chinese_question_is_explained_in_chinese(ranker: Ranker) -> None:
    asked = "两个人同时编辑时 postage 不正确，需要修复"
    ranking = ranker.rank(asked)
    reasoning = ranker.explain(asked, ranking)

    assert ranking.modules[0].id == "shipping"
    assert language_of(reasoning.text) == "zh"
    assert next(item.text for item in reasoning.evidence if item.kind == "symbol").startswith("函数 ")
    assert " meets " not in str(reasoning.evidence) + str(ranking.modules)
    assert ranking.modules[0].why.startswith("函数 ")
    assert ranking.modules[0].why.count("对应") == 1


def test_evidence_is_said_in_chinese_with_every_name_as_it_is() -> None:
    evidence = (
        Evidence("symbol", 'class Tax.Rate in a/tax.py:7 meets "VAT", "rate"', "tax", "Tax.Rate", "a/tax.py", 7),
        Evidence("relation", "tax imports core (3 times)", "tax", "core"),
        Evidence("relation", "tax is imported by web (once)", "tax", "web"),
        Evidence("past", f'commit {"c" * 10} "Round VAT"', "tax", commit="c" * 40),
        Evidence("past", 'a confirmed answer to "Where is VAT?"', "tax"),
    )

    assert [item.text for item in in_language_of("增值税在哪里计算？", evidence)] == [
        '类 Tax.Rate（a/tax.py:7）对应 "VAT"、"rate"',
        "tax 引用 core（3 次）",
        "tax 被引用于 web（1 次）",
        f'commit {"c" * 10} "Round VAT"',
        '已确认的答案 "Where is VAT?"',
    ]
    assert in_language_of("where is VAT added?", evidence) == evidence


def test_what_nothing_speaks_for_is_not_said_to_belong_there(ranker: Ranker) -> None:
    asked = "修复报错：应该支持更多功能，增加选项"
    ranking = ranker.rank(asked)
    reasoning = ranker.explain(asked, ranking)

    assert (ranking.off_topic, ranking.sure) == (False, False)
    assert (reasoning.text, reasoning.evidence) == (unsupported(asked, ranking.modules[0].id), ())
