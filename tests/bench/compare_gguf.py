"""
Does an exported GGUF file say what the release says?

    signpost release export RELEASE out --as gguf
    python -m tests.bench.compare_gguf HOME/releases/RELEASE out/model.gguf

transformers reads the file back; both are forced through the release's own past requirements.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from inference.labelled import load_labelled
from inference.language_model import LanguageModel
from inference.prompt import place_prompt
from inference.release import read_release
from inference.replay import Row, replay


def load_gguf(file: Path) -> LanguageModel:
    """
    Read a GGUF file and its tokenizer back, as fp32.
    """
    folder, name = str(file.parent), file.name
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=name,
        dtype=torch.float32,
        quantization_config=GgufConfig(gguf_file=name, dequantize=True),
    )
    return LanguageModel(model.eval(), AutoTokenizer.from_pretrained(folder, gguf_file=name))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--rows", type=int, default=50)
    chosen = parser.parse_args(arguments)
    release = LanguageModel.load(chosen.release / "model", device="cpu")
    name = read_release(chosen.release).repository
    known = load_labelled(chosen.release / "past.jsonl")[-chosen.rows :]
    rows = [
        Row(place_prompt(release.tokenizer, repository=name, requirement=row.text), row.modules[0]) for row in known
    ]
    first, second = replay(release, rows), replay(load_gguf(chosen.gguf), rows)
    print(f"tokens the same: {first.tokens == second.tokens} ({len(first.tokens)} in {len(rows)} rows)")
    same = (first.logits.argmax(dim=1) == second.logits.argmax(dim=1)).float().mean()
    apart = (first.logits - second.logits).abs().max()
    print(f"same next token at {same:.2%} of {len(first.logits)} places, logits up to {apart:.4f} apart")


if __name__ == "__main__":
    main()
