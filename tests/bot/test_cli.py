"""
What a person reads in the terminal when something they named is not there.
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bot import cli
from bot.screen import show_scorecard
from inference.release import MissingEncoderError


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["ask", "x"], {"SIGNPOST_REDIS_URL": "redis://:secret@127.0.0.1:1/0"}, "check SIGNPOST_REDIS_URL"),
        (["ask", "x"], {"SIGNPOST_DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/x"}, "check SIGNPOST_DATABASE_URL"),
        (["ask", "x"], {"SIGNPOST_RETRAIN_DAYS": "soon"}, "SIGNPOST_RETRAIN_DAYS must be"),
        (["train", ".", "--preference", "ppo"], {}, "with +none, +kto, +dpo, +grpo or without, got 'auto+ppo'"),
        (["ask", "x"], {}, "No repository was added yet"),
        (["dataset", "show", "nowhere"], {}, "signpost dataset build"),
        (["graph", "stats", "nowhere"], {}, "nowhere"),
        (["release", "show", "nothing"], {}, "nothing"),
        (["feedback", "confirm", "nothing"], {}, "nothing"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_a_failure(
    tmp_path: Path, words: list[str], environment: dict[str, str], said: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "bot.cli", *words],
        env={**os.environ, "SIGNPOST_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("signpost: ")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr


def test_an_error_of_a_kind_that_people_read_is_a_sentence_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise MissingEncoderError("shop-1", "all-minilm", tmp_path)

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("signpost: ")


def test_a_scorecard_in_the_terminal_tells_of_symbols_that_the_code_did_not_have() -> None:
    share = {"n": 55, "hit@1": 0.56, "hit@3": 0.78}
    card = {
        "rows": {"test": 55},
        "held_out": "history",
        "rankers": {},
        "precision_when_sure": None,
        "ece": 0.1,
        "coverage": 0.0,
        "mcnemar_system_vs_shortlist": 1.0,
        "merge": {"prompts": 4, "top1_agreement": 1.0, "max_logit_difference": 0.0, "difference_from_base": 1.0},
    }
    console = Console(record=True, width=200, file=io.StringIO())
    show_scorecard(console, card)
    show_scorecard(console, card | {"symbols": {"system": {"all": share}, "bm25": {"all": share}}})

    assert console.export_text().count("Texts from 55 symbols taken out of the code: .560 and .780") == 1
