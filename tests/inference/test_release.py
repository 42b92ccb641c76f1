import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.release import ReleaseError, ReleaseInfo, read_release, write_release_info

PARTS = (
    "model/model-00001-of-00002.safetensors",
    "model/model-00002-of-00002.safetensors",
    "model/tokenizer.json",
    "model/chat_template.jinja",
    "adapter/adapter_model.safetensors",
    "catalog.json",
    "past.jsonl",
    "classifier.safetensors",
    "rows.safetensors",
    "vectors.safetensors",
    "fusion.json",
    "scorecard.json",
    "scorecard.html",
    "hits.json",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in PARTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(f"content of {name} ".encode() * 50)
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
    assert set(info.files) == set(PARTS)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _half_write(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("name", [*PARTS, "release.json"])
@pytest.mark.parametrize("harm", [_truncate, _flip_a_bit, _half_write, Path.unlink])
def test_a_harmed_or_missing_file_is_refused_by_its_name_with_a_remedy(
    folder: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(folder / name)

    with pytest.raises(ReleaseError, match=rf"{re.escape(name)}.*(t|T)rain"):
        read_release(folder)


@pytest.mark.parametrize("at", [3, 40, 200, 350, -70, -10])
def test_a_bit_anywhere_in_release_json_is_noticed(folder: Path, at: int) -> None:
    file = folder / "release.json"
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)

    with pytest.raises(ReleaseError, match=r"release\.json.*train again"):
        read_release(folder)


def test_another_format_is_refused_and_the_first_releases_without_seal_are_read(folder: Path) -> None:
    file = folder / "release.json"
    value = json.loads(file.read_text())
    del value["seal"]
    file.write_text(json.dumps(value))
    assert read_release(folder).id == "shop-1"

    file.write_text(json.dumps({**value, "format": 99}))
    with pytest.raises(ReleaseError, match="another release format than 1: train it again"):
        read_release(folder)
