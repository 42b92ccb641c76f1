"""
Packs of rows against the model's own forward pass.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from inference.language_model import LanguageModel
from inference.packed import (
    LowerStates,
    PackedForward,
    PaddedForward,
    decoder_of,
    open_forward,
    packs_exactly,
    packs_of,
)
from inference.prompt import explain_prompt, place_prompt
from tests.models import small_base_model, tiny_network


@pytest.fixture(scope="module")
def base() -> Path:
    return small_base_model()


@pytest.fixture
def tiny(base: Path) -> LanguageModel:
    return tiny_network(base)


def _adapted(tiny: LanguageModel) -> Any:
    """
    An adapter that is not zero, on the upper layer only.
    """
    lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "down_proj"], layers_to_transform=[1])
    model = get_peft_model(tiny.model, lora).train()
    torch.manual_seed(3)
    for name, value in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(value, std=0.05)
    return model


def _rows(tokenizer: Any) -> list[tuple[int, ...]]:
    """
    Two kinds of prompts, one with an answer, one twice.
    """
    asked = ["avoid tolls", "speed up the reader of elevation data", "search", "avoid tolls"]
    prompts = [place_prompt(tokenizer, repository="r", requirement=text) for text in asked]
    prompts.append(explain_prompt(tokenizer, repository="r", requirement="tolls", module="m", evidence=("it says so",)))
    prompts[1] += "routing/tolls"
    return [tuple(tokenizer(prompt, add_special_tokens=False)["input_ids"]) for prompt in prompts]


def _forward(model: Any, rows: list[tuple[int, ...]], layers: int, **limits: Any) -> PackedForward:
    lower = LowerStates(layers, **limits)
    lower.learn_starts(rows)
    return PackedForward(model, lower=lower)


def _plain(model: Any, row: tuple[int, ...]) -> torch.Tensor:
    states: torch.Tensor = decoder_of(model)(input_ids=torch.tensor([row]), use_cache=False).last_hidden_state[0]
    return states


def _own(forward: Any, rows: list[tuple[int, ...]]) -> list[torch.Tensor]:
    """
    Of each row the states of the tokens that it shares with no other.
    """
    states = forward(rows)
    return [
        states.values[offset + len(forward.lower.start_of(row)) : offset + len(row)]
        for row, offset in zip(rows, states.offsets, strict=True)
    ]


@pytest.mark.parametrize(
    ("layers", "precision", "bound"), [(0, torch.float16, 1e-4), (1, torch.float32, 1e-4), (1, torch.float16, 5e-3)]
)
def test_a_pack_gives_the_states_of_one_forward_pass_a_row(
    tiny: LanguageModel, layers: int, precision: torch.dtype, bound: float
) -> None:
    model, rows = _adapted(tiny), _rows(tiny.tokenizer)
    forward = _forward(model, rows, layers, precision=precision)

    for _ in range(2):  # computed, then found
        for row, own in zip(rows, _own(forward, rows), strict=True):
            assert torch.allclose(own, _plain(model, row)[-len(own) :], atol=bound)


def test_rows_of_one_kind_share_their_beginning(tiny: LanguageModel) -> None:
    rows = _rows(tiny.tokenizer)
    forward = _forward(tiny.model, rows, 0)
    starts = {forward.lower.start_of(row) for row in rows[:4]}

    assert len(starts) == 1
    assert len(starts.pop()) > 15
    assert len(forward(rows).values) < sum(map(len, rows)) - 45


def test_gradients_through_kept_states_are_those_of_the_whole_network(tiny: LanguageModel) -> None:
    model, rows = _adapted(tiny), _rows(tiny.tokenizer)
    towards = torch.randn(64, generator=torch.Generator().manual_seed(0))
    trained = [value for value in model.parameters() if value.requires_grad]
    truth = torch.autograd.grad(sum((_plain(model, row)[-1] @ towards for row in rows), torch.zeros(())), trained)
    forward = _forward(model, rows, 1, precision=torch.float32)
    forward.fill(rows)
    found = torch.autograd.grad(sum((own[-1] @ towards for own in _own(forward, rows)), torch.zeros(())), trained)

    assert max(float(value.abs().max()) for value in truth) > 0.01
    for one, other in zip(found, truth, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_frozen_layers_run_once_a_row(tiny: LanguageModel) -> None:
    rows = _rows(tiny.tokenizer)
    forward = _forward(tiny.model, rows, 1)
    runs: list[int] = []
    tiny.model.model.layers[0].register_forward_hook(lambda module, inputs, output: runs.append(inputs[0].shape[1]))
    forward.fill(rows)
    filled = len(runs)
    for _ in range(3):
        forward(rows)

    assert filled >= 1
    assert len(runs) == filled
    assert sum(runs) < sum(map(len, rows))


def test_what_does_not_fit_is_computed_again_and_right(tiny: LanguageModel) -> None:
    model, rows = _adapted(tiny), _rows(tiny.tokenizer)
    forward = _forward(model, rows, 1, most_bytes=0, precision=torch.float32)

    for row, own in zip(rows, _own(forward, rows), strict=True):
        assert forward.lower.get(row) is None
        assert torch.allclose(own, _plain(model, row)[-len(own) :], atol=1e-4)


def test_padded_rows_give_the_same_states(tiny: LanguageModel) -> None:
    rows = _rows(tiny.tokenizer)

    for row, own in zip(rows, _own(PaddedForward(tiny.model, pad=0), rows), strict=True):
        assert torch.allclose(own, _plain(tiny.model, row), atol=1e-4)


def test_a_network_whose_layers_do_more_than_they_are_told_is_not_packed(tiny: LanguageModel) -> None:
    assert packs_exactly(tiny.model)
    tiny.model.model.norm.register_forward_hook(lambda module, inputs, output: output * inputs[0].shape[1])

    assert isinstance(open_forward(tiny.model, pad=0), PaddedForward)


def test_a_network_of_another_kind_is_not_packed(tiny: LanguageModel) -> None:
    del tiny.model.model.rotary_emb

    assert not packs_exactly(tiny.model)


def test_a_network_in_sixteen_bit_is_not_packed(tiny: LanguageModel) -> None:
    assert isinstance(open_forward(tiny.model.to(torch.bfloat16), pad=0), PaddedForward)


def test_packs_keep_the_order_and_both_limits() -> None:
    rows = [tuple(range(n)) for n in (3, 3, 3, 9, 1, 1, 1)]

    assert list(packs_of(rows, most_rows=2, most_tokens=6)) == [[0, 1], [2], [3], [4, 5], [6]]


@pytest.mark.parametrize("layers", [0, 24])
def test_the_small_base_model_is_packed_exactly(base: Path, layers: int) -> None:
    model = LanguageModel.load(base, device="cpu").model
    rows = _rows(LanguageModel.load(base, device="cpu").tokenizer)
    forward = _forward(model, rows, layers)

    with torch.inference_mode():
        for row, own in zip(rows, _own(forward, rows), strict=True):
            truth = _plain(model, row)[-1]
            assert float((own[-1] - truth).abs().max()) < (1e-4 if layers == 0 else 1e-2) * float(truth.abs().max())
