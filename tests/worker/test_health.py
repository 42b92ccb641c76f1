import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

from inference.release import ReleaseInfo, write_release_info
from tests.factories import make_release
from tests.worker.conftest import release_folder
from tests.worker.processes import processes_of, wait_until
from training.preference import check
from worker.database import downgrade, make_engine, pending_migrations
from worker.health import Check, checks
from worker.process import Children
from worker.settings import Settings


def found(settings, **options):
    return {check.name: check for check in checks(settings, **options)}


def test_a_healthy_home_has_no_failure(settings):
    report = found(settings)

    assert [check for check in report.values() if check.state == "fail"] == []
    assert report["database"].state == "ok"
    assert report["queue server"].state == "ok"


def test_everything_that_is_not_fine_comes_with_a_remedy(settings):
    assert all(check.remedy for check in checks(settings) if check.state != "ok")


def test_a_preference_step_that_could_not_be_taken_is_a_failure_and_no_step_is_no_line(settings, monkeypatch):
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None)
    report = found(replace(settings, preference="kto"))["preference"]

    assert report.state == "fail"
    assert report.detail.startswith("The preference step (kto) needs trl and datasets")
    assert "preference" not in found(settings)


def test_a_new_home_has_no_database_yet_and_nothing_is_left_running(tmp_path):
    report = found(Settings.from_environment({"SIGNPOST_HOME": str(tmp_path)}))

    assert report["database"].state == "warn"
    assert report["database"].detail.endswith("signpost.db is not there yet")
    assert not (tmp_path / "signpost.db").exists()
    assert report["queue server"].detail == "embedded Valkey"
    assert processes_of(tmp_path) == []


def test_a_database_that_needs_migrations_says_how_many(settings):
    downgrade(settings.database_url, "base")

    engine = make_engine(settings.database_url)
    waiting = len(pending_migrations(engine))
    engine.dispose()

    assert f", {waiting} migration(s) behind" in found(settings)["database"].detail


def test_servers_that_cannot_be_reached_are_failures_without_passwords(settings, tmp_path):
    report = found(
        replace(
            settings,
            database_url="postgresql://ana:secret@127.0.0.1:1/x",
            redis_url="redis://:secret@127.0.0.1:1/0",
        )
    )

    assert report["database"].state == "fail"
    assert report["queue server"].state == "fail"
    assert "secret" not in str(report)


def test_a_home_that_is_a_file_is_a_failure(settings, tmp_path):
    (tmp_path / "file").touch()

    assert found(replace(settings, home=tmp_path / "file", redis_url=None))["home"].state == "fail"


def test_a_release_whose_files_are_whole_is_fine_and_a_damaged_one_is_not(settings, sqlite_sessions):
    folder = release_folder(settings.home, "r1")
    (folder / "catalog.json").write_text("{}")
    texts = dict.fromkeys(
        (
            "repository",
            "location",
            "graph_commit",
            "evaluated_commit",
            "catalog_fingerprint",
            "dataset_hash",
            "prompt_hash",
        ),
        "x",
    )
    info = ReleaseInfo(id="r1", base_model={}, created_at="", versions={}, training={}, **texts)
    write_release_info(folder, info)
    with sqlite_sessions.begin() as session:
        make_release(session, "r1", folder=str(folder))
    before = found(settings)["repository shop"]
    (folder / "catalog.json").write_text(json.dumps({"altered": True}))
    after = found(settings)["repository shop"]

    assert (before.state, after.state) == ("ok", "fail")
    assert "catalog.json" in after.detail


def test_working_workers_are_counted(settings):
    with Children(settings, module="tests.fakes_ranker") as children:
        children.spawn("answers")
        wait_until(lambda: found(settings)["answers workers"].state == "ok")
        report = found(settings)

    assert report["answers workers"].detail == "1 working, 0 waiting"
    assert report["training workers"].state == "warn"


def test_slack_tokens_are_looked_at_but_not_shown(settings):
    swapped = replace(settings, slack_bot_token="xapp-1-secret", slack_app_token="xapp-1-secret")
    lines = [check for check in checks(swapped) if check.name == "slack"]

    assert [check.state for check in lines] == ["fail", "ok"]
    assert "secret" not in str(lines)


def test_a_bot_can_add_its_own_probe(settings):
    probe = Check("slack token", "ok", f"asked at {datetime.now(UTC):%H:%M}")

    assert checks(settings, more=(lambda _: [probe],))[-1] is probe


def test_looking_at_everything_loads_no_torch(settings):
    program = (
        "import sys; from worker.health import checks; from worker.settings import Settings;"
        "checks(Settings.from_environment()); print('torch' in sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], env=settings.for_child(), capture_output=True, text=True, check=True
    ).stdout

    assert printed.strip() == "False"
