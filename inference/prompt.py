"""
The prompts, for training and for serving: this is their only home.

Every prompt ends where the assistant begins to speak. The hidden state of that last token is what ranks modules;
what follows it (a module id, or a reasoning) is what the generative objective learns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from inference.chinese import with_english
from inference.text import clean_requirement

MAX_REQUIREMENT_TOKENS = 256
PLACE = "Name the module of {repository} where this belongs."
CHOOSE = "Name the letter of the module of {repository} where this belongs."
LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CARD_TOKENS = 32
EXPLAIN = "Say why this belongs in the module of {repository}; name only the evidence."


def place_prompt(tokenizer: Any, *, repository: str, requirement: str) -> str:
    """
    Render the question "where does this belong?".
    """
    return _render(tokenizer, PLACE.format(repository=repository), _asked(tokenizer, requirement))


def choose_prompt(tokenizer: Any, *, repository: str, requirement: str, cards: Sequence[str]) -> str:
    """
    Render the question "which of these?": one line a candidate, labelled A, B, C … in the order given.

    Raises:
        ValueError: more candidates than labels.
    """
    if len(cards) > len(LABELS):
        raise ValueError(f"there are {len(LABELS)} labels, got {len(cards)} candidates: shorten the list")
    lines = [f"{label}. {shorten(tokenizer, card, limit=CARD_TOKENS)}" for label, card in zip(LABELS, cards)]  # noqa: B905
    return _render(
        tokenizer,
        CHOOSE.format(repository=repository),
        "\n".join([_asked(tokenizer, requirement, limit=96), "", *lines]),
    )


def label_tokens(tokenizer: Any, count: int) -> list[int]:
    """
    Give the tokens of the first *count* labels as an assistant would begin to say them.

    Raises:
        ValueError: this tokenizer says a label in more than one token.
    """
    tokens = [tokenizer(label, add_special_tokens=False)["input_ids"] for label in LABELS[:count]]
    if any(len(token) != 1 for token in tokens):
        raise ValueError("this tokenizer splits single letters: candidates cannot be labelled with them")
    return [int(token[0]) for token in tokens]


def explain_prompt(tokenizer: Any, *, repository: str, requirement: str, module: str, evidence: Sequence[str]) -> str:
    """
    Render the question "why there?", conditioned on the ranking's first module and the evidence lines.
    """
    lines = [
        _asked(tokenizer, requirement, limit=96),
        "",
        f"Module: {module}",
        "Evidence:",
        *(f"- {e}" for e in evidence),
    ]
    return _render(tokenizer, EXPLAIN.format(repository=repository), "\n".join(lines))


def explain_answer(reasoning: str, module: str) -> str:
    """
    Render what the assistant says to `explain_prompt`: reasoning first, the module last.
    """
    return f"{reasoning}\n{MODULE_LINE}{module}"


MODULE_LINE = "Module: "


def shorten(tokenizer: Any, text: str, *, limit: int = MAX_REQUIREMENT_TOKENS) -> str:
    """
    Cut *text* to *limit* tokens, keeping the beginning two thirds and the end: a stack trace says most there.
    """
    if len(text) <= limit:  # a token is at least one character
        return text
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    first, last = (tokenizer.decode(part, clean_up_tokenization_spaces=False) for part in (ids[:head], ids[-tail:]))
    return f"{first} … {last}"


def _asked(tokenizer: Any, requirement: str, *, limit: int = MAX_REQUIREMENT_TOKENS) -> str:
    """Cleaned here, so that a text that was trained on raw and one that is asked cleaned are the same tokens."""
    return shorten(tokenizer, with_english(clean_requirement(requirement)), limit=limit)


def end_token_id(tokenizer: Any) -> int:
    """
    Give the token that ends an assistant's turn, as the chat template writes it.

    The tokenizer's own `eos_token` is no good guide: converted tokenizers name the wrong one (the small base model's
    GGUF says `<|im_start|>`), and chat models often end a turn with another token than a document.
    """
    said = "-said-"
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": said}]
    rendered: str = tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False)
    after = rendered.rsplit(said, 1)[1].lstrip()
    return int(tokenizer(after, add_special_tokens=False)["input_ids"][0])


def prompt_hash(tokenizer: Any) -> str:
    """
    Fingerprint of the renderer and the chat template together: a release cites it, serving compares it.
    """
    sample = place_prompt(tokenizer, repository="r", requirement="q") + explain_prompt(
        tokenizer, repository="r", requirement="q", module="m", evidence=("e",)
    )
    return hashlib.sha256((sample + explain_answer("t", "m")).encode()).hexdigest()


def _render(tokenizer: Any, system: str, user: str) -> str:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": _defuse(tokenizer, user)}]
    rendered: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return rendered


def _defuse(tokenizer: Any, text: str) -> str:
    """
    Take the template's own control tokens out of what a person wrote, so that nobody can end the user's turn early.
    """
    for token in _control_tokens(tokenizer):
        text = text.replace(token, " ")
    return text


def _control_tokens(tokenizer: Any) -> list[str]:
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return sorted({*added, *tokenizer.all_special_tokens}, key=lambda token: (-len(token), token))
