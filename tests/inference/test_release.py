from collections.abc import Callable
from pathlib import Path

import pytest

from inference.release import ReleaseError, ReleaseInfo, read_release, write_release_info


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights" * 100)
    (tmp_path / "catalog.json").write_text("{}")
    write_release_info(
        tmp_path,
        ReleaseInfo(
            id="shop-1",
            repository="shop",
            location="somewhere",
            graph_commit="c",
            evaluated_commit="b",
            catalog_fingerprint="f",
            dataset_hash="d",
            base_model={"name": "m", "weights": "w"},
            prompt_hash="p",
            created_at="2026-01-01T00:00:00+00:00",
            versions={},
            training={},
        ),
    )
    return tmp_path


def test_a_whole_release_is_read_as_it_was_written(folder: Path) -> None:
    info = read_release(folder)

    assert info.id == "shop-1"
    assert set(info.files) == {"model/model.safetensors", "catalog.json"}


def _truncate(folder: Path) -> None:
    (folder / "model" / "model.safetensors").write_bytes(b"weights" * 99)


def _flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "model" / "model.safetensors").read_bytes())
    data[350] ^= 1
    (folder / "model" / "model.safetensors").write_bytes(data)


def _alter(folder: Path) -> None:
    (folder / "catalog.json").write_text("[]")


def _remove(folder: Path) -> None:
    (folder / "catalog.json").unlink()


def _half_written(folder: Path) -> None:
    (folder / "release.json").write_text((folder / "release.json").read_text()[:50])


def _other_format(folder: Path) -> None:
    (folder / "release.json").write_text((folder / "release.json").read_text().replace('"format": 1', '"format": 99'))


def _no_info(folder: Path) -> None:
    (folder / "release.json").unlink()


@pytest.mark.parametrize("harm", [_truncate, _flip_a_byte, _alter, _remove, _half_written, _other_format, _no_info])
def test_a_harmed_release_is_refused_with_a_remedy(folder: Path, harm: Callable[[Path], None]) -> None:
    harm(folder)

    with pytest.raises(ReleaseError, match=r"train|Train"):
        read_release(folder)
