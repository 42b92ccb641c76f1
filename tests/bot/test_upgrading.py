"""
`signpost upgrade`, as a person at a terminal sees it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from tests.graph.repositories import GitRepository, shop_files


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """
    A shop with two tags; between them taxes were renamed to duties.
    """
    monkeypatch.setenv("SIGNPOST_HOME", str(tmp_path / "home"))
    repository = GitRepository.create(tmp_path / "shop")
    repository.commit("Open the shop for everyone in town", shop_files())
    repository.git("tag", "v1")
    repository.git("mv", "shop/tax", "shop/duties")
    repository.commit("Taxes are called duties from now on")
    repository.git("tag", "v2")
    return repository


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["upgrade", *arguments], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_table_says_what_became_of_each_module(upgraded: GitRepository) -> None:
    output = run("v1", "v2", "--repo", str(upgraded.folder))

    assert "1 renamed, 3 kept" in output
    assert "duties" in output
    assert "3 more are where they were" in output


def test_requirements_and_patches_are_placed_in_the_new_version(upgraded: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("# ours\nrounding of vat is wrong\n")
    (tmp_path / "fix.patch").write_text("--- a/shop/tax/vat.py\n+++ b/shop/tax/vat.py\n@@ -6 +6 @@\n-old\n+new\n")

    told = json.loads(
        run(
            *("v1", "v2", "--repo", str(upgraded.folder), "--json"),
            *("--requirements", str(tmp_path / "asked.txt"), "--patches", str(tmp_path / "fix.patch")),
        )
    )

    assert told["requirements"][0]["modules"][0]["module"] == "duties"
    assert told["patches"][0]["state"] == "moved"
    assert told["patches"][0]["targets"] == [{"file": "shop/duties/vat.py", "module": "duties", "symbols": ["vat"]}]


def test_two_folders_are_compared_as_well(upgraded: GitRepository, tmp_path: Path) -> None:
    upgraded.git("worktree", "add", "-q", str(tmp_path / "one"), "v1")

    assert "1 renamed" in run(str(tmp_path / "one"), str(upgraded.folder))
