"""
Learned rows: what past requirements may move them.
"""

import numpy as np

from training.rows import fit_learned_rows


def test_the_more_often_something_was_seen_the_less_learned_rows_are_pulled_to_zero() -> None:
    states = np.random.default_rng(3).normal(size=(12, 8)).astype(np.float32)
    labels = [(i % 3,) for i in range(12)]
    once = fit_learned_rows(states, labels, modules=4)
    often = fit_learned_rows(np.tile(states, (8, 1)), labels * 8, modules=4)

    assert np.linalg.norm(often.weights) > 1.5 * np.linalg.norm(once.weights)
    assert often.known.tolist() == [True, True, True, False]
    assert not often.weights[3].any()
