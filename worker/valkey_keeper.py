"""
A small process that keeps the embedded Valkey server of one home.

Started by `worker.valkey` as a script, so it imports the standard library alone. It runs
the server as its child, starts it again when it crashes, and stops it when the last
process that uses it has gone. Users hold a shared lock on `users.lock`; the kernel gives
it back however they die, so the exclusive lock is ours exactly when nobody is left. While
we hold it, newcomers wait, and then start a keeper of their own.

Usage: python valkey_keeper.py FOLDER SOCKET BINARY
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

_STOP_SECONDS = 10.0


def keep(folder: Path, address: Path, binary: str) -> int:
    """
    Keep a server in *folder* listening on *address* until nobody uses it any more.

    Returns:
        The exit status: 0, also when another keeper is there already; 1 when the server does not start.
    """
    # The order matters: `keeper.lock` has to be free before a newcomer gets `users.lock`.
    with open(folder / "users.lock", "a") as users, open(folder / "keeper.lock", "a") as keeper:
        if not _take(keeper):
            return 0
        _end_orphan(address.with_name("orphan.sock"))
        server = _Server(_command(folder, address, binary), folder / "valkey.log")
        threading.Thread(target=server.run, daemon=True).start()
        fcntl.flock(users, fcntl.LOCK_EX)
        server.stop()
        address.unlink(missing_ok=True)
        if address.parent != folder:
            with contextlib.suppress(OSError):
                address.parent.rmdir()
    return 0


def _take(lock: IO[str]) -> bool:
    # Others try this lock for an instant to see whether a keeper is there: once is not enough.
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False


class _Server:
    """The server process, started again when it dies before its time."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._stopping = False
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        pause = 0.1
        while True:
            began = time.monotonic()
            with self._guard:
                if self._stopping:
                    return
                self._process = self._start()
            self._process.wait()
            pause = 0.1 if time.monotonic() - began > 60 else min(pause * 2, 10.0)
            time.sleep(pause)

    def _start(self) -> "subprocess.Popen[bytes]":
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def stop(self) -> None:
        with self._guard:
            self._stopping = True
            process = self._process
        if process is None:
            return
        end = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < end:
            process.terminate()  # more than once: a server that is just starting forgets the first one
            try:
                process.wait(0.5)
                return
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        process.wait()


def _command(folder: Path, address: Path, binary: str) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [binary, *(part for name, value in options.items() for part in (f"--{name}", value))]


def _die_with_parent() -> None:
    # Only Linux can tie a process to its parent. Elsewhere the next keeper ends what a killed one left.
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _end_orphan(address: Path) -> None:
    """
    Stop the server of a keeper that was killed, and clear its socket away.

    Two servers must not write into the same folder. The connection closes when the orphan ends.
    """
    end = time.monotonic() + _STOP_SECONDS
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_STOP_SECONDS)
        client.connect(str(address))
        client.sendall(b"SHUTDOWN\r\n")
        while client.recv(4096) and time.monotonic() < end:
            pass
    address.unlink(missing_ok=True)


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the users decide, not a terminal that closes
    os.umask(0o077)
    folder, address, binary = sys.argv[1:]
    return keep(Path(folder), Path(address), binary)


if __name__ == "__main__":
    sys.exit(main())
