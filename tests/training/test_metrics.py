import numpy as np
import pytest

from training.metrics import (
    calibration_error_by_chance,
    expected_calibration_error,
    hit_at_k,
    mcnemar,
    score,
)
from training.verdict import compare


def test_an_unlabelled_row_has_no_score() -> None:
    with pytest.raises(ValueError, match="relevant is empty"):
        hit_at_k(["a"], [], 1)


def test_the_measures_of_a_small_table() -> None:
    card = score([["a", "b", "c"], ["b", "a", "c"]], [{"a"}, {"c"}])

    assert (card.hit1, card.hit3, card.mrr, card.strict3) == (0.5, 1.0, round((1 + 1 / 3) / 2, 4), 1.0)


def test_a_perfectly_calibrated_system_has_no_calibration_error() -> None:
    confidences = [0.5] * 100
    correct = [1.0, 0.0] * 50

    assert expected_calibration_error(confidences, correct) < 0.1
    assert expected_calibration_error([0.99] * 100, [0.0] * 100) == 0.99


def test_equal_systems_do_not_differ_significantly() -> None:
    assert mcnemar([1, 0, 1], [1, 0, 1]) == 1.0


def test_mcnemar_of_thousands_of_rows_that_differ() -> None:
    first, second = [1.0] * 600 + [0.0] * 540, [0.0] * 600 + [1.0] * 540

    assert mcnemar(first, second) == pytest.approx(0.0805174387, abs=1e-9)  # as scipy.stats.binomtest has it
    assert mcnemar([1.0] * 5_000, [0.0] * 5_000) == 0.0


def _hits(values: list[float]) -> dict[str, dict[str, float]]:
    rows = {str(i): value for i, value in enumerate(values)}
    return {"hit@1": rows, "hit@3": rows}


def test_the_first_release_is_promoted() -> None:
    assert compare(_hits([0.0]), None).promote


def test_a_worse_release_is_refused_with_its_figures() -> None:
    verdict = compare(_hits([1.0] * 60 + [0.0] * 40), _hits([1.0] * 80 + [0.0] * 20))

    assert not verdict.promote
    assert "0.800 → 0.600" in verdict.reason


def test_a_release_that_is_as_good_is_promoted() -> None:
    assert compare(_hits([1.0, 0.0] * 50), _hits([1.0, 0.0] * 50)).promote


def test_rows_that_only_one_release_was_asked_do_not_count() -> None:
    assert not compare({"hit@1": {"a": 1.0}, "hit@3": {"a": 1.0}}, {"hit@1": {"b": 1.0}, "hit@3": {"b": 1.0}}).promote


def test_perfect_confidences_have_a_calibration_error_that_falls_with_the_rows() -> None:
    few, many = (
        calibration_error_by_chance(np.random.default_rng(1).random(rows).tolist(), draws=20) for rows in (150, 6_000)
    )

    assert few > 0.05
    assert many < 0.025
