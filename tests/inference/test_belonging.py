import numpy as np
import pytest

from inference.belonging import MOST, Belonging


def _shares(*values: float) -> np.ndarray:
    return np.array([*values, *[(1 - sum(values)) / 20] * 20], dtype=np.float32)


@pytest.mark.parametrize(
    ("probabilities", "count"),
    [(_shares(0.95), 1), (_shares(0.5, 0.48), 2), (_shares(0.33, 0.32, 0.31), 3), (_shares(0.3, 0.05), 1)],
)
def test_as_many_modules_belong_as_stand_out(probabilities: np.ndarray, count: int) -> None:
    assert Belonging().count(probabilities) == count


def test_never_more_than_three_and_never_none() -> None:
    assert Belonging(scale=3.0).count(np.full(50, 0.02, dtype=np.float32)) <= MOST
    assert Belonging().count(np.ones(1, dtype=np.float32)) == 1


def test_the_scale_follows_what_held_out_requirements_touched() -> None:
    close = _shares(0.5, 0.2)
    alone = Belonging.fit([(close, (0,))] * 30)
    both = Belonging.fit([(close, (0, 1))] * 30)

    assert (alone.count(close), both.count(close)) == (1, 2)
    assert both.scale > alone.scale


def test_few_rows_keep_the_default() -> None:
    assert Belonging.fit([(_shares(0.5, 0.4), (0, 1, 2))] * 5) == Belonging()


def test_it_survives_json() -> None:
    rule = Belonging(1.7, 40)

    assert Belonging.from_json(rule.to_json()) == rule
