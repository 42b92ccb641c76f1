import json
import socket
import subprocess
import sys
import time

import pytest
from redis.exceptions import RedisError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from worker import queues


def test_enqueueing_twice_leaves_one_job(connection):
    assert queues.enqueue_answer(connection, "q1")
    assert not queues.enqueue_answer(connection, "q1")
    assert queues.answers_queue(connection).job_ids == ["answer-q1"]


def test_a_job_names_its_function_and_carries_an_id_as_json(connection):
    queues.enqueue_answer(connection, "q1")

    job = Job.fetch("answer-q1", connection=connection, serializer=JSONSerializer)
    assert (job.func_name, job.args) == ("worker.jobs.answer", ["q1"])
    assert json.loads(job.data) == ["worker.jobs.answer", None, ["q1"], {}]


def test_positions_count_from_the_front(connection):
    for name in ("q1", "q2"):
        queues.enqueue_answer(connection, name)

    assert [queues.queue_position(connection, name) for name in ("q1", "q2", "q3")] == [0, 1, None]


def test_a_failed_job_is_replaced(connection):
    queues.enqueue_answer(connection, "q1")
    queue = queues.answers_queue(connection)
    queue.pop_job_id()
    Job.fetch("answer-q1", connection=connection, serializer=JSONSerializer).set_status(JobStatus.FAILED)

    assert queues.enqueue_answer(connection, "q1")
    assert queue.job_ids == ["answer-q1"]


def start_job(connection, worker):
    queues.enqueue_answer(connection, "q1")
    queues.answers_queue(connection).pop_job_id()
    job = Job.fetch("answer-q1", connection=connection, serializer=JSONSerializer)
    with connection.pipeline() as pipeline:
        job.prepare_for_execution(worker, pipeline=pipeline)
        pipeline.execute()


def test_a_job_that_a_living_worker_has_is_left_alone(connection):
    connection.hset("rq:worker:w1", "state", "busy")
    start_job(connection, "w1")

    assert not queues.enqueue_answer(connection, "q1")


def test_a_job_whose_worker_is_gone_is_replaced(connection):
    start_job(connection, "w1")

    assert queues.enqueue_answer(connection, "q1")
    assert queues.answers_queue(connection).job_ids == ["answer-q1"]


def test_what_a_bot_imports_loads_no_torch():
    names = ("settings", "database", "tables", "store", "queues", "ask", "valkey", "process", "health")
    modules = ", ".join(f"worker.{name}" for name in names)
    program = f"import sys, {modules}; print(sorted({{'torch', 'transformers', 'sklearn'}} & set(sys.modules)))"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_waiting_for_work_outlasts_the_patience_of_the_library(connection):
    assert connection.blpop("rq:queue:nothing", timeout=6) is None


def test_somebody_who_waits_hears_at_once_that_the_server_is_away(tmp_path):
    away = queues.impatient(queues.connect(f"unix://{tmp_path}/nobody.sock"))
    began = time.monotonic()

    with pytest.raises(RedisError):
        queues.enqueue_answer(away, "q1")
    assert time.monotonic() - began < 2


def test_somebody_who_waits_hears_soon_that_the_server_hangs(tmp_path):
    with socket.socket(socket.AF_UNIX) as hanging:  # it takes connections and says nothing
        hanging.bind(str(tmp_path / "hanging.sock"))
        hanging.listen()
        began = time.monotonic()

        with pytest.raises(RedisError):
            queues.enqueue_answer(queues.impatient(queues.connect(f"unix://{tmp_path}/hanging.sock")), "q1")
        assert time.monotonic() - began < 3


def test_a_connection_that_died_is_replaced_without_a_word(connection):
    mine = queues.impatient(connection)
    mine.ping()
    connection.client_kill_filter(_type="normal", skipme=True)

    assert queues.enqueue_answer(mine, "q1")
