"""
A parsing process that does what grammars do at their worst, for files whose name asks for it.
"""

from __future__ import annotations

import os
import signal
import sys

from graph.languages import child


def misbehave(path: str, data: bytes, blob: str) -> str:
    """
    Crash, hang, end, or warn as the path says; else answer with the path.
    """
    if "crash" in path:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in path:
        while True:
            pass
    if "end" in path:
        os._exit(3)
    if "warn" in path:
        child.logging.getLogger("signpost.graph").warning("no grammar for klingon")
    return f"R{path} {len(data)} {blob}"


if __name__ == "__main__":
    child._answer = misbehave
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    child.serve(sys.stdin.buffer, sys.stdout.buffer, 0.1)
