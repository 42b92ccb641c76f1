"""
Releases compared and exported.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from inference.release import ReleaseError, ReleaseInfo, write_release_info
from tests.models import small_base_model, tiny_network
from training.comparison import compare_releases
from training.export import ExportError, _for_llama_cpp, export_release


def _release(folder: Path, hits: Mapping[str, float] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    share = {"n": 4, "hit@1": 0.5, "hit@3": 0.75}
    card = {"rankers": {"system": {"all": share, "no_name": {"n": 0}}}, "ece": 0.1, "precision_when_sure": None}
    card |= {"symbols": {"system": {"all": share}}}
    card |= {"latency_ms": {"answer": {"n": 60, "p50": 81.0}}, "paraphrases": {"requirements": 0}}
    (folder / "scorecard.json").write_text(json.dumps(card))
    if hits is not None:
        (folder / "hits.json").write_text(json.dumps({"hit@1": hits, "hit@3": hits}))
    names = ("location", "graph_commit", "evaluated_commit", "catalog_fingerprint", "dataset_hash", "prompt_hash")
    texts = dict.fromkeys((*names, "repository", "created_at"), "x")
    write_release_info(folder, ReleaseInfo(id=folder.name, base_model={}, versions={}, training={}, **texts))
    return folder


def test_two_releases_are_compared_in_pairs_on_the_rows_they_share(tmp_path: Path) -> None:
    rows = [f"c{i}" for i in range(8)]
    old = _release(tmp_path / "old", {**dict.fromkeys(rows, 0.0), "gone": 1.0})
    new = _release(tmp_path / "new", {**dict.fromkeys(rows[:7], 1.0), rows[7]: 0.0, "fresh": 1.0})
    found = compare_releases(old, new)
    pair = found.pairs[0]

    assert (pair.measure, pair.rows, pair.first, pair.second) == ("hit@1", 8, 0.0, 0.875)
    assert pair.p == pytest.approx(2 / 2**7)
    assert ("system hit@1", 0.5, 0.5) in found.figures
    assert ("ece", 0.1, 0.1) in found.figures
    assert ("system hit@3, held-out symbols", 0.75, 0.75) in found.figures
    assert ("answer ms, p50", 81.0, 81.0) in found.figures
    assert "put otherwise, same first" not in [name for name, _, _ in found.figures]


def test_releases_without_a_row_in_common_are_not_tested_in_pairs(tmp_path: Path) -> None:
    one, other = _release(tmp_path / "one", {"a": 1.0}), _release(tmp_path / "other", {"b": 1.0})
    older = _release(tmp_path / "older")

    assert compare_releases(one, other).reason == "They have no held-out requirement in common."
    assert "older was made before" in compare_releases(one, older).reason


LOAD = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"bot", "worker", "training", "inference", "graph"}:
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], local_files_only=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], local_files_only=True)
ids = tokenizer("where are tolls?", return_tensors="pt")["input_ids"]
with torch.inference_mode():
    logits = model(input_ids=ids).logits[0, -1, :50]
print(json.dumps([bool(tokenizer.chat_template), logits.tolist()]))
"""


