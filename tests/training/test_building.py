"""
The folder a release is built in.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from training.building import building

FULL = """
import resource, sys
from pathlib import Path
from tests.models import small_base_model, tiny_network
from training.building import DiskFullError, building

model = tiny_network(small_base_model()).model
kind, root = sys.argv[1], Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with building(root, "r-1") as folder:
        if kind == "weights":
            model.save_pretrained(folder)
        else:
            (folder / "past.jsonl").write_bytes(b"x" * 200_000)
except DiskFullError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["weights", "rows"])
def test_a_disk_that_fills_is_said_in_a_sentence_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FULL, kind, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    assert result.stdout.startswith(f"The disk of {tmp_path} is full: nothing was released."), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_trouble_passes_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), building(tmp_path, "r-1") as folder:
        folder.joinpath("half").rename(folder / "nowhere" / "half")

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_what_another_builds_is_kept(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead, living = tmp_path / f".building-r-0-{process.pid}", tmp_path / f".building-r-0-{os.getppid()}"
    dead.mkdir()
    living.mkdir()
    with building(tmp_path, "r-1") as folder:
        (folder / "file").touch()

    assert {path.name for path in tmp_path.iterdir()} == {"r-1", living.name}
    assert (tmp_path / "r-1" / "file").is_file()
