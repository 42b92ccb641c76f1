"""
The process that parses: grammars are C code, and what crashes or hangs there takes this process only.

    python -m graph.languages.child 20        (started by `graph.parsing`; reads requests on standard input)

The number is how many seconds of processor time one file may take, see `graph.parsing.CPU_SECONDS`.

A request is one line of JSON, ``{"path", "blob", "size"}``, and then that many bytes. The answer is one or more lines:
``W`` and a warning, at last ``R`` and a packed result or ``E`` and why there is none.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from typing import BinaryIO

from graph.languages.parser import ParseTimeoutError, parse_file
from graph.parsed import pack


class _Told(logging.Handler):
    """
    Keeps warnings until the next answer.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """
        Keep one warning.
        """
        self.lines.append(" ".join(record.getMessage().split()))


def serve(source: BinaryIO, sink: BinaryIO, seconds: float) -> None:
    """
    Answer requests until there are no more.
    """
    told = _Told()
    logger = logging.getLogger("signpost.graph")
    logger.addHandler(told)
    logger.propagate = False
    while line := source.readline():
        request = json.loads(line)
        data = source.read(request["size"])
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = _answer(request["path"], data, request["blob"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        warnings = "".join(f"W{text}\n" for text in told.lines)
        told.lines.clear()
        sink.write(f"{warnings}{answer}\n".encode("utf-8", "replace"))
        sink.flush()


def _answer(path: str, data: bytes, blob: str) -> str:
    try:
        return "R" + pack(parse_file(path, data, blob=blob))
    except (ParseTimeoutError, RecursionError, ValueError) as error:
        return f"Ethe parser gave up: {' '.join(str(error).split())}"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's to handle: it closes our input
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    serve(sys.stdin.buffer, sys.stdout.buffer, float(sys.argv[1]))
