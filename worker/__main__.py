"""
Start one worker process.

    python -m worker answers     # takes questions
    python -m worker training    # trains releases, at a lower priority
    python -m worker answers --home /tmp/signpost --burst    # a home of its own, work off the queue, end
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

from sqlalchemy.exc import OperationalError

from worker.database import SchemaError
from worker.process import die_with_parent
from worker.rankers import LoadRanker, load_release
from worker.resident import ignore_hangup, run_worker
from worker.retraining import Train, train
from worker.settings import Settings, SettingsError
from worker.valkey import ValkeyError


def main(arguments: Sequence[str] | None = None, *, load: LoadRanker = load_release, train: Train = train) -> int:
    """
    Run the worker that the command line asks for.

    Returns:
        The exit status of the process: 0, 1 when another try may help, 2 when somebody has to act.
    """
    parser = argparse.ArgumentParser(prog="python -m worker", description="Run one Signpost worker.")
    parser.add_argument("kind", choices=["answers", "training"], help="the queue to serve")
    parser.add_argument("--home", type=Path, help="instead of SIGNPOST_HOME")
    parser.add_argument("--burst", action="store_true", help="end when the queue is empty")
    parser.add_argument("--child", action="store_true", help="log to a file; end when standard input closes")
    parser.add_argument("--urgent", action="store_true", help="train at full priority: somebody waits for it")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment()
        if options.home is not None:
            settings = settings.with_home(options.home)
        set_up_logging(settings, file=f"{options.kind}.log" if options.child else None)
        if options.child:
            die_with_parent()
            ignore_hangup()
        if options.kind == "training":
            os.nice(0 if options.urgent else 10)  # answers come first
        return run_worker(options.kind, settings, load=load, train=train, burst=options.burst)
    except (SettingsError, SchemaError, ValkeyError) as problem:
        return _give_up(str(problem), 2)
    except OperationalError as problem:
        return _give_up(f"the database cannot be reached: {problem.orig}", 1)


def _give_up(sentence: str, status: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return status


def set_up_logging(settings: Settings, *, file: str | None) -> None:
    """
    Log to standard error, or to a file under `HOME/logs` that never grows beyond 5 × 2 MB.
    """
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        logs = settings.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(logs / file, maxBytes=2_000_000, backupCount=4, encoding="utf-8")
    handler.setLevel(settings.log_level)  # libraries that set their own level to DEBUG stay quiet, too
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.basicConfig(
        level=settings.log_level,
        handlers=[handler],
        format="%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s",
    )


if __name__ == "__main__":
    sys.exit(main())
