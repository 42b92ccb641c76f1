"""
Parsing many files in processes of their own: a file that crashes or hangs a grammar costs that file only.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, cast

log = logging.getLogger("signpost.graph")

CPU_SECONDS = 20.0
"""
Of processor time for one file, queries included. The parser itself stops earlier and says so; a query cannot be asked
to stop (with tree-sitter 0.26.1 any progress callback for a query crashes the process), so the kernel ends the process.
"""

FILES_A_PROCESS = 200
MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class Source:
    """
    One file to be parsed. *data* is None when it could not be read or is not worth parsing; *reason* says why.
    """

    path: str
    blob: str
    data: bytes | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """
    A parse result as `graph.parsed.pack` writes it, or the reason why there is none.
    """

    path: str
    value: str | None
    reason: str = ""


_COMMAND = (sys.executable, "-S", "-m", "graph.languages.child", str(CPU_SECONDS))


class ParserProcess:
    """
    One child that parses; it is started when it is needed and replaced when it dies.
    """

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._warned: set[str] = set()

    def parse(self, source: Source) -> Packed:
        """
        Parse one file.
        """
        if source.data is None:
            return Packed(source.path, None, source.reason)
        process = self._running()
        try:
            head = json.dumps({"path": source.path, "blob": source.blob, "size": len(source.data)})
            sink = cast("IO[bytes]", process.stdin)
            sink.write(head.encode() + b"\n" + source.data)
            sink.flush()
            return self._read_answer(process, source.path)
        except (BrokenPipeError, EOFError):
            reason = self._cause_of_death()
            log.warning("parsing %s ended its process: %s", source.path, reason)
            return Packed(source.path, None, reason)

    def stop(self) -> None:
        """
        Interrupt what the child is at, from another thread.
        """
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """
        End the child.
        """
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    cast("IO[bytes]", pipe).close()
            process.kill()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # All of our own path, so that the child need not look for site-packages: that is a tenth of its start.
            paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        return self._process

    def _read_answer(self, process: subprocess.Popen[bytes], path: str) -> Packed:
        while line := cast("IO[bytes]", process.stdout).readline():
            kind, text = line[:1], line[1:-1].decode("utf-8", "replace")
            if kind == b"R" and line.endswith(b"\n"):
                return Packed(path, text)
            if kind == b"E":
                return Packed(path, None, text)
            if text not in self._warned:
                self._warned.add(text)
                log.warning("%s", text)
        raise EOFError

    def _cause_of_death(self) -> str:
        process, self._process = cast("subprocess.Popen[bytes]", self._process), None
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                cast("IO[bytes]", pipe).close()
        code = process.wait()
        if code == -signal.SIGPROF:
            return f"the parser was stopped after {CPU_SECONDS:g} seconds"
        name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"the parser crashed ({name})"


def parse_apart(
    sources: Iterable[Source],
    *,
    count: int,
    processes: int | None = None,
    start: Callable[[], ParserProcess] = ParserProcess,
) -> Iterator[Packed]:
    """
    Parse files in as many processes as are worth it, and give the results in the order of *sources*.

    Args:
        sources: Files; they are asked for as results are taken, so that few are in memory at once.
        count: How many there will be.
        processes: How many processes; by default as many as there are processors, at most `MOST_PROCESSES`, and one for
            `FILES_A_PROCESS` files.
        start: Makes one process.
    """
    wanted = processes or max(1, min(os.cpu_count() or 1, MOST_PROCESSES, 1 + count // FILES_A_PROCESS))
    if wanted == 1:
        yield from _parse_one_by_one(sources, start())
        return
    free = [start() for _ in range(wanted)]
    everyone = tuple(free)
    lock = Lock()

    def parse(source: Source) -> Packed:
        with lock:
            child = free.pop()
        try:
            return child.parse(source)
        finally:
            with lock:
                free.append(child)

    from concurrent.futures import ThreadPoolExecutor

    waiting = iter(sources)
    try:
        with ThreadPoolExecutor(wanted) as pool:
            ahead = deque(pool.submit(parse, source) for source in islice(waiting, 4 * wanted))
            try:
                while ahead:
                    yield ahead.popleft().result()
                    ahead.extend(pool.submit(parse, source) for source in islice(waiting, 1))
            except BaseException:  # nobody waits for the rest any more: ctrl-C, or the reader has stopped
                pool.shutdown(wait=False, cancel_futures=True)
                for child in everyone:
                    child.stop()
                raise
    finally:
        for child in everyone:
            child.close()


def _parse_one_by_one(sources: Iterable[Source], child: ParserProcess) -> Iterator[Packed]:
    try:
        for source in sources:
            yield child.parse(source)
    finally:
        child.close()
