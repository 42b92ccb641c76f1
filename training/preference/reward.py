"""
A reward that can be checked: the place of the true module, the form, and evidence that exists.

Nobody votes here: the label of a past requirement, the catalog and the verifier of served answers decide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from inference.prompt import MODULE_LINE
from inference.short_names import restore_names
from inference.values import Evidence
from inference.verifier import MAX_SENTENCES, Verifier, split_sentences
from training.metrics import reciprocal_rank

READ = 3  # modules of one completion that are read: a list of all of them must not pay


@dataclass(frozen=True, slots=True)
class Task:
    """
    One prompt and what is known about good completions of it.

    Args:
        prompt: Rendered by `inference.prompt`.
        relevant: True modules.
        requirement: The text in the prompt.
        module: The module to give reasons for; "" where the prompt asks which one it is.
        evidence: What the prompt says for *module*.
        names: The short names it says it with.
    """

    prompt: str
    relevant: tuple[str, ...]
    requirement: str
    module: str = ""
    evidence: tuple[Evidence, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


def rank_reward(completion: str, task: Task, modules: Collection[str]) -> float:
    """
    1 / place of the first true module among those the completion names, one a line; 0 without one.

    >>> rank_reward("web/search", Task("", ("web/search",), ""), {"web/search", "core"})
    1.0
    >>> rank_reward("core\\nweb/search", Task("", ("web/search",), ""), {"web/search", "core"})
    0.5
    """
    lines = [line.strip().removeprefix(MODULE_LINE) for line in completion.splitlines()]
    named = [line for line in lines if line in modules]
    return reciprocal_rank(named[:READ], task.relevant)


def format_reward(completion: str, task: Task, modules: Collection[str], *, ended: bool) -> float:
    """
    1 when the completion has the form that serving reads: one module id; or reasons and then the module; and an end.

    >>> format_reward("core", Task("", ("core",), ""), {"core"}, ended=True)
    1.0
    >>> format_reward("It is core", Task("", ("core",), ""), {"core"}, ended=True)
    0.0
    """
    text = completion.strip()
    if not task.module:
        return float(ended and text in modules)
    reasons, line, module = text.rpartition(f"\n{MODULE_LINE}")
    return float(ended and bool(line) and module in modules and 0 < len(split_sentences(reasons)) <= MAX_SENTENCES)


def evidence_reward(completion: str, task: Task, verifier: Verifier) -> float | None:
    """
    The share of its sentences that a served answer would keep; None where the prompt asks for no reasons.
    """
    if not task.module:
        return None
    sentences = split_sentences(completion.strip().split(f"\n{MODULE_LINE}")[0])
    if not sentences:
        return 0.0
    said = restore_names(completion, task.names)
    kept = verifier.keep_true(said, requirement=task.requirement, module=task.module, evidence=task.evidence)
    return len(kept) / len(sentences)
