import re
from pathlib import Path

import pytest

from training.config import config_named
from worker.retraining import writer_of
from worker.settings import SETTINGS, Settings, SettingsError, without_password


def test_an_empty_environment_gives_working_settings():
    settings = Settings.from_environment({})

    assert settings.home == Path("~/.signpost").expanduser()
    assert settings.database_url == f"sqlite:///{settings.home}/signpost.db"
    assert settings.redis_url is None
    assert settings.reasoning
    assert settings.dashboard_url == "http://127.0.0.1:8321"


def test_a_variable_set_to_nothing_counts_as_not_set():
    assert Settings.from_environment({"SIGNPOST_REASONING": " "}) == Settings.from_environment({})


def test_settings_survive_the_way_through_a_child_environment(tmp_path):
    settings = Settings.from_environment(
        {
            "SIGNPOST_HOME": str(tmp_path),
            "SIGNPOST_DATABASE_URL": "postgresql://ana:secret@db/signpost",
            "SIGNPOST_REDIS_URL": "unix:///run/redis.sock",
            "SIGNPOST_REASONING": "OFF",
            "SIGNPOST_ADMINS": "U1, U2",
            "SIGNPOST_DASHBOARD_PORT": "0",
            "SIGNPOST_RETRAIN_DAYS": "0",
            "SIGNPOST_WRITER_URL": "http://127.0.0.1:11434/v1",
            "SIGNPOST_WRITER_MODEL": "small",
            "SIGNPOST_WRITER_KEY": "secret",
            "SIGNPOST_TRAINING": "epochs=3,micro_rows=4",
        }
    )

    assert Settings.from_environment(settings.to_environment()) == settings
    assert settings.admins == ("U1", "U2")
    assert not settings.reasoning


def test_every_setting_is_documented_and_every_documented_one_exists(tmp_path):
    documented = {setting.name for setting in SETTINGS}

    assert set(Settings.from_environment({}).to_environment()) == documented


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "SIGNPOST_DASHBOARD_PORT",
            "eighty",
            "SIGNPOST_DASHBOARD_PORT must be a whole number from 0 to 65535",
        ),
        ("SIGNPOST_SLACK_MODE", "carrier pigeon", "SIGNPOST_SLACK_MODE must be one of socket, http"),
        ("SIGNPOST_REDIS_URL", "localhost:6379", "SIGNPOST_REDIS_URL must begin with redis://"),
        (
            "SIGNPOST_DATABASE_URL",
            "mysql://x",
            "SIGNPOST_DATABASE_URL must begin with sqlite:/// or postgresql://",
        ),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(name, value, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Settings.from_environment({name: value})


def test_secrets_are_in_no_repr_and_in_no_error():
    settings = Settings.from_environment(
        {
            "SIGNPOST_DATABASE_URL": "postgresql://ana:secret@db/x",
            "SIGNPOST_REDIS_URL": "redis://:secret@cache",
            "SIGNPOST_SLACK_BOT_TOKEN": "xoxb-secret",
            "SIGNPOST_SLACK_APP_TOKEN": "xapp-secret",
            "SIGNPOST_SLACK_SIGNING_SECRET": "secret",
            "SIGNPOST_WRITER_KEY": "secret",
        }
    )
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"SIGNPOST_REDIS_URL": "http://:secret@cache"})

    assert "secret" not in repr(settings)
    assert "secret" not in str(refused.value)
    assert without_password(settings.redis_url or "") == "redis://:…@cache"


def test_slack_secrets_are_not_handed_to_worker_processes():
    settings = Settings.from_environment({"SIGNPOST_SLACK_BOT_TOKEN": "xoxb-secret"})

    assert "xoxb-secret" not in settings.for_child().values()


def test_a_writer_without_a_model_is_refused() -> None:
    with pytest.raises(SettingsError, match="SIGNPOST_WRITER_MODEL"):
        Settings.from_environment({"SIGNPOST_WRITER_URL": "http://127.0.0.1:11434/v1"})


def test_the_writer_is_off_until_an_endpoint_is_named(tmp_path: Path) -> None:
    named = {"SIGNPOST_HOME": str(tmp_path), "SIGNPOST_WRITER_URL": "http://127.0.0.1:1/v1"}
    writer = writer_of(Settings.from_environment({**named, "SIGNPOST_WRITER_MODEL": "small"}))

    assert writer_of(Settings.from_environment({})) is None
    assert writer is not None
    assert (writer.url, writer.model, writer.key) == ("http://127.0.0.1:1/v1", "small", None)


def test_another_home_takes_its_default_database_along(tmp_path):
    moved = Settings.from_environment({}).with_home(tmp_path)
    kept = Settings.from_environment({"SIGNPOST_DATABASE_URL": "postgresql://db/x"}).with_home(tmp_path)

    assert moved.database_url == f"sqlite:///{tmp_path}/signpost.db"
    assert kept.database_url == "postgresql://db/x"


def test_hyper_parameters_of_the_settings_reach_the_training() -> None:
    settings = Settings.from_environment({"SIGNPOST_TRAINING": "learning_rate = 0.0003, preference.grpo_samples=4"})
    config = config_named("minutes", preference="grpo", changes=settings.training)

    assert (config.learning_rate, config.preference.grpo_samples, config.preference.method) == (0.0003, 4, "grpo")
    assert config.epochs == config_named("minutes").epochs


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("learning_rat=1", "there is no hyper-parameter 'learning_rat'; there are seed, lora_rank"),
        ("preference.method=kto", "there is no hyper-parameter 'preference.method'"),
        ("micro_rows=two", "micro_rows must be a whole number, got 'two'"),
        ("micro_rows", "micro_rows must be a whole number, got ''"),
        ("learning_rate=-1", "learning_rate must be at least 0"),
        ("learning_rate=nan", "learning_rate must be at least 0"),
        ("epochs=0", "epochs must be above 0"),
    ],
)
def test_a_hyper_parameter_that_cannot_be_is_refused_in_one_sentence(value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"SIGNPOST_TRAINING cannot be used: {re.escape(said)}"):
        Settings.from_environment({"SIGNPOST_TRAINING": value})
