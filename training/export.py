"""
A release's model for other programs: a plain Hugging Face folder, and GGUF or MLX by their own converters.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.release import read_release


@dataclass(frozen=True, slots=True)
class Converter:
    """
    A program of the format's own authors; none is reimplemented here, and none is fetched behind anyone's back.

    Args:
        programs: What it may be called, looked for on the PATH in this order.
        remedy: How to get it.
    """

    programs: tuple[str, ...]
    remedy: str


CONVERTERS = {
    "gguf": Converter(
        ("convert_hf_to_gguf.py", "convert-hf-to-gguf"),
        "put the folder of llama.cpp, which has convert_hf_to_gguf.py, on the PATH, and install sentencepiece",
    ),
    "mlx": Converter(("mlx_lm.convert",), "on a Mac with Apple silicon, `pip install mlx-lm` and have it on the PATH"),
}


class ExportError(Exception):
    """
    The model cannot be exported; the message says what to do.
    """


def export_release(release: Path, target: Path, *, form: str = "hf") -> Path:
    """
    Write the merged model of a verified release to *target*, all or nothing.

    Args:
        form: "hf" for a folder that transformers alone loads, "gguf" or "mlx" where their converter is installed.

    Returns:
        *target*.

    Raises:
        ExportError: *target* is taken, the form unknown, the converter missing or failing, or the disk full.
        inference.release.ReleaseError: the release is damaged.
    """
    if form not in ("hf", *CONVERTERS):
        raise ExportError(f"A model can be exported as hf, gguf or mlx, got {form!r}.")
    if target.exists():
        raise ExportError(f"{target} exists already: name a new folder, nothing is overwritten.")
    read_release(release)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        if form == "hf":
            shutil.copytree(release / "model", draft)
        else:
            _convert(release / "model", draft, form)
        draft.rename(target)
    except OSError as error:
        raise ExportError(
            f"{target} could not be written ({error.strerror or error}): free some space or choose another place."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _convert(model: Path, target: Path, form: str) -> None:
    converter = CONVERTERS[form]
    program = next(filter(None, map(shutil.which, converter.programs)), None)
    if program is None:
        named = " or ".join(converter.programs)
        raise ExportError(f"The converter {named} is not installed: {converter.remedy}, or export as hf.")
    # A script runs in our Python, which has what it imports; its own first line names any Python.
    start = [sys.executable, program] if program.endswith(".py") else [program]
    if form == "gguf":
        target.mkdir()
        with _for_llama_cpp(model) as prepared:
            _run([*start, str(prepared), "--outfile", str(target / "model.gguf")])
    else:
        _run([*start, "--hf-path", str(model), "--mlx-path", str(target)])
    if not any(target.glob("*")):
        raise ExportError(f"{Path(program).name} ended without an error and wrote nothing.")


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        program = next(Path(part).name for part in command if part != sys.executable)
        raise ExportError(f"{program} failed: {last[0]}")


@contextmanager
def _for_llama_cpp(model: Path) -> Iterator[Path]:
    """
    Give a folder of links to *model*, whose tokenizer says what it is.

    A tokenizer that came out of a GGUF file, as the small base model's, claims byte fallback beside its byte-level
    splitting. It never falls back, since its vocabulary has every byte; but llama.cpp would take it for another kind
    of tokenizer and write a file that reads every text wrongly.
    """
    with TemporaryDirectory(prefix="signpost-export-") as scratch:
        folder = Path(scratch) / model.name
        folder.mkdir()
        for file in model.iterdir():
            (folder / file.name).symlink_to(file.resolve())
        tokenizer = folder / "tokenizer.json"
        if tokenizer.is_file():
            value = json.loads(tokenizer.read_text(encoding="utf-8"))
            if _is_byte_level(value) and value["model"].get("byte_fallback"):
                value["model"]["byte_fallback"] = False
                value["decoder"] = {
                    "type": "ByteLevel",
                    "add_prefix_space": True,
                    "trim_offsets": True,
                    "use_regex": True,
                }
                tokenizer.unlink()
                tokenizer.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        yield folder


def _is_byte_level(tokenizer: dict[str, dict[str, object]]) -> bool:
    """
    >>> _is_byte_level({"model": {"type": "BPE"}, "pre_tokenizer": {"type": "ByteLevel"}})
    True
    >>> _is_byte_level({"model": {"type": "BPE"}, "pre_tokenizer": None})
    False
    """
    return tokenizer["model"].get("type") == "BPE" and '"ByteLevel"' in json.dumps(tokenizer.get("pre_tokenizer"))
