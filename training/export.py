"""
A release's model for other programs: a plain Hugging Face folder, and GGUF or MLX by their own converters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from inference.release import read_release

# Their authors' converters; none is reimplemented here, and none is fetched behind anyone's back.
CONVERTERS = {
    "gguf": ("convert_hf_to_gguf.py", "install llama.cpp and put its convert_hf_to_gguf.py on the PATH"),
    "mlx": ("mlx_lm.convert", "on a Mac with Apple silicon, `pip install mlx-lm`"),
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
    name, remedy = CONVERTERS[form]
    program = shutil.which(name)
    if program is None:
        raise ExportError(f"The converter {name} is not installed: {remedy}, or export as hf.")
    if form == "gguf":
        target.mkdir()
        command = [program, str(model), "--outfile", str(target / "model.gguf")]
    else:
        command = [program, "--hf-path", str(model), "--mlx-path", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise ExportError(f"{name} failed: {last[0]}")
