import json
import logging
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from peft import LoraConfig, get_peft_model
from torch import nn

from graph.values import Catalog, FileCard, ModuleCard
from inference.prompt import end_token_id, place_prompt
from inference.values import Evidence
from inference.verifier import Verifier
from tests.models import skip_without_trl, small_base_model, tiny_network
from tests.training import tiny_run
from training.config import PreferenceConfig, config_named
from training.dataset import Dataset, Example
from training.preference import check
from training.preference.check import PreferenceError, check_preference, check_prompts
from training.preference.reward import Task, evidence_reward, format_reward, rank_reward
from training.preference.rows import correction_rows, tasks, usable
from training.preference.step import PreferenceLog, prefer
from training.preference.trainers import ending_tokenizer
from training.preference.votes import JudgedAnswer, current_only, load_judged, save_judged

MODULES = ("core", "web")
QUICK = PreferenceConfig(steps=3, batch_rows=4, learning_rate=1e-2, grpo_prompts=2, grpo_samples=4)


def catalog() -> Catalog:
    cards = tuple(ModuleCard(name, name, name, "", (f"{name}/a.py",), ()) for name in MODULES)
    return Catalog("r", "c", cards, tuple(FileCard(f"{name}/a.py", name, "python", 1, "", (), ()) for name in MODULES))


def dataset() -> Dataset:
    train = [Example(f"t{i}", "history", "train", f"toll number {i}", (MODULES[i % 2],), "c") for i in range(12)]
    return Dataset((*train, Example("d", "history", "dev", "who is held out?", (MODULES[0],), "c")), "history")


def judged(count: int = 12) -> list[JudgedAnswer]:
    """
    Every third vote is a good one, the others name the right module.
    """
    return [
        JudgedAnswer(f"q{i}", f"where is toll {i}?", MODULES[i % 2], i % 3 == 0, MODULES[1 - i % 2] if i % 3 else "")
        for i in range(count)
    ]


@cache
def speaking() -> dict[str, torch.Tensor]:
    """
    Weights of the tiny network after a second of learning to say the modules: what is sampled is sometimes true.
    """
    tiny = tiny_network(small_base_model())
    optimizer = torch.optim.AdamW(tiny.model.parameters(), lr=1e-2)
    prompt = tiny.tokenizer(place_prompt(tiny.tokenizer, repository="r", requirement="toll"))["input_ids"]
    for _ in range(25):
        for said in tiny.id_tokens(MODULES):
            labels = torch.tensor([[-100] * len(prompt) + said])
            tiny.model(input_ids=torch.tensor([prompt + said]), labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return dict(tiny.model.state_dict())


def adapted() -> tuple[Any, Any]:
    """
    The same network and adapter at every call, and its tokenizer.
    """
    tiny = tiny_network(small_base_model())
    tiny.model.load_state_dict(speaking())
    torch.manual_seed(0)
    lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "down_proj"])
    return get_peft_model(tiny.model, lora).train(), tiny.tokenizer


def run(method: str, **told: Any) -> tuple[Any, PreferenceLog | None]:
    model, tokenizer = adapted()
    known = {"dataset": dataset(), "catalog": catalog(), "judged": judged(), "config": QUICK, **told}
    known["config"] = replace(known["config"], method=method)
    return model, prefer(model, tokenizer, **known)


def moved(model: Any, other: Any) -> bool:
    weights = tiny_run.weights(other)
    return any(not torch.equal(value, weights[name]) for name, value in tiny_run.weights(model).items())


@pytest.fixture
def with_trl() -> None:
    skip_without_trl()


@pytest.mark.usefixtures("with_trl")
@pytest.mark.parametrize(("method", "rows"), [("kto", 12), ("dpo", 8), ("grpo", 6)])
def test_each_method_moves_the_adapter_and_leaves_the_rest_of_the_model_as_it_was(method: str, rows: int) -> None:
    untouched, _ = adapted()
    model, log = run(method)
    base, before = model.get_base_model(), untouched.get_base_model()

    assert log is not None
    assert (log.method, log.rows, log.steps, log.kept) == (method, rows, 3, "")
    assert moved(model, untouched)
    assert list(model.peft_config) == ["default"]
    assert base.config.to_dict() == before.config.to_dict()
    assert base.generation_config.to_dict() == before.generation_config.to_dict()
    assert not {"forward", "model_tags"} & set(vars(base))
    assert model.training


@pytest.mark.usefixtures("with_trl")
def test_the_same_seed_gives_the_same_adapter_and_another_one_another() -> None:
    mixed = replace(QUICK, grpo_reasoning_share=0.5, grpo_reasoning_tokens=4)
    one, again, other = (run("grpo", config=replace(mixed, seed=seed))[0] for seed in (7, 7, 8))

    assert not moved(one, again)
    assert moved(one, other)


