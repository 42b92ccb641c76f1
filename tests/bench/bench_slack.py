"""
Load on the Slack side: many mentions in a short time, a worker that is slow, and Slack's own limits.

    python -m tests.bench.bench_slack                          # 200 mentions in 10 s, 20 channels, 0.1 s an answer
    python -m tests.bench.bench_slack --mentions 20 --seconds 2 # a small one
    python -m tests.bench.bench_slack --socket                  # the same over a WebSocket

The bot is `serve_slack` as in production, in a process of its own, on a real SQLite database
and a real Valkey server; the worker is a process with RQ, whose ranker only waits; Slack is
the loopback one. One mention in ten is delivered twice, as Slack does when it did not hear
us in time. Prints what a person would have to believe: how long Slack waited for its
acknowledgements, and whether every question has one answer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from inference.values import Ranking, Reasoning
from tests.bot.slack.payloads import Sender, event, mention, wait_until
from tests.factories import MODULES, make_release, make_repository
from tests.fakes import Failure, FakeSlack
from worker.database import make_engine, session_factory, upgrade
from worker.queues import connect
from worker.settings import Settings
from worker.valkey import start_valkey

TARGET_MS = 300.0
CHANNELS = 20


@dataclass(frozen=True)
class SlowRanker:
    """
    A ranker that takes its time and always ranks the same.
    """

    folder: Path

    def rank(self, requirement: str, *, k: int = 10) -> Ranking:
        time.sleep(float(os.environ["BENCH_SECONDS"]))
        return Ranking(MODULES[:k], True, self.folder.name, "c" * 40)

    def explain(
        self, requirement: str, ranking: Ranking, *, generate: bool = True, seconds: float | None = None
    ) -> Reasoning:
        return Reasoning("It adds VAT.", (), generate)


def main() -> int:
    options = _options()
    os.environ["BENCH_SECONDS"] = str(options.answer)
    with tempfile.TemporaryDirectory() as folder, FakeSlack() as slack:
        url, stop = start_valkey(Path(folder) / "valkey")
        try:
            return _run(options, Path(folder), slack, url)
        finally:
            stop()


def _run(options: argparse.Namespace, folder: Path, slack: FakeSlack, redis_url: str) -> int:
    settings = Settings(
        home=folder,
        database_url=f"sqlite:///{folder / 'signpost.db'}",
        redis_url=redis_url,
        slack_bot_token=slack.bot_token,
        slack_app_token=slack.app_token,
        slack_signing_secret=slack.signing_secret,
        slack_api_url=slack.api_url,
    )
    upgrade(settings.database_url)
    engine = make_engine(settings.database_url)
    with session_factory(engine).begin() as session:
        make_repository(session)
        make_release(session, "release-1", folder=str(folder / "release-1"))
    engine.dispose()
    # Slack says "too often" now and then, as it does when many answers come at once.
    slack.fail("chat.postMessage", Failure(retry_after=1), times=options.limits)
    slack.fail("chat.update", Failure(retry_after=1), times=options.limits)
    client = httpx.Client(timeout=30, limits=httpx.Limits(max_connections=64))
    with client, _bot(settings, socket=options.socket) as port, _worker(settings):
        sender = Sender(port, client)
        if options.socket:
            assert slack.wait_for_connection(seconds=30)
        began = time.monotonic()
        waits, refused = _ask(slack, sender, options)
        asked = time.monotonic() - began
        done = wait_until(lambda: _answered(slack) >= options.mentions, seconds=options.patience)
        took = time.monotonic() - began
        time.sleep(1)  # a second message, if one is to come
    return _report(options, slack, waits, refused=refused, asked=asked, took=took, done=done)


def _ask(slack: FakeSlack, sender: Sender, options: argparse.Namespace) -> tuple[list[float], int]:
    """
    Deliver the mentions evenly, every tenth twice; returns the seconds until each acknowledgement.
    """
    waits: list[float] = []
    refused = Counter[bool]()
    began = time.monotonic()

    def deliver(number: int) -> None:
        due = began + options.seconds * number / options.mentions
        time.sleep(max(0.0, due - time.monotonic()))
        channel = f"C{number % CHANNELS:03d}"
        text = f"where is VAT number {number} added?"
        body = event(mention(f"<@{slack.bot_user}> {text}", slack.say(text, channel=channel), channel=channel))
        for attempt in range(2 if number % 10 == 0 else 1):
            sent = time.monotonic()
            good = slack.push(body, attempt=attempt) if options.socket else _post(sender, body)
            waits.append(time.monotonic() - sent)
            refused[not good] += 1

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(deliver, range(options.mentions)))
    return waits, refused[True]


def _post(sender: Sender, body: dict[str, Any]) -> bool:
    try:
        return sender.post(json.dumps(body).encode(), content_type="application/json").status_code == 200
    except httpx.HTTPError:
        return False


def _answered(slack: FakeSlack) -> int:
    return sum("shop/billing" in str(post.blocks) for post in _ours(slack))


def _ours(slack: FakeSlack) -> list[Any]:
    return [post for number in range(CHANNELS) for post in slack.ours(f"C{number:03d}")]


def _report(
    options: argparse.Namespace,
    slack: FakeSlack,
    waits: list[float],
    *,
    refused: int,
    asked: float,
    took: float,
    done: bool,
) -> int:
    ordered = sorted(1000 * wait for wait in waits)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    threads = Counter((post.channel, post.thread_ts) for post in _ours(slack))
    twice = sum(number > 1 for number in threads.values())
    answers = _answered(slack)
    good = done and not refused and not twice and answers == options.mentions and p99 <= TARGET_MS
    rows = (
        ("mentions, in seconds", f"{options.mentions} in {asked:.1f}"),
        ("deliveries, of them repeated", f"{len(waits)}, {len(waits) - options.mentions}"),
        ("over", "Socket Mode" if options.socket else "HTTP, signed"),
        ("acknowledged, not acknowledged", f"{len(waits) - refused}, {refused}"),
        ("acknowledgement p50 / p99 / worst", f"{p50:.0f} / {p99:.0f} / {ordered[-1]:.0f} ms (p99 at most 300)"),
        ("answers, questions answered twice", f"{answers}, {twice}"),
        ("429 from Slack on the way", f"{2 * options.limits}"),
        ("until the last answer", f"{took:.1f} s, with {options.answer:.2f} s of ranking each"),
        ("calls to Slack", f"{len(slack.calls)}"),
    )
    for name, value in rows:
        print(f"{name:36} {value}")
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


@contextlib.contextmanager
def _bot(settings: Settings, *, socket: bool) -> Iterator[int]:
    """
    `serve_slack` in a process of its own, so that it shares no interpreter lock with who measures it.
    """
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    process = context.Process(target=_serve, args=(settings, socket, ports), daemon=True)
    process.start()
    try:
        yield ports.get(timeout=900) or 0
    finally:
        process.terminate()
        process.join(20)


def _serve(settings: Settings, socket: bool, ports: Any) -> None:
    from bot.slack.serve import serve_slack

    engine = make_engine(settings.database_url)
    serve_slack(
        settings,
        sessions=session_factory(engine),
        connection=connect(settings.redis_url or ""),
        http_port=None if socket else 0,
        on_ready=ports.put,
    )


@contextlib.contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(replace(settings, slack_bot_token=None),), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(20)


def _work(settings: Settings) -> None:
    from worker.resident import run_worker

    assert threading.current_thread() is threading.main_thread()
    run_worker("answers", settings, load=SlowRanker)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load on the Slack side.")
    parser.add_argument("--mentions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="in which they arrive")
    parser.add_argument("--answer", type=float, default=0.1, help="seconds a ranking takes")
    parser.add_argument("--limits", type=int, default=10, help="how often each of two methods says 429")
    parser.add_argument("--socket", action="store_true", help="over Socket Mode in place of HTTP")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds to wait for the last answer")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
