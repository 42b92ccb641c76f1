import json
from pathlib import Path

import numpy as np
import pytest

from inference.embedding import TextEncoder
from inference.shortlist import MEASURED
from inference.vectors import Floats
from tests.fakes_encoder import LetterModel, LetterTokenizer
from training.localizer.encoder_trial import main, module_hits


def _read(texts: list[str], *, tokens: int) -> Floats:
    return TextEncoder(LetterModel(), LetterTokenizer(), name="letters").encode(texts)


def test_a_module_is_found_by_its_nearest_file_and_bm25_has_a_say() -> None:
    columns = np.zeros((2, 3, len(MEASURED)), dtype=np.float16)
    columns[1, 2, MEASURED.index("bm25_file")] = 9.0
    shard = {
        "modules": ["a", "b", "c"],
        "files": [["kkkk", 0], ["xxzz", 1], ["qq", 1], ["xxyy", 2]],
        "rows": [{"text": "zxxz", "modules": [1], "names": False}, {"text": "zxzy", "modules": [2], "names": True}],
        "cold": columns,
    }

    found = module_hits(shard, _read)

    assert found.tolist() == [[1, 1, 1, 1, 1], [0, 1, 1, 1, 0]]


def test_points_that_are_there_are_not_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    point = {"repositories": 12, "steps": 5}
    (tmp_path / "12.json").write_text(json.dumps(point))

    main([str(tmp_path), "--base", str(tmp_path / "nowhere"), "--out", str(tmp_path), "--counts", "12"])

    assert json.loads(capsys.readouterr().out) == point