@pytest.mark.usefixtures("with_trl")
def test_preferring_raises_what_was_chosen_against_what_was_rejected() -> None:
    votes = [replace(row, shown="web", right="core", good=False) for row in judged()]
    model, log = run("dpo", judged=votes)
    untouched, tokenizer = adapted()
    prompt = tokenizer(place_prompt(tokenizer, repository="r", requirement=votes[0].text), return_tensors="pt")
    tokens = [tokenizer(name, add_special_tokens=False)["input_ids"][0] for name in MODULES]
    margins = []
    for one in (untouched, model):
        logits = one(**prompt).logits[0, -1].detach()
        margins.append(float(logits[tokens[0]] - logits[tokens[1]]))

    assert log is not None
    assert log.figures[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # the reference is the adapter it began with
    assert margins[1] > margins[0]


@pytest.mark.usefixtures("with_trl")
@pytest.mark.parametrize("method", ["kto", "dpo"])
def test_a_loss_that_is_no_number_keeps_the_fine_tuned_adapter(method: str, caplog: pytest.LogCaptureFixture) -> None:
    model, tokenizer = adapted()
    before = tiny_run.weights(model)
    config = replace(QUICK, method=method)
    nn.init.constant_(model.get_base_model().model.norm.weight, float("nan"))
    with caplog.at_level(logging.WARNING):
        log = prefer(model, tokenizer, dataset=dataset(), catalog=catalog(), judged=judged(), config=config)

    assert log is not None
    assert log.kept.startswith("The preference step's loss or weights became nan")
    assert log.kept in caplog.text
    assert all(torch.equal(value, before[name]) for name, value in tiny_run.weights(model).items())


@pytest.mark.usefixtures("with_trl")
def test_the_step_ends_at_its_time_limit() -> None:
    _, log = run("kto", config=replace(QUICK, max_seconds=0.0))

    assert log is not None
    assert log.steps == 1


@pytest.mark.usefixtures("with_trl")
def test_whoever_watches_may_stop_it_and_nothing_is_told_to_a_hub() -> None:
    told = []

    def watch(done: int, total: int, label: str) -> None:
        told.append((done, total, constants.HF_HUB_DISABLE_TELEMETRY))
        raise KeyboardInterrupt

    before = constants.HF_HUB_DISABLE_TELEMETRY
    with pytest.raises(KeyboardInterrupt):
        run("kto", progress=watch)

    assert told == [(1, 3, True)]
    assert before == constants.HF_HUB_DISABLE_TELEMETRY


@pytest.mark.usefixtures("with_trl")
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("kto", "Nothing to prefer: 3 trusted votes, at least 4 are needed; the fine-tuned adapter is kept."),
        ("dpo", "Nothing to prefer: 2 confirmed corrections of a wrong module, at least 4 are needed"),
    ],
)
def test_too_little_to_learn_from_keeps_the_fine_tuned_adapter_and_says_so(method: str, said: str) -> None:
    untouched, _ = adapted()
    model, log = run(method, judged=judged(3))

    assert log is not None
    assert log.kept.startswith(said)
    assert log.steps == 0
    assert not moved(model, untouched)
    assert json.loads(json.dumps(log.to_json()))["figures"] == []


def test_no_step_is_taken_by_default() -> None:
    assert run("none")[1] is None
    assert config_named("quick").preference.method == "none"


def test_without_trl_the_step_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None)
    check_preference(PreferenceConfig())

    with pytest.raises(PreferenceError, match=r'needs trl and datasets: install Signpost with its extra "preference"'):
        check_preference(PreferenceConfig(method="kto"))


def test_a_trl_that_needs_triton_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None if name == "triton" else name)
    monkeypatch.setattr(check.importlib.metadata, "version", lambda name: "1.15.0")

    with pytest.raises(PreferenceError, match=r"TRL 1\.15\.0 needs Triton.*install trl 1\.14\.2"):
        check_preference(PreferenceConfig(method="dpo"))


def test_a_training_is_named_after_its_preset_and_its_step() -> None:
    assert config_named("full+dpo").preference.method == "dpo"
    assert config_named("quick", preference="kto").preference.method == "kto"
    assert config_named("quick+none", preference="kto").preference.method == "none"
    with pytest.raises(ValueError, match=r"with \+none, \+kto, \+dpo, \+grpo or without, got 'full\+ppo'"):
        config_named("full+ppo")


