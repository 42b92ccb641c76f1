"""
Everything that is read from the environment, in one frozen value.

No other module looks at `os.environ`. A process reads its settings once, in its entry
point, and hands them down; children get theirs from `Settings.for_child`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

SlackMode = Literal["socket", "http"]


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names the setting and the remedy."""


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One line of the settings table in the README."""

    name: str
    default: str
    meaning: str


SETTINGS: tuple[SettingDoc, ...] = (
    SettingDoc("SIGNPOST_HOME", "~/.signpost", "Folder for the database, the queue, releases, caches and logs."),
    SettingDoc("SIGNPOST_DATABASE_URL", "sqlite:///HOME/signpost.db", "SQL database: SQLite, or postgresql://…"),
    SettingDoc("SIGNPOST_REDIS_URL", "(embedded Valkey)", "The team's Redis or Valkey: redis://… or unix://…"),
    SettingDoc("SIGNPOST_BASE_MODEL", "(SmolLM2-135M-Instruct)", "Hugging Face id or local folder of the base model."),
    SettingDoc("SIGNPOST_ENCODER", "on", "`on`: releases use the small sentence encoder (84 MB, fetched once); `off`."),
    SettingDoc("SIGNPOST_DEFAULT_REPOSITORY", "(the first one added)", "Repository asked when none is named."),
    SettingDoc(
        "SIGNPOST_REASONING",
        "on",
        "`on`: the model writes the reasoning; `off`: it is put together from evidence.",
    ),
    SettingDoc(
        "SIGNPOST_REASONING_SECONDS",
        "20",
        "Deadline of the model's reasoning; what is missing then comes from evidence.",
    ),
    SettingDoc("SIGNPOST_RETRAIN_DAYS", "7", "Days between two trainings of a repository; 0 switches them off."),
    SettingDoc("SIGNPOST_RETRAIN_FEEDBACK", "20", "New confirmed corrections that start a training early; 0: never."),
    SettingDoc(
        "SIGNPOST_PREFERENCE",
        "none",
        "Step after fine-tuning: `none`, `kto`, `dpo` or `grpo`, see docs/preference.md.",
    ),
    SettingDoc(
        "SIGNPOST_TRAINING",
        "",
        "Hyper-parameters of every training that differ from the preset, as learning_rate=0.0003,micro_rows=4; "
        "their names stand in training/config.py.",
    ),
    SettingDoc(
        "SIGNPOST_WRITER_URL",
        "",
        "OpenAI-compatible endpoint that says training texts again, as http://127.0.0.1:11434/v1; none: rules alone.",
    ),
    SettingDoc("SIGNPOST_WRITER_MODEL", "", "What that endpoint calls its model."),
    SettingDoc("SIGNPOST_WRITER_KEY", "", "Bearer token for that endpoint."),
    SettingDoc("SIGNPOST_SLACK_BOT_TOKEN", "", "Bot token of the Slack app, xoxb-…"),
    SettingDoc("SIGNPOST_SLACK_APP_TOKEN", "", "App-level token for Socket Mode, xapp-…"),
    SettingDoc("SIGNPOST_SLACK_SIGNING_SECRET", "", "Signing secret, needed for HTTP mode."),
    SettingDoc("SIGNPOST_SLACK_API_URL", "https://slack.com/api/", "Address of the Slack Web API."),
    SettingDoc("SIGNPOST_SLACK_MODE", "socket", "How events arrive: `socket` or `http`."),
    SettingDoc("SIGNPOST_SLACK_URL", "", "Public https:// address of this machine, for several workspaces."),
    SettingDoc("SIGNPOST_SLACK_CLIENT_ID", "", "Client id of the Slack app, for several workspaces."),
    SettingDoc("SIGNPOST_SLACK_CLIENT_SECRET", "", "Client secret of the Slack app, for several workspaces."),
    SettingDoc(
        "SIGNPOST_SLACK_TOKEN_KEY", "", "Keys that encrypt workspaces' tokens in SQL, newest first, with commas."
    ),
    SettingDoc("SIGNPOST_SLACK_WORKSPACES", "", "Ids of the workspaces that may install the app, T…, with commas."),
    SettingDoc(
        "SIGNPOST_SLACK_HELPERS",
        "",
        "Who is asked when no owner of a module is found: ids of people, channels or groups, with commas.",
    ),
    SettingDoc(
        "SIGNPOST_CODE_LINKS",
        "(from the git remote)",
        "Address of a file on the code host, with {commit}, {path} and perhaps {repository}.",
    ),
    SettingDoc("SIGNPOST_DASHBOARD_HOST", "127.0.0.1", "Address on which the dashboard listens."),
    SettingDoc("SIGNPOST_DASHBOARD_PORT", "8321", "Port on which the dashboard listens; 0 takes a free one."),
    SettingDoc("SIGNPOST_DASHBOARD_URL", "http://HOST:PORT", "Address of the dashboard in sign-in links."),
    SettingDoc("SIGNPOST_ADMINS", "", "Slack user ids, separated by commas, who may retrain, promote and roll back."),
    SettingDoc("SIGNPOST_ADMIN_GROUP", "", "Id of a Slack user group, S…, whose members are admins, too."),
    SettingDoc("SIGNPOST_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """
    The settings of one process. Values that can hold a password are left out of `repr`.
    """

    home: Path
    database_url: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    base_model: str | None = None
    encoder: bool = True
    default_repository: str | None = None
    reasoning: bool = True
    reasoning_seconds: int = 20
    retrain_days: int = 7
    retrain_feedback: int = 20
    preference: str = "none"
    training: tuple[str, ...] = ()
    writer_url: str | None = field(default=None, repr=False)
    writer_model: str | None = None
    writer_key: str | None = field(default=None, repr=False)
    slack_bot_token: str | None = field(default=None, repr=False)
    slack_app_token: str | None = field(default=None, repr=False)
    slack_signing_secret: str | None = field(default=None, repr=False)
    slack_api_url: str = "https://slack.com/api/"
    slack_mode: SlackMode = "socket"
    slack_url: str | None = None
    slack_client_id: str | None = None
    slack_client_secret: str | None = field(default=None, repr=False)
    slack_token_keys: tuple[str, ...] = field(default=(), repr=False)
    slack_workspaces: tuple[str, ...] = ()
    slack_helpers: tuple[str, ...] = ()
    code_links: str | None = None
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int = 8321
    dashboard_url: str = "http://127.0.0.1:8321"
    admins: tuple[str, ...] = ()
    admin_group: str | None = None
    log_level: str = "INFO"

    @staticmethod
    def from_environment(environ: Mapping[str, str] | None = None) -> "Settings":
        """
        Read and check every `SIGNPOST_*` variable.

        Args:
            environ: The variables; the environment of this process when left out. A variable
                that is set to nothing counts as not set.

        Raises:
            SettingsError: a value cannot be used.
        """
        from training.config import Preference, TrainingConfig, changed

        read = _Reader(os.environ if environ is None else environ)
        home = Path(read.text("HOME") or "~/.signpost").expanduser().absolute()
        host = read.text("DASHBOARD_HOST") or "127.0.0.1"
        writer_url, writer_model = read.url("WRITER_URL", schemes=("http", "https")), read.text("WRITER_MODEL")
        if writer_url and not writer_model:
            raise SettingsError("SIGNPOST_WRITER_MODEL must name the model that SIGNPOST_WRITER_URL serves")
        training = read.words("TRAINING")
        try:
            changed(TrainingConfig(), training)
        except ValueError as error:
            raise SettingsError(f"SIGNPOST_TRAINING cannot be used: {error}") from error
        port = read.number("DASHBOARD_PORT", default=8321, highest=65535)
        return Settings(
            home=home,
            database_url=read.database_url(home),
            redis_url=read.url("REDIS_URL", schemes=("redis", "rediss", "unix")),
            base_model=read.text("BASE_MODEL"),
            encoder=read.choice("ENCODER", ("on", "off")) == "on",
            default_repository=read.text("DEFAULT_REPOSITORY"),
            reasoning=read.choice("REASONING", ("on", "off")) == "on",
            reasoning_seconds=read.number("REASONING_SECONDS", default=20, highest=600),
            retrain_days=read.number("RETRAIN_DAYS", default=7, highest=3650),
            retrain_feedback=read.number("RETRAIN_FEEDBACK", default=20, highest=1_000_000),
            preference=read.choice("PREFERENCE", get_args(Preference)),
            training=training,
            writer_url=writer_url,
            writer_model=writer_model,
            writer_key=read.text("WRITER_KEY"),
            slack_bot_token=read.text("SLACK_BOT_TOKEN"),
            slack_app_token=read.text("SLACK_APP_TOKEN"),
            slack_signing_secret=read.text("SLACK_SIGNING_SECRET"),
            slack_api_url=read.url("SLACK_API_URL", schemes=("http", "https")) or "https://slack.com/api/",
            slack_mode=cast(SlackMode, read.choice("SLACK_MODE", ("socket", "http"))),
            slack_url=read.url("SLACK_URL", schemes=("https", "http")),
            slack_client_id=read.text("SLACK_CLIENT_ID"),
            slack_client_secret=read.text("SLACK_CLIENT_SECRET"),
            slack_token_keys=read.words("SLACK_TOKEN_KEY"),
            slack_workspaces=read.words("SLACK_WORKSPACES"),
            slack_helpers=read.words("SLACK_HELPERS"),
            code_links=read.template("CODE_LINKS", needed="{path}"),
            dashboard_host=host,
            dashboard_port=port,
            dashboard_url=read.url("DASHBOARD_URL", schemes=("http", "https")) or f"http://{host}:{port}",
            admins=read.words("ADMINS"),
            admin_group=read.text("ADMIN_GROUP"),
            log_level=read.choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR")),
        )

    def with_home(self, home: Path) -> "Settings":
        """
        The same settings in another home; a database inside the old home moves with it.
        """
        home = home.expanduser().absolute()
        inside = self.database_url == f"sqlite:///{self.home / 'signpost.db'}"
        url = f"sqlite:///{home / 'signpost.db'}" if inside else self.database_url
        return replace(self, home=home, database_url=url)

    def to_environment(self) -> dict[str, str]:
        """
        The variables from which `from_environment` makes this value again.
        """
        return {
            "SIGNPOST_HOME": str(self.home),
            "SIGNPOST_DATABASE_URL": self.database_url,
            "SIGNPOST_REDIS_URL": self.redis_url or "",
            "SIGNPOST_BASE_MODEL": self.base_model or "",
            "SIGNPOST_ENCODER": "on" if self.encoder else "off",
            "SIGNPOST_DEFAULT_REPOSITORY": self.default_repository or "",
            "SIGNPOST_REASONING": "on" if self.reasoning else "off",
            "SIGNPOST_REASONING_SECONDS": str(self.reasoning_seconds),
            "SIGNPOST_RETRAIN_DAYS": str(self.retrain_days),
            "SIGNPOST_RETRAIN_FEEDBACK": str(self.retrain_feedback),
            "SIGNPOST_PREFERENCE": self.preference,
            "SIGNPOST_TRAINING": ",".join(self.training),
            "SIGNPOST_WRITER_URL": self.writer_url or "",
            "SIGNPOST_WRITER_MODEL": self.writer_model or "",
            "SIGNPOST_WRITER_KEY": self.writer_key or "",
            "SIGNPOST_SLACK_BOT_TOKEN": self.slack_bot_token or "",
            "SIGNPOST_SLACK_APP_TOKEN": self.slack_app_token or "",
            "SIGNPOST_SLACK_SIGNING_SECRET": self.slack_signing_secret or "",
            "SIGNPOST_SLACK_API_URL": self.slack_api_url,
            "SIGNPOST_SLACK_MODE": self.slack_mode,
            "SIGNPOST_SLACK_URL": self.slack_url or "",
            "SIGNPOST_SLACK_CLIENT_ID": self.slack_client_id or "",
            "SIGNPOST_SLACK_CLIENT_SECRET": self.slack_client_secret or "",
            "SIGNPOST_SLACK_TOKEN_KEY": ",".join(self.slack_token_keys),
            "SIGNPOST_SLACK_WORKSPACES": ",".join(self.slack_workspaces),
            "SIGNPOST_SLACK_HELPERS": ",".join(self.slack_helpers),
            "SIGNPOST_CODE_LINKS": self.code_links or "",
            "SIGNPOST_DASHBOARD_HOST": self.dashboard_host,
            "SIGNPOST_DASHBOARD_PORT": str(self.dashboard_port),
            "SIGNPOST_DASHBOARD_URL": self.dashboard_url,
            "SIGNPOST_ADMINS": ",".join(self.admins),
            "SIGNPOST_ADMIN_GROUP": self.admin_group or "",
            "SIGNPOST_LOG_LEVEL": self.log_level,
        }

    def for_child(self) -> dict[str, str]:
        """
        The whole environment of a child process that shall have these settings.

        Slack's secrets stay here: the processes that we start answer and train, they do not
        speak to Slack.
        """
        secrets = (
            "SIGNPOST_SLACK_BOT_TOKEN",
            "SIGNPOST_SLACK_APP_TOKEN",
            "SIGNPOST_SLACK_SIGNING_SECRET",
            "SIGNPOST_SLACK_CLIENT_SECRET",
            "SIGNPOST_SLACK_TOKEN_KEY",
        )
        return {**os.environ, **self.to_environment(), **dict.fromkeys(secrets, "")}


@dataclass(frozen=True, slots=True)
class _Reader:
    environ: Mapping[str, str]

    def text(self, name: str) -> str | None:
        return self.environ.get(f"SIGNPOST_{name}", "").strip() or None

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in (self.text(name) or "").split(",") if part.strip())

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """The first allowed value is the default; case does not matter."""
        value = self.text(name)
        if value is None:
            return allowed[0]
        for one in allowed:
            if value.casefold() == one.casefold():
                return one
        raise SettingsError(f"SIGNPOST_{name} must be one of {', '.join(allowed)}, got {value!r}")

    def number(self, name: str, *, default: int, highest: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or int(value) > highest:
            raise SettingsError(f"SIGNPOST_{name} must be a whole number from 0 to {highest}, got {value!r}")
        return int(value)

    def url(self, name: str, *, schemes: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is None:
            return None
        if value.partition("://")[0] not in schemes or "://" not in value:
            # The value itself may hold a password, so that only its beginning is repeated.
            wanted = " or ".join(f"{scheme}://" for scheme in schemes)
            beginning = value.partition(":")[0]
            raise SettingsError(f"SIGNPOST_{name} must begin with {wanted}, got {beginning!r}…")
        return value

    def template(self, name: str, *, needed: str) -> str | None:
        value = self.url(name, schemes=("http", "https"))
        if value is not None and (needed not in value or any(sign in value for sign in "<>|\"' ")):
            raise SettingsError(
                f"SIGNPOST_{name} must be an address with {needed} in it, without spaces or <>|, got {value!r}"
            )
        return value

    def database_url(self, home: Path) -> str:
        value = self.text("DATABASE_URL")
        if value is None:
            return f"sqlite:///{home / 'signpost.db'}"
        if value.partition(":")[0] not in ("sqlite", "postgresql", "postgres", "postgresql+psycopg"):
            raise SettingsError(
                f"SIGNPOST_DATABASE_URL must begin with sqlite:/// or postgresql://, got {value.partition(':')[0]!r}…"
            )
        return value


def without_password(url: str) -> str:
    """
    The same address as it may be shown on a screen or in a log.

    >>> without_password("postgresql://ana:secret@db.example:5432/signpost")
    'postgresql://ana:…@db.example:5432/signpost'
    >>> without_password("sqlite:////srv/signpost.db")
    'sqlite:////srv/signpost.db'
    """
    password = urlsplit(url).password
    if not password:
        return url.partition("?")[0]
    return url.partition("?")[0].replace(f":{password}@", ":…@", 1)
