"""
Load on the Slack side: many mentions in a short time, a worker that is slow, and Slack's own limits.

    python -m tests.bench.bench_slack                          # 200 mentions in 10 s, 20 channels, 0.1 s an answer
    python -m tests.bench.bench_slack --mentions 20 --seconds 2 # a small one
    python -m tests.bench.bench_slack --socket                  # the same over a WebSocket
    python -m tests.bench.bench_slack --kill                    # with kill -9 of bot and worker, twice each, on the way

The bot is `serve_slack` as in production, in a process of its own, on a real SQLite database
and a real Valkey server; the worker is a process with RQ, whose ranker only waits; Slack is
the loopback one. One mention in ten is delivered twice, as Slack does when it did not hear
us in time. Prints what a person would have to believe: how long Slack waited for its
acknowledgements, and whether every question has one answer. With `--kill` what was not
acknowledged is delivered again, as Slack does, and the time of acknowledgements is no goal.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

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
    bot, worker = _Process(_serve, settings, options.socket, _free_port()), _Process(_work, settings)
    with client, bot, worker:
        sender = Sender(bot.arguments[-1], client)
        assert wait_until(lambda: _is_up(slack, client, bot.arguments[-1], options), seconds=60)
        began = time.monotonic()
        killer = threading.Thread(target=_kill, args=((bot, worker) * 2, options.seconds))
        if options.kill:
            killer.start()
        waits, refused, sent_at = _ask(slack, sender, options)
        asked = time.monotonic() - began
        done = wait_until(lambda: _answered(slack) >= options.mentions, seconds=options.patience)
        took = time.monotonic() - began
        time.sleep(1)  # a second message, if one is to come
        if options.kill:
            killer.join()
    held = _until_placeholder(slack, sent_at)
    return _report(options, slack, waits, held, refused=refused, asked=asked, took=took, done=done)


def _is_up(slack: FakeSlack, client: httpx.Client, port: int, options: argparse.Namespace) -> bool:
    if options.socket:
        return slack.wait_for_connection(seconds=0.1)
    try:
        return client.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def _kill(processes: Sequence[_Process], seconds: float) -> None:
    """Kill one process after the other while mentions arrive, and start each again."""
    for process in processes:
        time.sleep(seconds / (len(processes) + 1))
        process.kill()
        process.start()


def _ask(
    slack: FakeSlack, sender: Sender, options: argparse.Namespace
) -> tuple[list[float], int, dict[tuple[str, str], float]]:
    """
    Deliver the mentions evenly, every tenth twice.

    Returns:
        The seconds until each acknowledgement, how many got none, and when each mention was delivered first.
    """
    waits: list[float] = []
    sent_at: dict[tuple[str, str], float] = {}
    refused = Counter[bool]()
    began = time.monotonic()

    def deliver(number: int) -> None:
        due = began + options.seconds * number / options.mentions
        time.sleep(max(0.0, due - time.monotonic()))
        channel = f"C{number % CHANNELS:03d}"
        text = f"where is VAT number {number} added?"
        ts = slack.say(text, channel=channel)
        body = event(mention(f"<@{slack.bot_user}> {text}", ts, channel=channel))
        sent_at[channel, ts] = time.monotonic()
        for attempt in range(2 if number % 10 == 0 else 1):
            good = False
            for again in range(30 if options.kill else 1):
                sent = time.monotonic()
                good = _push(slack, body, attempt + again) if options.socket else _post(sender, body)
                waits.append(time.monotonic() - sent)
                if good:
                    break
                time.sleep(1)  # Slack waits longer, and tries less often
            refused[not good] += 1

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(deliver, range(options.mentions)))
    return waits, refused[True], sent_at


def _until_placeholder(slack: FakeSlack, sent_at: Mapping[tuple[str, str], float]) -> list[float]:
    """
    Seconds from the first delivery of each mention to the first try to post below it.
    """
    first: dict[tuple[str, str], float] = {}
    for call in slack.called("chat.postMessage"):
        first.setdefault((call.arguments["channel"], str(call.arguments.get("thread_ts"))), call.at)
    return [first[place] - sent for place, sent in sent_at.items() if place in first]


def _push(slack: FakeSlack, body: dict[str, Any], attempt: int) -> bool:
    try:
        return slack.push(body, attempt=attempt)
    except (IndexError, OSError):  # nobody is connected, or not any more
        return False


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
    held: list[float],
    *,
    refused: int,
    asked: float,
    took: float,
    done: bool,
) -> int:
    (p50, p99, worst), placeholder = _shares(waits), _shares(held)
    threads = Counter((post.channel, post.thread_ts) for post in _ours(slack))
    twice = sum(number > 1 for number in threads.values())
    answers = _answered(slack)
    good = done and not refused and not twice and answers == options.mentions and (p99 <= TARGET_MS or options.kill)
    rows = (
        ("mentions, in seconds", f"{options.mentions} in {asked:.1f}"),
        ("deliveries, of them repeated", f"{len(waits)}, {len(waits) - options.mentions}"),
        ("over", "Socket Mode" if options.socket else "HTTP, signed"),
        ("never acknowledged", f"{refused}"),
        ("acknowledgement p50 / p99 / worst", f"{p50:.0f} / {p99:.0f} / {worst:.0f} ms (p99 at most 300)"),
        ("placeholder p50 / p99 / worst", "{:.0f} / {:.0f} / {:.0f} ms".format(*placeholder)),
        ("answers, questions answered twice", f"{answers}, {twice}"),
        ("429 from Slack on the way", f"{2 * options.limits}"),
        ("until the last answer", f"{took:.1f} s, with {options.answer:.2f} s of ranking each"),
        ("calls to Slack", f"{len(slack.calls)}"),
    )
    for name, value in rows:
        print(f"{name:36} {value}")
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


def _shares(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Half, 99 of 100 and all were faster than so many milliseconds."""
    ordered = sorted(1000 * one for one in seconds) or [0.0]
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return p50, p99, ordered[-1]


class _Process:
    """
    A process of its own, so that it shares no interpreter lock with who measures it; it may be killed.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self.arguments = arguments
        self._target = target
        self._process: Any = None

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=self._target, args=self.arguments, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """
        `kill -9`: nothing in it gets a chance to tidy up.
        """
        self._process.kill()
        self._process.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _serve(settings: Settings, over_socket: bool, port: int) -> None:
    from bot.slack.serve import serve_slack

    engine = make_engine(settings.database_url)
    serve_slack(
        settings,
        sessions=session_factory(engine),
        connection=connect(settings.redis_url or ""),
        http_port=None if over_socket else port,
    )


def _work(settings: Settings) -> None:
    from worker.resident import run_worker

    assert threading.current_thread() is threading.main_thread()
    run_worker("answers", replace(settings, slack_bot_token=None), load=SlowRanker)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load on the Slack side.")
    parser.add_argument("--mentions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="in which they arrive")
    parser.add_argument("--answer", type=float, default=0.1, help="seconds a ranking takes")
    parser.add_argument("--limits", type=int, default=10, help="how often each of two methods says 429")
    parser.add_argument("--socket", action="store_true", help="over Socket Mode in place of HTTP")
    parser.add_argument("--kill", action="store_true", help="kill bot and worker on the way, twice each")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds to wait for the last answer")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