def test_a_completion_ends_with_the_token_that_ends_a_turn() -> None:
    tokenizer = tiny_network(small_base_model()).tokenizer
    tokenizer.eos_token = "<|im_start|>"  # as converted tokenizers say

    assert ending_tokenizer(tokenizer).eos_token_id == end_token_id(tokenizer)
    assert tokenizer.eos_token == "<|im_start|>"


def test_judged_answers_are_read_as_they_were_written(tmp_path) -> None:
    save_judged(tmp_path / "judged.jsonl", judged())

    assert load_judged(tmp_path / "judged.jsonl") == tuple(judged())


def test_modules_that_are_gone_and_held_out_texts_are_not_learned_from() -> None:
    rows = [
        JudgedAnswer("a", "toll", "gone", False, "core"),
        JudgedAnswer("b", "toll", "core", False, "gone"),
        JudgedAnswer("c", "Who is held out", "core", True),
    ]

    assert current_only(rows, catalog()) == (replace(rows[1], right=""), rows[2])
    assert usable(rows, dataset(), catalog()) == (replace(rows[1], right=""),)


def test_only_a_correction_of_a_wrong_module_is_a_pair() -> None:
    tokenizer = tiny_network(small_base_model()).tokenizer
    rows = [
        JudgedAnswer("a", "toll", "core", False, "web"),
        JudgedAnswer("b", "toll", "core", True, "core"),
        JudgedAnswer("c", "toll", "core", False),
    ]
    (pair,) = correction_rows(rows, tokenizer, repository="r")

    assert (pair["chosen"], pair["rejected"]) == ("web", "core")
    assert pair["prompt"] == place_prompt(tokenizer, repository="r", requirement="toll")


def test_a_share_of_the_tasks_asks_for_reasons() -> None:
    tokenizer = tiny_network(small_base_model()).tokenizer
    made = tasks(dataset(), catalog(), tokenizer, replace(QUICK, grpo_reasoning_share=0.5))

    assert [bool(task.module) for task in made] == [True] * 3 + [False] * 3
    assert all(f"Module: {task.module}" in task.prompt for task in made[:3])


PLACE = Task("", ("web", "core"), "toll")
WHY = Task(
    "",
    ("core",),
    "toll",
    "core",
    (Evidence("symbol", 'function pay in core/a.py:3 meets "toll"', "core", "pay", "core/a.py", 3),),
)


@pytest.mark.parametrize(
    ("said", "rank", "form"),
    [
        ("web", 1.0, 1.0),
        ("other", 0.0, 0.0),
        ("The module is web", 0.0, 0.0),
        ("", 0.0, 0.0),
        ("other\nweb", 1.0, 0.0),  # only modules count, and the form is wrong
    ],
)
def test_a_module_is_rewarded_for_its_place_and_the_form(said: str, rank: float, form: float) -> None:
    assert rank_reward(said, PLACE, set(MODULES)) == rank
    assert format_reward(said, PLACE, set(MODULES), ended=True) == form
    assert format_reward(said, PLACE, set(MODULES), ended=False) == 0.0
    assert evidence_reward(said, PLACE, Verifier(catalog())) is None


def test_a_list_of_modules_is_worth_less_than_the_right_one_and_is_not_read_to_its_end() -> None:
    task = Task("", ("d",), "toll")

    assert rank_reward("a\nd", task, set("abcd")) == 0.5
    assert rank_reward("a\nb\nc\nd", task, set("abcd")) == 0.0


def test_reasons_are_rewarded_for_evidence_that_exists() -> None:
    verifier = Verifier(catalog())
    true, invented = "The function pay in core/a.py meets toll.", "The function refund in core/a.py meets toll."

    assert evidence_reward(f"{true}\nModule: core", WHY, verifier) == 1.0
    assert evidence_reward(f"{true} {invented}\nModule: core", WHY, verifier) == 0.5
    assert evidence_reward(f"{invented}\nModule: core", WHY, verifier) == 0.0
    assert format_reward(f"{true}\nModule: core", WHY, set(MODULES), ended=True) == 1.0
    assert format_reward("core", WHY, set(MODULES), ended=True) == 0.0
    assert rank_reward(f"{true}\nModule: core", WHY, set(MODULES)) == 1.0


def test_a_tokenizer_that_begins_every_text_anew_is_refused_before_the_training() -> None:
    def begins(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [1] * add_special_tokens + [2, 3]}

    def plain(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [2, 3]}

    check_prompts(PreferenceConfig(method="none"), begins, "asked")
    check_prompts(PreferenceConfig(method="dpo"), plain, "asked")
    with pytest.raises(PreferenceError, match="adds tokens of its own"):
        check_prompts(PreferenceConfig(method="dpo"), begins, "asked")
