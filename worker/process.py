"""
Worker processes as children of the command that needs them.

A child never outlives its parent. It holds the reading end of a pipe as its standard
input; when the parent dies, even by kill -9, the kernel closes the other end, and a
thread in the child sees it and ends the process.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from worker.settings import Settings

log = logging.getLogger("signpost.process")

# What a child gets to finish after its parent has died, and after a stop was asked for.
_ORPHAN_SECONDS = 5.0
_STOP_SECONDS = 20.0
_QUICK_DEATH_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 60.0


class Children:
    """
    The worker processes that one parent runs.

    A child that dies is started again, at once the first time and more slowly when it
    keeps dying. Use it as a context manager: leaving it stops them all.

    Args:
        settings: Handed to every child through its environment.
        module: The module that `python -m` runs.
    """

    def __init__(self, settings: Settings, *, module: str = "worker") -> None:
        self._settings = settings
        self._module = module
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._watchers: list[threading.Thread] = []
        self._urgent: set[str] = set()

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def spawn(self, kind: str, *, urgent: bool = False) -> int:
        """
        Start the worker of this kind, `answers` or `training`.

        Args:
            urgent: Train at full priority, because somebody waits for it.

        Returns:
            Its process id; another one takes its place when it dies.
        """
        if urgent:
            self._urgent.add(kind)
        process = self._start(kind)
        if process is None:
            raise RuntimeError("these children are being stopped")
        watcher = threading.Thread(target=self._watch, args=(kind, process), daemon=True)
        self._watchers.append(watcher)
        watcher.start()
        return process.pid

    def pid(self, kind: str) -> int:
        """
        The process id of the worker of this kind as it is now.
        """
        return self._processes[kind].pid

    def stop_all(self, seconds: float = _STOP_SECONDS) -> None:
        """
        Ask all children to stop (SIGTERM), and kill those that did not within *seconds*.
        """
        with self._guard:
            self._stopping.set()
            processes = list(self._processes.values())
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + seconds
        for process in processes:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process %s did not stop within %.0f seconds, killing it", process.pid, seconds)
                process.kill()
                process.wait()
        for watcher in self._watchers:
            watcher.join()

    def _start(self, kind: str) -> "subprocess.Popen[bytes] | None":
        logs = self._settings.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with self._guard, open(logs / f"{kind}.crash", "ab") as crash:
            if self._stopping.is_set():
                return None
            self._processes[kind] = subprocess.Popen(
                self._command(kind),
                env=self._settings.for_child(),
                stdin=subprocess.PIPE,
                stdout=crash,
                stderr=crash,
                start_new_session=True,  # Ctrl-C reaches the parent, which stops us in good order
            )
            return self._processes[kind]

    def _command(self, kind: str) -> list[str]:
        command = [sys.executable, "-m", self._module, kind, "--home", str(self._settings.home), "--child"]
        return [*command, "--urgent"] if kind in self._urgent else command

    def _watch(self, kind: str, process: "subprocess.Popen[bytes] | None") -> None:
        pause = 0.0
        while process is not None:
            began = time.monotonic()
            status = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            quick = time.monotonic() - began < _QUICK_DEATH_SECONDS
            if self._stopping.wait(pause):
                return
            log.warning("the %s worker ended with status %s and is started again", kind, status)
            pause = min(max(1.0, pause * 2), _LONGEST_PAUSE_SECONDS) if quick else 0.0
            process = self._start(kind)


def die_with_parent() -> None:
    """
    In a child: end this process when the one that started it has died.

    The worker gets a SIGTERM first, so that it can give its claims back; a few seconds
    later the process ends whatever it is doing.
    """

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_ORPHAN_SECONDS)
        os._exit(70)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def wait_for_stop() -> None:
    """
    Sleep until a SIGTERM or SIGINT comes. For the main thread of a parent whose children work.
    """
    stopped = threading.Event()
    with set_by_signals(stopped):
        stopped.wait()


@contextlib.contextmanager
def set_by_signals(event: threading.Event) -> Iterator[None]:
    """
    Set *event* when a SIGTERM or SIGINT comes, instead of what these do otherwise. Outside the main thread, which
    alone takes signals, nothing changes.

    A handler runs in the middle of whatever the main thread does, and often that is the event's own `wait`, with the
    event's lock in its hand: setting the event there would wait for that lock forever. So a thread sets it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(*_: object) -> None:
        threading.Thread(target=event.set, name="signal", daemon=True).start()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def process_alive(pid: int) -> bool:
    """
    Whether a process with this id runs on this machine.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
