from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.fusion import HeldOut
from inference.shortlist import FEATURES, MEASURED
from training.localizer.shards import save_shard
from training.localizer.tuning_trial import Strange, main, try_pull


def _strange(*, rows: int = 80, seed: int = 0) -> Strange:
    """
    Twelve modules; the network is right four times in five, and the column "past" every time.
    """
    random = np.random.default_rng(seed)
    made = []
    for _ in range(rows):
        truth = int(random.integers(12))
        features = random.normal(size=(12, len(FEATURES))).astype(np.float32)
        features[truth if random.random() < 0.8 else (truth + 1) % 12, FEATURES.index("reranked")] += 5
        features[truth, FEATURES.index("past")] += 3
        made.append(HeldOut(features, (truth,)))
    return Strange(tuple(made), np.zeros(rows, dtype=np.bool_))


def test_tuned_rows_decide_the_less_the_stronger_the_pull() -> None:
    tuned, held, untuned = (try_pull(_strange(), pull).hits[:, 0].mean() for pull in (0.02, 4.0, 1e6))

    assert tuned > untuned
    assert held >= untuned


def test_only_the_earlier_rows_tune() -> None:
    given = _strange()
    other_labels = tuple(replace(row, relevant=((row.relevant[0] + 5) % 12,)) for row in given.rows[40:])
    mislabelled = Strange((*given.rows[:40], *other_labels), given.named)

    np.testing.assert_array_equal(try_pull(given, 0.2).confidences, try_pull(mislabelled, 0.2).confidences)


def test_the_trial_prints_a_row_a_pull(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(1)
    for number in range(3):
        columns = random.random((50, 6, len(MEASURED))).astype(np.float16)
        rows = [{"modules": [int(random.integers(6))], "names": i % 2 == 0} for i in range(50)]
        save_shard(tmp_path, {"repository": f"people/r{number}", "rows": rows, "warm": columns, "cold": columns})

    main([str(tmp_path), "--pull", "0.2", "4"])

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("3 repositories, warm")
    assert [line.split(" | ")[0] for line in printed[-2:]] == ["| 0.2", "| 4"]
