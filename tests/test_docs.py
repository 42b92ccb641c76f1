"""
The documents stay true: README's tree, settings and commands are compared with the code.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from worker.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ("bot", "worker", "training", "inference", "graph")


def _block(name: str) -> str:
    """
    The fenced block after the comment `<!-- name -->`.
    """
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, f"README has no block {name}"
    return found.group(1)


def test_the_file_tree_in_the_readme_is_the_real_one() -> None:
    named = {line.split("  ")[0].strip() for line in _block("tree").splitlines() if line.strip()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tops = {path.split("/")[0] + ("/" if "/" in path else "") for path in tracked}
    inner = {f"{p}/{path.split('/')[1]}" for p in PACKAGES for path in tracked if path.startswith(f"{p}/")}
    folders = {f"{'/'.join(path.split('/')[:2])}/" for path in tracked if path.count("/") >= 2}
    expected = {name for name in tops if name not in (".gitignore",)}
    expected |= {name + "/" if f"{name}/" in folders else name for name in inner if not name.endswith("__init__.py")}

    assert named == expected


def test_the_settings_table_in_the_readme_lists_every_setting() -> None:
    rows = re.findall(r"^\| `(SIGNPOST_\w+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    expected = [(doc.name, doc.default or "-", doc.meaning) for doc in SETTINGS]

    assert rows == expected


def test_every_command_in_the_readme_exists() -> None:
    help_text = CliRunner().invoke(app, ["--help"]).output
    commands = set(re.findall(r"^  ([a-z-]+)  ", help_text, re.MULTILINE))
    documents = [README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))]
    documents += [(ROOT / "deploy" / "README.md").read_text(encoding="utf-8")]
    used = {word for text in documents for word in re.findall(r"`signpost ([a-z-]+)", text)}

    assert used - commands == set()


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["ask"],
        ["release"],
        ["release", "list"],
        ["dataset"],
        ["graph"],
        ["graph", "draw"],
        ["feedback"],
        ["upgrade"],
    ],
)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])

    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    probe = (
        "import sys, bot.cli, bot.stack, bot.up, bot.slack.serve, bot.dashboard.serve; "
        "print(sorted({'torch', 'transformers', 'peft', 'sklearn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_help_needs_none_of_the_packages_it_describes() -> None:
    probe = "import sys, bot.cli; print(sorted({'sqlalchemy', 'redis', 'rich.console', 'fastapi'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_no_committed_text_names_a_machine_or_a_registry() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    bad = re.compile(r"(?<![\w.])/(?:work|root|farm)/|pypi\.(?:org|python)|pythonhosted|registry\.npmjs")
    found = []
    for name in tracked:
        if name == "tests/test_docs.py":
            continue
        data = (ROOT / name).read_bytes()
        if b"\0" not in data and bad.search(data.decode("utf-8", "replace")):
            found.append(name)

    assert os.environ.get("HOME") is None or found == []
