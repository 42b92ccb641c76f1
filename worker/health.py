"""
What `signpost doctor` says: one line per thing that must be there, and what to do when it is not.

Everything here is quick and changes nothing, except that the embedded queue server is
started for a moment when nobody runs it. PyTorch is not imported: it would take longer than
all the rest.
"""

import importlib.util
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from worker import store
from worker.database import SchemaError, make_engine, pending_migrations, session_factory
from worker.queues import ANSWERS, TRAINING, answers_queue, living_workers, training_queue
from worker.sealing import Seal, SealError
from worker.settings import Settings, without_password
from worker.valkey import ValkeyError, open_redis

State = Literal["ok", "warn", "fail"]

_LIBRARIES = (
    "torch",
    "transformers",
    "peft",
    "networkx",
    "sqlalchemy",
    "redis",
    "rq",
    "slack-bolt",
    "fastapi",
)
_GRAMMARS = ("python", "java", "kotlin", "swift", "objc", "c", "cpp", "go", "rust", "javascript")
_GRAMMARS_TOO = ("typescript", "c_sharp", "ruby", "php", "scala")
_FREE_GIGABYTES = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """
    One line of the report. `remedy` is empty when there is nothing to do.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


Probe = Callable[[Settings], Iterable[Check]]


def checks(settings: Settings, *, more: tuple[Probe, ...] = ()) -> list[Check]:
    """
    Look at everything Signpost needs, in the order in which one would repair it.

    Args:
        more: Further probes, such as the bot's that asks Slack what it was allowed to do.
    """
    found = [_python(), _libraries(), _grammars(), _accelerator(), _base_model(settings)]
    found += [*_preference(settings), *_home(settings)]
    found += _database(settings)
    found += _queue(settings)
    found += _slack(settings)
    return [*found, *(check for probe in more for check in probe(settings))]


def _python() -> Check:
    name = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "fail", name, "Install Python 3.11, 3.12 or 3.13.")
    return Check("python", "ok", name)


def _libraries() -> Check:
    present, missing = [], []
    for name in _LIBRARIES:
        try:
            present.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("libraries", "fail", f"missing: {', '.join(missing)}", "Install Signpost again: `make install`.")
    return Check("libraries", "ok", ", ".join(present))


def _grammars() -> Check:
    wanted = (*_GRAMMARS, *_GRAMMARS_TOO)
    missing = [name for name in wanted if importlib.util.find_spec(f"tree_sitter_{name}") is None]
    if missing:
        detail = f"{len(wanted) - len(missing)} of {len(wanted)}; missing: {', '.join(missing)}"
        return Check("grammars", "warn", detail, "Files in these languages are skipped; install the missing wheels.")
    return Check("grammars", "ok", f"{len(wanted)} languages")


def _accelerator() -> Check:
    if Path("/proc/driver/nvidia/version").exists():
        return Check("accelerator", "ok", "NVIDIA driver present; used when the worker starts")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Check("accelerator", "ok", "Apple silicon; Metal is checked when the worker starts")
    return Check("accelerator", "ok", "none found: the CPU does it")


def _base_model(settings: Settings) -> Check:
    from training.base_model import SMALL_MODEL, BaseModelError, check_base_model

    reference = settings.base_model or SMALL_MODEL
    local = Path(reference).expanduser()
    folder = local if local.is_dir() else settings.home / "models" / reference.replace("/", "--")
    if not folder.is_dir():
        return Check("base model", "warn", f"{reference} is not here yet", "It is fetched by the first training.")
    try:
        check_base_model(folder)
    except BaseModelError as problem:
        return Check("base model", "fail", str(problem), "Remove the folder; it is fetched again.")
    return Check("base model", "ok", str(folder))


def _preference(settings: Settings) -> Iterator[Check]:
    from training.config import config_named
    from training.preference.check import PreferenceError, check_preference

    if settings.preference == "none":
        return
    try:
        check_preference(config_named("full", preference=settings.preference).preference)
    except PreferenceError as problem:
        yield Check("preference", "fail", str(problem), "No training works until then; or unset SIGNPOST_PREFERENCE.")
    else:
        yield Check("preference", "ok", f"{settings.preference} follows fine-tuning")


def _home(settings: Settings) -> Iterator[Check]:
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as problem:
        reason = problem.strerror or str(problem)
        yield Check("home", "fail", f"{home}: {reason}", "Make it writable, or set SIGNPOST_HOME.")
        return
    free = shutil.disk_usage(home).free / 1e9
    if free < _FREE_GIGABYTES:
        remedy = f"A training needs about {_FREE_GIGABYTES:.0f} GB; remove old releases or set SIGNPOST_HOME."
        yield Check("home", "warn", f"{home}, {free:.1f} GB free", remedy)
    else:
        yield Check("home", "ok", f"{home}, {free:.0f} GB free")


def _database(settings: Settings) -> Iterator[Check]:
    address = without_password(settings.database_url)
    file = make_url(settings.database_url)
    if file.get_backend_name() == "sqlite" and not Path(file.database or "").exists():
        yield Check("database", "warn", f"{address} is not there yet", "The first start of a worker makes it.")
        return
    engine = make_engine(settings.database_url)
    try:
        pending = pending_migrations(engine)
        if pending:
            detail = f"{address}, {len(pending)} migration(s) behind"
            yield Check("database", "warn", detail, "The next start of a worker does them.")
            return
        yield Check("database", "ok", f"{address}, schema up to date")
        yield from _repositories(engine)
    except SchemaError as problem:
        yield Check("database", "fail", str(problem), "Update Signpost, or restore a backup.")
    except (SQLAlchemyError, OSError) as problem:
        reason = str(getattr(problem, "orig", problem)).strip().partition("\n")[0]
        yield Check("database", "fail", f"{address}: {reason}", "Start the server, or correct SIGNPOST_DATABASE_URL.")
    finally:
        engine.dispose()


def _repositories(engine: Engine) -> Iterator[Check]:
    from inference.release import ReleaseError, read_release

    with session_factory(engine)() as session:
        known = store.repositories(session)
        if not known:
            yield Check("repositories", "warn", "none yet", "Train on one: `signpost train /path/to/checkout`.")
        for repository in known:
            name = f"repository {repository.name}"
            active = store.active_release(session, repository.id)
            if active is None:
                yield Check(name, "warn", "no release yet", f"Run `signpost train {repository.location}`.")
                continue
            try:
                read_release(Path(active.folder))
            except ReleaseError as problem:
                yield Check(name, "fail", str(problem), "Run `signpost release rollback`, or train again.")
            else:
                yield Check(name, "ok", f"release {active.id}, graph of {active.graph_commit[:12]}")


def _queue(settings: Settings) -> list[Check]:
    address = without_password(settings.redis_url) if settings.redis_url else "embedded Valkey"
    try:
        with open_redis(settings) as connection:
            connection.ping()
            found = [Check("queue server", "ok", address)]
            for name, queue in ((ANSWERS, answers_queue(connection)), (TRAINING, training_queue(connection))):
                found.append(_workers(connection, name, len(queue)))
            return found
    except (RedisError, ValkeyError, OSError) as problem:
        remedy = "Start the server or correct SIGNPOST_REDIS_URL; without it the embedded one is used."
        if settings.redis_url is None:
            remedy = f"Look into {settings.home / 'valkey' / 'valkey.log'}, or set SIGNPOST_REDIS_URL."
        return [Check("queue server", "fail", f"{address}: {problem}", remedy)]


def _workers(connection: Redis, queue: str, waiting: int) -> Check:
    alive = len(living_workers(connection, queue))
    detail = f"{alive} working, {waiting} waiting"
    if alive:
        return Check(f"{queue} workers", "ok", detail)
    return Check(f"{queue} workers", "warn", detail, f"Start one: `signpost worker {queue}`.")


def _slack(settings: Settings) -> Iterator[Check]:
    wanted = list(_slack_settings(settings))
    if not any(value for _, value, _, _ in wanted):
        yield Check(
            "slack",
            "warn",
            "not set up",
            "Create the app with deploy/slack-manifest.yaml and set its tokens.",
        )
        return
    for name, value, pattern, form in wanted:
        if not value:
            yield Check("slack", "fail", f"{name} is not set", "Copy it from the settings of your Slack app.")
        elif not re.fullmatch(pattern, value):
            yield Check("slack", "fail", f"{name} looks wrong: it {form}", "Copy it again from your Slack app.")
        else:
            yield Check("slack", "ok", f"{name} is set, {settings.slack_mode} mode")
    if settings.slack_client_id:
        yield _token_keys(settings)


def _slack_settings(settings: Settings) -> Iterator[tuple[str, str | None, str, str]]:
    if settings.slack_client_id:
        yield "SIGNPOST_SLACK_CLIENT_SECRET", settings.slack_client_secret, r"\S{8,}", "has no spaces"
        yield "SIGNPOST_SLACK_URL", settings.slack_url, r"https://[^/\s]+", "is https:// and a host, without a path"
        workspaces = ",".join(settings.slack_workspaces)
        yield "SIGNPOST_SLACK_WORKSPACES", workspaces, r"T\w+(,T\w+)*", "lists ids that begin with T"
    else:
        yield "SIGNPOST_SLACK_BOT_TOKEN", settings.slack_bot_token, r"xoxb-[\w-]{5,}", "starts with xoxb-"
    if settings.slack_mode == "socket":
        yield "SIGNPOST_SLACK_APP_TOKEN", settings.slack_app_token, r"xapp-[\w-]{5,}", "starts with xapp-"
    else:
        secret = settings.slack_signing_secret
        yield "SIGNPOST_SLACK_SIGNING_SECRET", secret, r"[0-9a-f]{32}", "is 32 hexadecimal digits"


def _token_keys(settings: Settings) -> Check:
    try:
        Seal(settings.slack_token_keys)
    except SealError as problem:
        return Check("slack", "fail", "SIGNPOST_SLACK_TOKEN_KEY is not usable", str(problem))
    return Check("slack", "ok", f"SIGNPOST_SLACK_TOKEN_KEY has {len(settings.slack_token_keys)} key(s)")
