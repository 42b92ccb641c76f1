"""
What a model says next, at chosen places of texts that are given to it: for proving that two models are the same.

    python -m inference.replay MODEL ROWS.json LOGITS.safetensors    # in a process that knows nothing of training

ROWS.json holds [[prompt, answer], …]; the file that is written holds `logits` and `tokens`, as `replay` gives them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from graph.values import Progress
from inference.language_model import LanguageModel
from inference.packed import PaddedForward

PLACES = 4  # a row: where the answer begins, two inside it, and where it ends


@dataclass(frozen=True, slots=True)
class Row:
    """
    A prompt and the answer that is forced upon the model, token by token.
    """

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """
    Args:
        logits: Of the next token, at up to `PLACES` places of every row.  # (places, vocabulary)
        firsts: Which of them stand at the end of a prompt: one a row.
        tokens: Ids of all rows, one after the other: the same for tokenizers that read the same.
    """

    logits: torch.Tensor
    firsts: tuple[int, ...]
    tokens: tuple[int, ...]


@torch.inference_mode()
def replay(
    model: LanguageModel,
    rows: Sequence[Row],
    *,
    batch: int = 16,
    progress: Progress = lambda done, total, label: None,
) -> Replayed:
    """
    Force *rows* upon *model*; rows of similar length share a padded batch, which changes the last bits only.
    """
    prompts = [_ids(model, row.prompt) for row in rows]
    answers = [[*_ids(model, row.answer), model.end_token_id] for row in rows]
    texts = [[*prompt, *answer[:-1]] for prompt, answer in zip(prompts, answers, strict=True)]
    places = [
        [len(prompt) - 1 + place for place in _spread(len(answer))]
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    forward = PaddedForward(model.model, pad=model.end_token_id)
    found: dict[int, torch.Tensor] = {}
    order = sorted(range(len(rows)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), batch):
        group = order[start : start + batch]
        states = forward([tuple(texts[i]) for i in group])
        for offset, i in zip(states.offsets, group, strict=True):
            inside = [offset + place for place in places[i]]
            found[i] = model.next_logits(states.values[inside])  # (places, vocabulary)
        progress(start + len(group), len(rows), "replayed")
    firsts, at = [], 0
    for i in range(len(rows)):
        firsts.append(at)
        at += len(places[i])
    tokens = [token for prompt, answer in zip(prompts, answers, strict=True) for token in (*prompt, *answer)]
    return Replayed(torch.cat([found[i] for i in range(len(rows))]), tuple(firsts), tuple(tokens))


def _spread(length: int) -> list[int]:
    """
    Places of an answer of *length* tokens: the first, the last, and evenly between.

    >>> _spread(10), _spread(2), _spread(1)
    ([0, 3, 6, 9], [0, 1], [0])
    """
    return sorted({round(i * (length - 1) / (PLACES - 1)) for i in range(PLACES)})


def _ids(model: LanguageModel, text: str) -> list[int]:
    ids: list[int] = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def main(arguments: Sequence[str]) -> None:
    folder, rows, target = map(Path, arguments)
    known = [Row(*row) for row in json.loads(rows.read_text(encoding="utf-8"))]
    done = replay(LanguageModel.load(folder), known)
    tensors = {"logits": done.logits, "tokens": torch.tensor(done.tokens), "firsts": torch.tensor(done.firsts)}
    save_file(tensors, target)


if __name__ == "__main__":
    main(sys.argv[1:])