def test_an_exported_model_loads_with_transformers_alone(tmp_path: Path) -> None:
    tiny = tiny_network(small_base_model())
    tiny.model.save_pretrained(tmp_path / "r" / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "r" / "model")
    target = export_release(_release(tmp_path / "r"), tmp_path / "out" / "plain")
    command = [sys.executable, "-W", "ignore", "-c", LOAD, str(target)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    ids = tiny.tokenizer("where are tolls?", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = tiny.model(input_ids=ids).logits[0, -1, :50]

    assert result.returncode == 0, result.stderr
    has_template, logits = json.loads(result.stdout.splitlines()[-1])
    assert has_template
    assert torch.allclose(torch.tensor(logits), expected, atol=1e-5)
    assert [path.name for path in target.parent.iterdir()] == ["plain"]


@pytest.mark.parametrize("form", ["gguf", "mlx"])
def test_a_missing_converter_is_named_with_its_remedy(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    release = _release(tmp_path / "r")

    with pytest.raises(ExportError, match=r"is not installed: .*install.*, or export as hf"):
        export_release(release, tmp_path / "out", form=form)
    assert not (tmp_path / "out").exists()


FAKE = """#!{python}
import json, pathlib, sys
*_, target = sys.argv
out, model = pathlib.Path(target), pathlib.Path(sys.argv[1])
if "--mlx-path" in sys.argv:
    out.mkdir()
    out, model = out / "weights.safetensors", pathlib.Path(sys.argv[2])
said = {{"arguments": sys.argv[1:], "tokenizer": json.loads((model / "tokenizer.json").read_text())}}
out.write_text(json.dumps(said))
"""


def _converter(folder: Path, name: str, text: str) -> Path:
    folder.mkdir()
    (folder / name).write_text(text.format(python=sys.executable))
    (folder / name).chmod(0o755)
    return folder


def _with_model(folder: Path) -> Path:
    (folder / "model").mkdir(parents=True)
    tokenizer = {
        "model": {"type": "BPE", "byte_fallback": True, "vocab": {"é": 0}},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}]},
        "decoder": {"type": "Sequence"},
    }
    (folder / "model" / "tokenizer.json").write_text(json.dumps(tokenizer))
    return _release(folder)


def test_llama_cpp_is_given_a_tokenizer_that_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(_converter(tmp_path / "bin", "convert_hf_to_gguf.py", FAKE)))
    release = _with_model(tmp_path / "r")
    before = (release / "model" / "tokenizer.json").read_bytes()
    target = export_release(release, tmp_path / "out", form="gguf")
    said = json.loads((target / "model.gguf").read_text())

    assert said["arguments"][1] == "--outfile"
    assert said["tokenizer"]["model"] == {"type": "BPE", "byte_fallback": False, "vocab": {"é": 0}}
    assert said["tokenizer"]["decoder"]["type"] == "ByteLevel"
    assert (release / "model" / "tokenizer.json").read_bytes() == before


def test_the_mended_tokenizer_reads_and_writes_as_before(tmp_path: Path) -> None:
    texts = ["Fix 1,234 tolls  twice", "naïve 中文 🚚\n\tdef f(x): return x", "<|im_start|>user\né<|im_end|>"]
    before = Tokenizer.from_file(str(small_base_model() / "tokenizer.json"))
    with _for_llama_cpp(small_base_model()) as folder:
        after = Tokenizer.from_file(str(folder / "tokenizer.json"))
        mended = json.loads((folder / "tokenizer.json").read_text())["model"]["byte_fallback"]

    assert mended is False
    for text in texts:
        ids = before.encode(text, add_special_tokens=False).ids
        assert after.encode(text, add_special_tokens=False).ids == ids
        assert after.decode(ids) == before.decode(ids)


def test_mlx_is_given_the_model_folder_and_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(_converter(tmp_path / "bin", "mlx_lm.convert", FAKE)))
    release = _with_model(tmp_path / "r")
    target = export_release(release, tmp_path / "out", form="mlx")
    said = json.loads((target / "weights.safetensors").read_text())

    assert said["arguments"][:3] == ["--hf-path", str(release / "model"), "--mlx-path"]
    assert said["tokenizer"]["model"]["byte_fallback"] is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "#!{python}\nraise NotImplementedError('unknown tokenizer')",
            "failed: NotImplementedError: unknown tokenizer",
        ),
        ("#!{python}\n", "ended without an error and wrote nothing"),
        ("#!{python}\nimport sys; sys.exit(3)", "failed: it said nothing"),
    ],
)
def test_a_converter_that_fails_is_quoted_and_leaves_nothing(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(_converter(tmp_path / "bin", "convert_hf_to_gguf.py", text)))
    release = _with_model(tmp_path / "r")

    with pytest.raises(ExportError, match=rf"^convert_hf_to_gguf\.py {said}"):
        export_release(release, tmp_path / "out" / "model", form="gguf")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_export_overwrites_nothing_and_refuses_a_damaged_release(tmp_path: Path) -> None:
    release = _release(tmp_path / "r")
    with pytest.raises(ExportError, match="exists already"):
        export_release(release, tmp_path)
    (release / "scorecard.json").write_text("{}")
    with pytest.raises(ReleaseError, match="altered"):
        export_release(release, tmp_path / "out")
