import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.worker.processes import pids_of, processes_of, wait_until
from worker.queues import connect, enqueue_answer, queue_position
from worker.valkey import start_valkey

USER = """
import sys, time
from pathlib import Path
from worker.valkey import start_valkey
url, stop = start_valkey(Path(sys.argv[1]))
print(url, flush=True)
sys.stdin.read()
stop()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "valkey"


def start_user(folder):
    """
    Another process that uses the server of this folder, until its standard input closes.
    """
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return user, user.stdout.readline().strip()


def end_user(user):
    with user:
        user.stdin.close()


def test_the_server_keeps_jobs_and_listens_on_no_port(folder):
    url, stop = start_valkey(folder)
    connection = connect(url)
    settings = connection.config_get("port", "appendonly", "appendfsync", "maxmemory-policy", "dir")
    enqueue_answer(connection, "q1")
    stop()
    connection.close()
    url, stop = start_valkey(folder)
    with connect(url) as connection:
        position = queue_position(connection, "q1")
    stop()

    assert settings == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "dir": str(folder),
    }
    assert position == 0


def test_nothing_is_left_running_after_the_last_use(folder):
    _, stop = start_valkey(folder)
    _, stop_too = start_valkey(folder)
    stop()
    stop()
    between = processes_of(folder)
    stop_too()

    assert len(between) == 2  # the keeper and the server
    assert processes_of(folder) == []


def test_users_that_start_at_the_same_time_share_one_server(folder):
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(start_valkey, [folder] * 8))

    servers = {connect(url).info()["process_id"] for url, _ in started}
    for _, stop in started:
        stop()

    assert len(servers) == 1
    assert processes_of(folder) == []


def test_the_server_stays_for_others_when_its_starter_ends(folder):
    user, url = start_user(folder)
    _, stop = start_valkey(folder)
    end_user(user)
    with connect(url) as connection:
        answered = connection.ping()
    stop()

    assert answered


def test_a_user_killed_with_kill_9_leaves_no_server_behind(folder):
    user, _ = start_user(folder)
    with user:
        user.kill()

    wait_until(lambda: processes_of(folder) == [])


def test_a_killed_server_is_started_again_with_its_jobs(folder):
    url, stop = start_valkey(folder)
    connection = connect(url)
    connection.set("colour", "blue")
    first = connection.info()["process_id"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: pids_of(folder, "valkey-server unixsocket") not in ([], [first]))
    colour = connection.get("colour")
    connection.close()
    stop()

    assert colour == b"blue"


def test_everything_killed_at_once_is_recovered_at_the_next_start(folder):
    user, _ = start_user(folder)
    with user:
        for pid in (user.pid, *pids_of(folder, "valkey")):
            os.kill(pid, signal.SIGKILL)
    left = (folder / "valkey.sock").exists()
    url, stop = start_valkey(folder)
    with connect(url) as connection:
        answered = connection.ping()
    stop()

    assert left
    assert answered


def test_a_server_whose_keeper_was_killed_is_replaced(folder):
    user, _ = start_user(folder)
    (keeper,) = pids_of(folder, "valkey_keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: keeper not in pids_of(folder, "valkey_keeper"))
    url, stop = start_valkey(folder)
    with connect(url) as connection:
        answered = connection.ping()
    stop()
    end_user(user)

    assert answered
    wait_until(lambda: processes_of(folder) == [])


def test_a_home_with_a_long_path_gets_its_socket_elsewhere(tmp_path):
    folder = tmp_path / ("long" * 30) / "valkey"
    url, stop = start_valkey(folder)
    url_again, stop_again = start_valkey(folder)
    with connect(url) as connection:
        answered = connection.ping()
    stop()
    stop_again()

    assert answered
    assert url_again == url
    assert len(url) < 110
    assert not Path(url.removeprefix("unix://")).parent.exists()


def test_a_home_with_blanks_and_percent_signs_works(tmp_path):
    url, stop = start_valkey(tmp_path / "my home 100%")
    with connect(url) as connection:
        answered = connection.ping()
    stop()

    assert answered
