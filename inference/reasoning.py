"""
Reasoning after the ranking: sentences about the first module that a person can check.

The language model writes them from the ranking and the evidence, `inference.verifier` drops what does not hold, and
when nothing is left the templates here speak, in the language of the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from inference.text import language_of
from inference.values import Evidence


def template_reasoning(requirement: str, module: str, evidence: Sequence[Evidence], *, variant: int = 0) -> str:
    """
    Write the evidence down as two to four sentences, without a language model, in the requirement's language.

    Training writes its chain-of-thought answers with it, choosing *variant* (0 to 2) by row, so that the model
    learns to speak of evidence and not one fixed form.
    """
    tell = _in_chinese if language_of(requirement) == "zh" else _in_english
    return tell(module, evidence, variant)


def _in_english(module: str, evidence: Sequence[Evidence], variant: int) -> str:
    symbols, past, relations = (_of_kind(evidence, kind) for kind in ("symbol", "past", "relation"))
    sentences = []
    if symbols:
        first = symbols[0]
        met = _met_words(first)
        listed = " and ".join(filter(None, (", ".join(met[:-1]), met[-1])))
        pointing = "The words {} point" if len(met) > 1 else "The word {} points"
        sentences.append(
            (
                f"{pointing.format(listed)} to {first.name} in {first.file}.",
                f"The {first.text.split(' ', 1)[0]} {first.name} in {first.file} meets {listed}.",
                f"In {first.file}, {first.name} is about {listed}.",
            )[variant % 3]
        )
        if len(symbols) > 1:
            sentences.append(f"{symbols[1].name} in {symbols[1].file} is close to it.")
    if past:
        where = f"Commit {past[0].commit[:10]}" if past[0].commit else "A confirmed answer"
        sentences.append(f"{where} was alike, {_quotation(past[0])}, and led to {module}.")
    if relations and len(sentences) < 3:
        sentences.append(f"{relations[0].text}.")
    if not sentences:
        sentences.append(f"No single definition of {module} stands out; the wording as a whole is nearest to it.")
    sentences.append(conclusion(module) if variant % 2 == 0 else f"That is {module}.")
    return " ".join(sentences)


def unsupported(requirement: str, module: str) -> str:
    """
    Say of a module that came first without being sure, and for which nothing speaks that could be shown, that it did.

    >>> print(unsupported("hello", "billing.tax").replace(". ", ".\\n"))
    No definition in billing.tax and no past requirement meets these words.
    It is the likeliest place by weaker signs alone: check it first.
    """
    if language_of(requirement) == "zh":
        return f"{module} 中没有与这些词对应的定义，也没有相似的历史需求。它只是根据较弱的线索最可能的位置，请先核实。"
    return (
        f"No definition in {module} and no past requirement meets these words. It is the likeliest place by weaker "
        "signs alone: check it first."
    )


def conclusion(module: str) -> str:
    """
    The sentence after the reasons.
    """
    return f"So it belongs in {module}."


def without_certainty(text: str, module: str) -> str:
    """
    Say at the end of reasons that *module* is the likeliest place where the answer as a whole is not sure.

    >>> without_certainty("It names Tax. So it belongs in billing.", "billing")
    'It names Tax. So billing is the likeliest place.'
    """
    for said, instead in (
        (conclusion(module), f"So {module} is the likeliest place."),
        (f"That is {module}.", f"The likeliest place is {module}."),
        (f"因此这个需求属于 {module} 。", f"因此最可能的位置是 {module} 。"),
        (f"所以应在 {module} 中修改。", f"最可能要修改的是 {module} 。"),
    ):
        if text.endswith(said):
            return text.removesuffix(said) + instead
    return text


def _in_chinese(module: str, evidence: Sequence[Evidence], variant: int) -> str:
    symbols, past, relations = (_of_kind(evidence, kind) for kind in ("symbol", "past", "relation"))
    sentences = []
    if symbols:
        first = symbols[0]
        sentences.append(f"{'、'.join(_met_words(first))} 对应 {first.file}:{first.line} 中的 {first.name} 。")
        if len(symbols) > 1:
            sentences.append(f"与之相近的还有 {symbols[1].file} 中的 {symbols[1].name} 。")
    if past:
        where = f"提交 {past[0].commit[:10]}" if past[0].commit else "一个已确认的答案"
        sentences.append(f"{where} 处理过类似的需求 {_quotation(past[0])} ，改动在 {module} 。")
    if relations and len(sentences) < 3:
        item = relations[0]
        used = " is imported by " in item.text
        sentences.append(f"{module} 被 {item.name} 引用。" if used else f"{module} 引用了 {item.name} 。")
    if not sentences:
        sentences.append(f"{module} 中没有特别对应的定义，但整体措辞与它最接近。")
    sentences.append(f"因此这个需求属于 {module} 。" if variant % 2 == 0 else f"所以应在 {module} 中修改。")
    return "".join(sentences)


def worth_telling(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """
    Choose what two to four sentences can speak of: two definitions, one past requirement, one relation.

    The language model reads no more than that, in training and in serving, and so learns to leave nothing out.
    """
    chosen = {"symbol": 2, "past": 1, "relation": 1}
    return tuple(item for kind, most in chosen.items() for item in _of_kind(evidence, kind)[:most])


def off_topic_notice(requirement: str, repository: str) -> str:
    """
    Tell a person that this does not look like a change to the code base, and how to ask.
    """
    if language_of(requirement) == "zh":
        return (
            f"这看起来不像是对 {repository} 的修改。请用一句话说明要改什么，例如“登录失败时应显示具体原因”，"
            "也可以写出文件名、类名或报错信息。"
        )
    return (
        f"This does not look like a change to {repository}. Say in a sentence what should change or what goes wrong, "
        'as in "the export loses the last row"; names of files or classes and error messages help.'
    )


def in_language_of(requirement: str, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """
    Say evidence to the person who asked: what it names stays, the words around it are in the requirement's language.
    """
    if language_of(requirement) != "zh":
        return tuple(evidence)
    return tuple(replace(item, text=_told_in_chinese(item)) for item in evidence)


_KINDS = {
    "class": "类",
    "constant": "常量",
    "constructor": "构造函数",
    "enum": "枚举",
    "field": "字段",
    "function": "函数",
    "interface": "接口",
    "method": "方法",
    "property": "属性",
    "struct": "结构体",
    "trait": "特征",
    "type": "类型",
}


def _told_in_chinese(item: Evidence) -> str:
    if item.kind == "symbol":
        kind = item.text.split(" ", 1)[0]
        return f"{_KINDS.get(kind, kind)} {item.name}（{item.file}:{item.line}）对应 {'、'.join(_met_words(item))}"
    if item.kind == "relation":
        verb = "被引用于" if " is imported by " in item.text else "引用"
        times = re.search(r"\((?:once|(\d+) times)\)$", item.text)
        return f"{item.module} {verb} {item.name}" + (f"（{times[1] or 1} 次）" if times else "")
    return item.text if item.commit else f"已确认的答案 {_quotation(item)}"


def _of_kind(evidence: Sequence[Evidence], kind: str) -> list[Evidence]:
    return [item for item in evidence if item.kind == kind]


def _quotation(item: Evidence) -> str:
    return item.text[item.text.find('"') :]


def _met_words(item: Evidence) -> list[str]:
    return item.text.rsplit(" meets ", 1)[-1].split(", ")
