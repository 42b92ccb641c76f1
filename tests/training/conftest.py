"""
A benchmark folder and its repository.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.codebase import AREAS, write_shop_with_history
from tests.training.bench_rows import row, write_rows


@pytest.fixture(scope="session")
def bench_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    The shop as a bare git directory.
    """
    work = write_shop_with_history(tmp_path_factory.mktemp("bench") / "work", commits=4)
    bare = work.parent / "repo"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    return bare


@pytest.fixture
def bench_folder(tmp_path: Path, bench_repository: Path) -> Path:
    """
    A benchmark folder of the shop: 120 train, 40 dev and 40 test rows.
    """
    head = subprocess.run(
        ["git", f"--git-dir={bench_repository}", "rev-parse", "main"], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "meta.json").write_text(json.dumps({"repo": "shop <b>", "snapshot": head}))
    modules = [
        {"module": area, "files": [f"shop/{area}/{thing.replace(' ', '_')}.py" for thing in things]}
        for area, things in AREAS.items()
    ]
    write_rows(folder / "modules.jsonl.gz", modules)
    for name, numbers in {"train": range(120), "dev": range(120, 160), "test": range(160, 200)}.items():
        write_rows(folder / f"{name}.jsonl.gz", [row(number) for number in numbers])
    return folder
