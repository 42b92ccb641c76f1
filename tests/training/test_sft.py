import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from graph.values import Catalog, FileCard, ModuleCard
from inference.language_model import LanguageModel
from inference.packed import open_forward
from inference.prompt import end_token_id, explain_prompt, place_prompt
from inference.ranker import readable
from inference.replay import Row
from inference.rows import ModuleRows
from tests.models import small_base_model, tiny_network
from tests.rankers import tiny_ranker
from tests.training import tiny_run
from training.backends import choose_backend, open_backend, trained_layers
from training.batches import IGNORED, TrainingRow, encode_row, plan_batches
from training.config import TrainingConfig
from training.dataset import Dataset, Example
from training.merge import MergeError, save_merged, verify_merged
from training.mix import training_rows
from training.objective import RowScorer, StepLoss, accumulate_gradients
from training.sft import TrainingError, train_adapter

CONFIG = TrainingConfig(token_budget=4_000, epochs=4, learning_rate=5e-3, batch_rows=4)


@pytest.fixture(scope="module")
def base() -> Path:
    return small_base_model()


def _rows(tokenizer: object, count: int = 16) -> list[TrainingRow]:
    return [
        TrainingRow(
            place_prompt(tokenizer, repository="r", requirement=("tolls " if i % 2 else "search ") * (1 + i % 5)),
            "routing/tolls" if i % 2 else "web/search",
            (i % 2,),
        )
        for i in range(count)
    ]


def _start(modules: int, size: int, *, value: float = 0.0) -> ModuleRows:
    rows = np.full((modules, size), value, dtype=np.float32)
    return ModuleRows(rows[0], np.ones(1, dtype=np.float32), rows, rows, rows[:, 0], rows[:, 0])


def _adapted(model: LanguageModel) -> object:
    return get_peft_model(model.model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "down_proj"]))


def test_the_label_mask_decodes_to_exactly_the_answer_and_its_end_token(base: Path) -> None:
    tokenizer = tiny_network(base).tokenizer
    row = _rows(tokenizer)[1]
    encoded = encode_row(tokenizer, row)
    counted = [token for token in encoded.labels if token != IGNORED]

    assert tokenizer.decode(counted) == "routing/tolls<|im_end|>"
    assert tokenizer.decode(encoded.ids[: encoded.prompt_length]) == row.prompt


def test_training_and_serving_render_a_requirement_to_the_same_bytes() -> None:
    cards = tuple(ModuleCard(name, name, name, "", (f"{name}/a.py",), ()) for name in ("routing", "web"))
    files = tuple(FileCard(f"{card.id}/a.py", card.id, "python", 1, "", (), ()) for card in cards)
    ranker = tiny_ranker(Catalog("r", "c" * 40, cards, files), ())
    raw = "\uff21void\u00a0tolls\u0007 \u2026\r\n\n  for   trucks "
    example = Example("e", "history", "train", raw, ("web",), "c", evidence=("x",), reasoning="y.")
    config = replace(CONFIG, ranking_share=0.2)
    rows = training_rows(ranker.model.tokenizer, Dataset((example,), "history"), ranker.catalog, config)
    asked = readable(raw)
    why = explain_prompt(ranker.model.tokenizer, repository="r", requirement=asked, module="web", evidence=("x",))

    assert asked == "Avoid tolls ...\nfor trucks"
    assert {row.prompt for row in rows} == {ranker.prompt(asked), why}


def test_batches_are_the_same_for_the_same_seed_and_end_at_the_budget(base: Path) -> None:
    tokenizer = tiny_network(base).tokenizer
    rows = [encode_row(tokenizer, row) for row in _rows(tokenizer, 40)]
    batches = plan_batches(rows, CONFIG)

    assert batches == plan_batches(rows, CONFIG)
    assert batches != plan_batches(rows, replace(CONFIG, seed=8))
    assert 3_000 < sum(len(row.ids) for batch in batches for row in batch) <= 4_000


def test_a_row_that_only_ranks_has_no_counted_token(base: Path) -> None:
    tokenizer = tiny_network(base).tokenizer
    encoded = encode_row(tokenizer, replace(_rows(tokenizer)[0], answer=""))

    assert set(encoded.labels) == {IGNORED}
    assert len(encoded.ids) == encoded.prompt_length


