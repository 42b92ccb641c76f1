"""
Merged = adapter: what is proven, and what is refused.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.language_model import LanguageModel
from inference.prompt import place_prompt
from inference.replay import Replayed, Row, replay
from tests.models import small_base_model, tiny_network
from tests.training.tiny_run import adapted
from training.fresh import TRAINING_ONLY, FreshProcessError, run_fresh
from training.merge import (
    TOKENIZER_FILES,
    MergeError,
    Reference,
    check_tokenizer,
    compare_replays,
    save_merged,
    verify_merged,
)


@pytest.fixture(scope="module")
def base() -> Path:
    return small_base_model()


def _golden(tokenizer: object, count: int = 12) -> list[Row]:
    texts = [f"fix tolls {'again ' * i}" for i in range(count)]
    return [Row(place_prompt(tokenizer, repository="r", requirement=text), "routing/tolls") for text in texts]


def test_the_merged_folder_is_the_adapted_model_in_a_process_without_training_packages(
    base: Path, tmp_path: Path
) -> None:
    model, tokenizer = adapted(base)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    golden = _golden(tokenizer)
    reference = save_merged(
        model, tokenizer, base=base, target=tmp_path / "model", adapter=tmp_path / "adapter", golden=golden
    )
    report = verify_merged(tmp_path / "model", reference, golden, base=base)

    assert (report.prompts, report.places) == (12, 12 * 4)
    assert report.top1_agreement == report.prompt_top1_agreement == 1.0
    assert report.max_logit_difference < 0.01 < report.difference_from_base
    assert {path.name for path in tmp_path.iterdir()} == {"model", "adapter"}


def test_a_fresh_process_cannot_import_what_only_training_needs() -> None:
    for name in TRAINING_ONLY:
        with pytest.raises(FreshProcessError, match=f"No module named {name}$"):
            run_fresh(name, [])


def test_a_folder_that_does_not_load_is_refused(base: Path, tmp_path: Path) -> None:
    golden = _golden(tiny_network(base).tokenizer, 1)
    nothing = Reference(Replayed(torch.zeros(1, 2), (0,), ()), torch.zeros(1, 2), torch.float16)

    with pytest.raises(MergeError, match="does not load in a process of its own"):
        verify_merged(tmp_path, nothing, golden, base=tmp_path)


LOGITS = torch.randn(400, 50, generator=torch.Generator().manual_seed(0))


def _replayed(logits: torch.Tensor) -> Replayed:
    return Replayed(logits, tuple(range(0, 400, 2)), (1, 2, 3))


def _disagreeing(places: int, *, by: float) -> torch.Tensor:
    """
    Four hundred places whose two likeliest tokens lie *by* apart, swapped at some of them.
    """
    logits = torch.zeros(400, 50)
    logits[:, 3], logits[:, 4] = 5.0, 5.0 - by
    logits[:places, [3, 4]] = logits[:places, [4, 3]]
    return logits


def test_another_token_at_two_of_four_hundred_places_passes_and_at_three_is_refused() -> None:
    before = _disagreeing(0, by=0.04)
    reference = Reference(_replayed(before), before[:10] - 1.0, torch.float16)
    report = compare_replays(reference, _replayed(_disagreeing(2, by=0.04)))

    assert (report.top1_agreement, report.near_ties, report.beyond_rounding) == (0.995, 0, 2)
    assert report.prompt_top1_agreement == 0.995
    with pytest.raises(MergeError, match=r"99\.2% of 400 places, 0 more are near ties"):
        compare_replays(reference, _replayed(_disagreeing(3, by=0.04)))


def test_of_a_few_places_one_may_be_swapped_and_two_may_not() -> None:
    def few(places: int) -> Replayed:
        return Replayed(_disagreeing(places, by=0.04)[:9], (0, 4), (1, 2, 3))

    reference = Reference(few(0), few(0).logits - 1.0, torch.float16)

    assert compare_replays(reference, few(1)).beyond_rounding == 1
    with pytest.raises(MergeError, match="of 9 places"):
        compare_replays(reference, few(2))


def test_near_ties_count_as_the_same_in_bf16_and_are_reported() -> None:
    before = _disagreeing(0, by=0.4)
    reference = Reference(_replayed(before), before[:10] - 3.0, torch.bfloat16)
    report = compare_replays(reference, _replayed(_disagreeing(9, by=0.4)))

    assert (report.top1_agreement, report.near_ties, report.beyond_rounding) == (0.9775, 9, 0)
    before = _disagreeing(0, by=1.2)
    with pytest.raises(MergeError, match="0 more are near ties"):
        compare_replays(replace(reference, adapted=_replayed(before)), _replayed(_disagreeing(9, by=1.2)))


@pytest.mark.parametrize("harm", [lambda logits: logits + 0.3, lambda logits: logits * torch.nan])
def test_logits_that_are_off_or_no_number_are_refused(harm: Callable[[torch.Tensor], torch.Tensor]) -> None:
    reference = Reference(_replayed(LOGITS), LOGITS[:10] - 1.0, torch.float16)

    with pytest.raises(MergeError, match="disagrees"):
        compare_replays(reference, _replayed(harm(LOGITS)))


def test_a_merge_that_lost_the_adapter_is_refused() -> None:
    reference = Reference(_replayed(LOGITS), LOGITS[:10].clone(), torch.float16)

    with pytest.raises(MergeError, match="equals the base model"):
        compare_replays(reference, _replayed(LOGITS))


def test_another_reading_of_the_prompts_is_refused() -> None:
    reference = Reference(_replayed(LOGITS), LOGITS[:10] - 1.0, torch.float16)

    with pytest.raises(MergeError, match="reads the golden prompts otherwise"):
        compare_replays(reference, replace(_replayed(LOGITS), tokens=(1, 2, 4)))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
def test_a_tokenizer_file_that_differs_in_one_byte_or_is_missing_is_refused(
    base: Path, tmp_path: Path, name: str
) -> None:
    for file in TOKENIZER_FILES:
        if (base / file).is_file():
            shutil.copy(base / file, tmp_path)
    check_tokenizer(tmp_path, base)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)

    with pytest.raises(MergeError, match=f"{name} of the merged model is not the base model's"):
        check_tokenizer(tmp_path, base)
    (tmp_path / name).unlink()
    with pytest.raises(MergeError, match=f"{name} of the merged model is not the base model's"):
        check_tokenizer(tmp_path, base)


def test_replaying_in_batches_gives_what_each_row_gives_alone(base: Path) -> None:
    tiny: LanguageModel = tiny_network(base)
    golden = _golden(tiny.tokenizer, 7)
    together = replay(tiny, golden)
    alone = torch.cat([replay(tiny, [row]).logits for row in golden])

    assert torch.allclose(together.logits, alone, atol=1e-5)
    assert together.firsts == tuple(range(0, 28, 4))
    prompt = tiny.tokenizer(golden[3].prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        assert torch.allclose(tiny.model(prompt).logits[0, -1], together.logits[12], atol=1e-5)
