"""
One question from a mention to feedback to a better release: real git, SQL, Valkey, worker processes and language model.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot import stack as stacks
from bot.slack.serve import serve_slack
from bot.stack import Stack
from graph.values import Catalog
from inference.ranker import Ranker, RequirementError
from tests.bot.slack.payloads import Sender, click, mention, wait_until
from tests.codebase import requirement, write_shop, write_shop_with_history
from tests.fakes import FakeSlack
from training.dataset import load_dataset
from training.encoder import encoder_name
from worker import store
from worker.ask import submit_question, wait_for_answer
from worker.process import Children
from worker.queues import TRAINING, enqueue_training, living_workers
from worker.settings import Settings
from worker.tables import Answer, Release, Repository, Vote

PATIENCE = 240.0
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class World:
    """
    A home with one trained repository, and its stack.
    """

    stack: Stack
    repository: Repository
    release: Release
    stages: tuple[str, ...]

    @property
    def catalog(self) -> Catalog:
        return Catalog.load(Path(self.release.folder) / "catalog.json")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    shop = write_shop_with_history(tmp_path_factory.mktemp("code") / "shop")
    home = tmp_path_factory.mktemp("home")
    settings = Settings.from_environment({"SIGNPOST_HOME": str(home)})
    stages: list[str] = []
    with stacks.open_stack(settings) as stack:
        repository = stacks.add_repository(stack, shop, None)
        release = _train(stack, repository, stages)
        yield World(stack, repository, release, tuple(dict.fromkeys(stages)))


def _train(stack: Stack, repository: Repository, stages: list[str]) -> Release:
    with Children(stack.settings, module="tests.small_worker") as children:
        children.spawn(TRAINING, urgent=True)
        training = stacks.train(
            stack,
            repository,
            preset="full",
            requested_by="test",
            report=lambda stage, done, total, detail: stages.append(stage),
        )
    with stack.sessions() as session:
        return store.release(session, training.release_id or "")


@pytest.fixture
def answering(world: World) -> Iterator[Children]:
    with Children(world.stack.settings) as children:
        children.spawn("answers")
        yield children


def _ask(world: World, text: str) -> Answer:
    return stacks.ask(world.stack, world.repository, text, timeout=PATIENCE)


def test_the_training_is_reported_stage_by_stage_and_ends_in_an_active_release(world: World) -> None:
    assert "fine-tune" in world.stages
    assert world.release.state == "active"
    assert world.release.scorecard["rows"]["test"] == 15
    assert world.release.scorecard["merge"]["top1_agreement"] >= 0.99
    assert set(world.release.scorecard["rankers"]) >= {"majority", "bm25", "shortlist", "system", "closed-book ids"}


def test_a_release_folder_names_what_it_was_made_of(world: World) -> None:
    info = json.loads((Path(world.release.folder) / "release.json").read_text())

    assert info["dataset_hash"] == world.release.dataset_hash
    assert info["graph_commit"] == world.catalog.commit
    assert info["evaluated_commit"] != info["graph_commit"]
    assert {"torch", "transformers", "peft", "python"} <= set(info["versions"])
    assert {"model/model.safetensors", "model/tokenizer.json", "catalog.json", "fusion.json"} <= set(info["files"])
    assert not [name for name in info["files"] if name.endswith((".bin", ".pt", ".pkl", ".pickle"))]
    assert info["encoder"]["name"] == encoder_name()
    assert "vectors.safetensors" in info["files"]


def test_a_question_gets_valid_modules_in_the_same_order_every_time(world: World, answering: Children) -> None:
    first, second = _ask(world, "Wrong customs form on parcels"), _ask(world, "Wrong customs form on parcels")

    assert first.modules[0]["id"] == "shipping"
    assert {module["id"] for module in first.modules} <= set(world.catalog.module_ids)
    assert first.modules == second.modules
    assert first.reasoning == second.reasoning
    assert sum(module["confidence"] for module in first.modules) <= 1.0001


def test_another_process_ranks_the_same(world: World, answering: Children) -> None:
    served = _ask(world, "speed up the newsletter").modules
    here = Ranker.load(Path(world.release.folder)).rank("speed up the newsletter")

    assert [module.to_json() for module in here.modules] == served


def test_the_evidence_exists_in_the_code(world: World, answering: Children) -> None:
    answer = _ask(world, "Handle a missing tracking number without an error")
    symbols = [item for item in answer.evidence if item["kind"] == "symbol"]

    assert symbols
    for item in symbols:
        lines = {(symbol.qualified, symbol.line) for symbol in world.catalog.file(item["file"]).symbols}
        assert (item["name"], item["line"]) in lines


@pytest.mark.parametrize("asked", ["", "🙂🙂", "\x00\x01\x02", "?!"])
def test_what_holds_no_word_gets_a_sentence_not_a_ranking(world: World, asked: str) -> None:
    ranker = Ranker.load(Path(world.release.folder), verify=False)

    with pytest.raises(RequirementError, match="say in a sentence"):
        ranker.rank(asked)


@pytest.mark.parametrize("asked", ["x" * 20_000, "word " * 4_000, "在哪里计算邮费？", "def f(x):\n  return x" * 50])
def test_unusual_requirements_are_ranked_all_the_same(world: World, asked: str) -> None:
    ranker = Ranker.load(Path(world.release.folder), verify=False)

    assert {module.id for module in ranker.rank(asked).modules} <= set(world.catalog.module_ids)


def test_a_worker_killed_while_it_answers_leaves_one_answer_a_question(world: World, answering: Children) -> None:
    texts = [requirement(number)[0] for number in range(200, 206)]
    asked = [
        submit_question(
            world.stack.sessions,
            world.stack.connection,
            store.NewQuestion(repository_id=world.repository.id, text=text, asker="test", source="cli"),
        )
        for text in texts
    ]
    wait_for_answer(world.stack.sessions, asked[0].id, timeout=PATIENCE)
    os.kill(answering.pid("answers"), signal.SIGKILL)
    answers = [
        wait_for_answer(world.stack.sessions, question.id, timeout=PATIENCE, until="reasoned") for question in asked
    ]

    assert all(answer is not None and answer.reasoned_at is not None and answer.error is None for answer in answers)
    with world.stack.sessions() as session:
        count = session.scalar(
            select(func.count()).select_from(Answer).where(Answer.question_id.in_([q.id for q in asked]))
        )
    assert count == len(asked)


def test_a_mention_is_answered_in_its_thread_by_the_real_worker(world: World, answering: Children) -> None:
    with FakeSlack() as slack:
        settings = replace(
            world.stack.settings,
            slack_bot_token=slack.bot_token,
            slack_app_token=slack.app_token,
            slack_signing_secret=slack.signing_secret,
            slack_api_url=slack.api_url,
        )
        stop, ports = threading.Event(), []
        ready = threading.Event()
        thread = threading.Thread(
            target=serve_slack,
            args=(settings,),
            kwargs={
                "sessions": world.stack.sessions,
                "connection": world.stack.connection,
                "http_port": 0,
                "stop": stop,
                "on_ready": lambda port: (ports.append(port), ready.set()),
            },
        )
        thread.start()
        try:
            assert ready.wait(20)
            sender = Sender(ports[0])
            asked = f"<@{slack.bot_user}> Speed up loading of every forklift route"
            ts = slack.say(asked)
            assert sender.send_event(mention(asked, ts)).status_code == 200
            assert wait_until(
                lambda: any("warehouse" in json.dumps(message.blocks) for message in slack.ours()), seconds=60
            )
            with world.stack.sessions() as session:
                answer = session.scalars(select(Answer).order_by(Answer.ranked_at.desc())).first()
            assert answer is not None
            assert wait_until(lambda: _reasoned(world, answer.id), seconds=60)
            for value in ("up", "down"):
                assert sender.send_click(click(f"{value}:{answer.id}", slack.ours()[0].ts)).status_code == 200
        finally:
            stop.set()
            thread.join(30)
        with world.stack.sessions() as session:
            votes = session.scalars(select(Vote).where(Vote.answer_id == answer.id)).all()

        assert len(slack.ours()) == 1
        assert slack.ours()[0].thread_ts == ts
        assert [vote.value for vote in votes] == [-1]


def _reasoned(world: World, answer_id: str) -> bool:
    with world.stack.sessions() as session:
        return store.answer(session, answer_id).delivered_at is not None


def _signpost(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SIGNPOST_HOME": str(world.stack.settings.home)}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *words], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


def test_the_command_line_answers_in_json_and_refuses_what_it_does_not_know(world: World, tmp_path: Path) -> None:
    answered = _signpost(world, "ask", "Allow an empty discount for guests", "--json")
    answer = json.loads(answered.stdout)

    assert answered.returncode == 0, answered.stderr
    assert set(answer) >= {"modules", "sure", "off_topic", "reasoning", "evidence", "release"}
    assert set(answer["modules"][0]) >= {"id", "path", "confidence", "files"}
    assert answer["release"] == world.release.id

    explained = json.loads(_signpost(world, "explain", answer["question"][:12], "--json").stdout)
    assert [module["id"] for module in explained["modules"]] == [module["id"] for module in answer["modules"][:3]]
    assert explained["modules"][0]["confidence"] == answer["modules"][0]["confidence"]
    table = _signpost(world, "explain", answer["question"]).stdout
    assert "similar past requirements" in table
    assert "language model" in table
    nothing = _signpost(world, "explain", "0" * 32)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)

    unknown = _signpost(world, "ask", "anything", "--repo", "nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no repository called 'nothing': known are shop" in unknown.stderr

    (tmp_path / "empty").mkdir()
    empty = _signpost(world, "train", str(tmp_path / "empty"))
    assert empty.returncode == 1
    assert len(empty.stderr.strip().splitlines()) == 1

    nowhere = _signpost(world, "train", str(tmp_path / "nowhere"))
    assert nowhere.returncode == 1
    assert "nowhere" in nowhere.stderr


def test_a_confirmed_correction_is_trained_on_while_answers_flow_and_the_worker_swaps(
    world: World, answering: Children
) -> None:
    text = "The thing with the yellow lamp blinks"
    wrong = _ask(world, text)
    module = next(m["id"] for m in reversed(wrong.modules))
    voted = _signpost(world, "feedback", "vote", wrong.question_id, "down", "--module", "no/such/module")
    assert voted.returncode == 1
    assert "There is no module 'no/such/module'" in voted.stderr
    assert _signpost(world, "feedback", "vote", wrong.question_id, "down", "--module", module).returncode == 0
    listed = _signpost(world, "feedback", "list").stdout.split()
    assert _signpost(world, "feedback", "confirm", listed[0]).returncode == 0

    with Children(world.stack.settings, module="tests.small_worker") as children:
        children.spawn(TRAINING, urgent=True)
        assert _signpost(world, "retrain", "--no-wait").returncode == 0
        assert wait_until(lambda: living_workers(world.stack.connection, TRAINING), seconds=60)
        assert _ask(world, "Wrong receipt when two people edit at once").release_id == world.release.id
        training = stacks.train(
            world.stack, world.repository, preset="full", requested_by="test", report=lambda *_: None
        )
    with world.stack.sessions() as session:
        new = store.release(session, training.release_id or "")
        active = store.active_release(session, world.repository.id)
        trainings = store.trainings(session, world.repository.id)
    rows = load_dataset(world.stack.settings.home / "datasets" / new.dataset_hash[:16]).examples

    assert len(trainings) == 2
    assert [(e.requirement, e.modules) for e in rows if e.origin == "feedback"] == [(text, (module,))]
    assert new.id != world.release.id
    if new.state == "refused":
        assert active is not None
        assert active.id == world.release.id
        with world.stack.sessions.begin() as session:
            store.promote_release(session, new.id, datetime.now(UTC))
    assert _ask(world, text).release_id == new.id

    back = _signpost(world, "release", "rollback")
    assert world.release.id in back.stdout
    assert _ask(world, text).release_id == world.release.id


def test_a_plain_folder_without_history_is_trained_on_its_own_documentation(world: World, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "plain")
    repository = stacks.add_repository(world.stack, folder, None)
    release = _train(world.stack, repository, [])

    assert release.scorecard["held_out"] == "graph"
    assert release.state == "active"
    assert release.graph_commit.startswith("tree-")


def test_a_training_that_is_killed_leaves_no_release_and_is_begun_again(world: World, tmp_path: Path) -> None:
    repository = stacks.add_repository(world.stack, write_shop(tmp_path / "killed"), None)
    with world.stack.sessions.begin() as session:
        training, _ = store.add_training(session, repository_id=repository.id, requested_by="test")
    enqueue_training(world.stack.connection, training.id)
    with Children(world.stack.settings, module="tests.small_worker") as children:
        children.spawn(TRAINING, urgent=True)
        assert wait_until(lambda: _stage(world, training.id) == "fine-tune", seconds=120)
        os.kill(children.pid(TRAINING), signal.SIGKILL)
        time.sleep(0.1)
        releases = world.stack.settings.home / "releases"
        assert not [path for path in releases.iterdir() if path.name.startswith("killed-")]
        assert wait_until(lambda: _state(world, training.id) == "done", seconds=PATIENCE)

    assert not list((world.stack.settings.home / "releases").glob(".building-*"))


def _stage(world: World, training_id: str) -> str:
    with world.stack.sessions() as session:
        return str(store.training(session, training_id).progress.get("stage", ""))


def _state(world: World, training_id: str) -> str:
    with world.stack.sessions() as session:
        return store.training(session, training_id).state