def test_training_lowers_both_losses(base: Path) -> None:
    model = tiny_network(base)
    config = replace(CONFIG, token_budget=20_000, epochs=20, row_learning_rate=0.05)
    log = train_adapter(_adapted(model), model.tokenizer, _rows(model.tokenizer), start=_start(2, 64), config=config)
    said, ranked = ([row[column] for row in log.losses] for column in (1, 2))

    assert sum(said[-3:]) < sum(said[:3])
    assert sum(ranked[-3:]) < 0.8 * sum(ranked[:3])
    assert not log.stopped_by_time


def test_training_stops_at_the_time_limit_and_says_so(base: Path) -> None:
    model = tiny_network(base)
    start = _start(2, 64)
    config = replace(CONFIG, max_seconds=1e-9)
    log = train_adapter(_adapted(model), model.tokenizer, _rows(model.tokenizer), start=start, config=config)

    assert log.stopped_by_time
    assert log.tokens == 0


def test_a_loss_that_is_no_number_stops_the_training(base: Path) -> None:
    model = tiny_network(base)
    start = _start(2, 64, value=float("nan"))

    with pytest.raises(TrainingError, match="nan"):
        train_adapter(_adapted(model), model.tokenizer, _rows(model.tokenizer), start=start, config=CONFIG)


def test_no_row_is_an_error_that_says_what_to_do(base: Path) -> None:
    model = tiny_network(base)

    with pytest.raises(TrainingError, match="index a repository"):
        train_adapter(_adapted(model), model.tokenizer, [], start=_start(2, 64), config=CONFIG)


def _dataset(count: int) -> tuple[Dataset, Catalog]:
    examples = tuple(
        Example(
            f"f.py::s{i}", "graph", "train", f"do thing number {i}", ("m",), "c", evidence=("e",), reasoning="So it is."
        )
        for i in range(count)
    )
    catalog = Catalog(
        "r", "c", (ModuleCard("m", "M", "m", "", ("m/f.py",), ()),), (FileCard("m/f.py", "m", "python", 1, "", (), ()),)
    )
    return Dataset(examples, "graph"), catalog


@pytest.mark.parametrize(("share", "direct", "reasoned"), [(0.5, 20, 20), (0.0, 20, 0), (1.0, 0, 20)])
def test_direct_and_chain_of_thought_rows_are_mixed_as_configured(
    base: Path, share: float, direct: int, reasoned: int
) -> None:
    dataset, catalog = _dataset(20)
    rows = training_rows(tiny_network(base).tokenizer, dataset, catalog, TrainingConfig(reasoning_share=share))

    assert sum(bool(row.answer and row.relevant) for row in rows) == direct
    assert sum(not row.relevant for row in rows) == reasoned
    assert sum(not row.answer for row in rows) == 20
    assert all(row.answer.endswith("Module: m") for row in rows if not row.relevant)


def test_a_trained_adapter_merges_into_the_model_that_was_trained(base: Path, tmp_path: Path) -> None:
    config = TrainingConfig(token_budget=2_500, epochs=8)
    model, tokenizer = open_backend("peft", base, config)
    train_adapter(model, tokenizer, _rows(tokenizer, 8), start=_start(2, 576), config=config)
    golden = [Row(row.prompt, row.answer) for row in _rows(tokenizer, 6)]
    target, adapter = tmp_path / "model", tmp_path / "adapter"
    reference = save_merged(model, tokenizer, base=base, target=target, adapter=adapter, golden=golden)
    report = verify_merged(target, reference, golden, base=base)

    assert report.top1_agreement == 1.0
    assert report.max_logit_difference < 0.25 < report.difference_from_base
    assert (adapter / "adapter_model.safetensors").stat().st_size < 30_000_000
    with pytest.raises(MergeError, match="disagrees"):
        verify_merged(base, reference, golden, base=base)


def test_unsloth_is_chosen_exactly_when_cuda_and_unsloth_are_there() -> None:
    assert choose_backend(cuda=True, unsloth=True) == "unsloth"
    assert choose_backend(cuda=True, unsloth=False) == "peft"
    assert choose_backend(cuda=False, unsloth=True) == "peft"


def test_the_lower_half_of_the_layers_is_frozen() -> None:
    assert trained_layers(30, TrainingConfig()) == list(range(15, 30))


