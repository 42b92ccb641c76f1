"""
Helpers for tests that start, watch and kill real processes.
"""

import time
from collections.abc import Callable
from pathlib import Path

import psutil


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """
    Return as soon as *condition* holds; fail when it does not within *seconds*.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} seconds in vain"
        time.sleep(0.02)


def processes_of(home: Path) -> list[str]:
    """
    Command lines of the living processes that work in *home*.
    """
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(home) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def pids_of(home: Path, word: str) -> list[int]:
    """
    Ids of the living processes that work in *home* and have *word* in their command line.
    """
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if str(home) in (line := " ".join(process.info["cmdline"] or []))
        and word in line
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