def _gradients(base: Path, micro_rows: int) -> tuple[StepLoss, dict[str, torch.Tensor]]:
    model, tokenizer = tiny_run.adapted(base)
    torch.manual_seed(3)
    for name, value in model.named_parameters():
        if "lora_B" in name:  # zero at birth, and then half of the gradients are zero, too
            nn.init.normal_(value, std=0.05)
    start = tiny_run.start()
    scorer = RowScorer(replace(start, cards=np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)))
    batch = [encode_row(tokenizer, row) for row in tiny_run.rows(tokenizer, 8)]
    forward = open_forward(model, pad=end_token_id(tokenizer))
    loss = accumulate_gradients(
        forward, model.get_base_model().lm_head, scorer, batch, rank_weight=1.0, micro_rows=micro_rows
    )
    named = [*model.named_parameters(), *scorer.named_parameters()]
    return loss, {name: value.grad for name, value in named if value.requires_grad}


@pytest.mark.parametrize("micro_rows", [1, 2, 4])
def test_accumulated_gradients_are_those_of_the_whole_batch(base: Path, micro_rows: int) -> None:
    whole_loss, whole = _gradients(base, 8)
    loss, split = _gradients(base, micro_rows)

    assert loss.generative == pytest.approx(whole_loss.generative, abs=1e-4)
    assert loss.ranking == pytest.approx(whole_loss.ranking, abs=1e-4)
    assert max(float(value.abs().max()) for value in whole.values()) > 0.01
    assert all(torch.allclose(split[name], value, atol=1e-4, rtol=0) for name, value in whole.items())


def test_every_answer_token_of_a_step_counts_the_same(base: Path) -> None:
    model, tokenizer = tiny_run.adapted(base)
    batch = [encode_row(tokenizer, row) for row in tiny_run.rows(tokenizer, 8)]
    forward, head = open_forward(model, pad=end_token_id(tokenizer)), model.get_base_model().lm_head
    loss = accumulate_gradients(forward, head, RowScorer(tiny_run.start()), batch, rank_weight=1.0, micro_rows=2)
    log_probabilities = []
    for row in batch:
        logits = model(input_ids=torch.tensor([row.ids])).logits[0].detach()
        for at in range(row.prompt_length, len(row.ids)):
            log_probabilities.append(float(torch.log_softmax(logits[at - 1], dim=-1)[row.ids[at]]))

    assert loss.generative == pytest.approx(-sum(log_probabilities) / len(log_probabilities), abs=1e-4)


def test_rows_of_similar_length_share_a_batch(base: Path) -> None:
    tokenizer = tiny_network(base).tokenizer
    encoded = [encode_row(tokenizer, row) for row in tiny_run.rows(tokenizer, 48)]
    batches = plan_batches(encoded, replace(CONFIG, epochs=1, token_budget=10**6))
    real = sum(len(row.ids) for row in encoded)
    padded = sum(len(batch) * max(len(row.ids) for row in batch) for batch in batches)
    unsorted = [encoded[i : i + CONFIG.batch_rows] for i in range(0, len(encoded), CONFIG.batch_rows)]

    assert padded < 1.12 * real
    assert sum(len(batch) * max(len(row.ids) for row in batch) for batch in unsorted) > 1.3 * real


def test_long_rows_make_smaller_steps_and_none_is_lost(base: Path) -> None:
    tokenizer = tiny_network(base).tokenizer
    encoded = [encode_row(tokenizer, row) for row in tiny_run.rows(tokenizer, 48)]
    most = max(len(row.ids) for row in encoded)
    batches = plan_batches(encoded, replace(CONFIG, epochs=1, token_budget=10**6, batch_tokens=2 * most))

    assert all(sum(len(row.ids) for row in batch) <= 2 * most for batch in batches)
    assert {len(batch) for batch in batches} >= {2, CONFIG.batch_rows}
    assert sorted(row.ids for batch in batches for row in batch) == sorted(row.ids for row in encoded)


def test_progress_tells_losses_and_speed(base: Path) -> None:
    lines: list[str] = []
    tokenizer = tiny_network(base).tokenizer
    dev = [row for row in tiny_run.rows(tokenizer) if row.relevant]
    tiny_run.train(None, base=base, dev=dev, progress=lambda done, total, label: lines.append(label))

    assert re.fullmatch(r"loss \d+\.\d\d, ranking \d+\.\d\d, dev hit@1 [01]\.\d\d, \d+ tokens/s", lines[-1])
