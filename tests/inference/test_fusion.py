import numpy as np

from inference.fusion import DEFAULT_THRESHOLD, MOST_ROWS, Fusion, HeldOut

COLUMNS = ("reranked", "past")


def _rows(count: int, *, seed: int = 0) -> list[HeldOut]:
    """
    Ten modules; the first feature knows the truth nine times in ten, the second is noise.
    """
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        truth = int(random.integers(10))
        features = random.normal(size=(10, 2)).astype(np.float32)
        if random.random() < 0.9:
            features[truth, 0] += 4
        rows.append(HeldOut(features, (truth,)))
    return rows


def test_the_fusion_learns_which_feature_to_trust() -> None:
    useful, noise = Fusion.fit(COLUMNS, _rows(200)).weights

    assert useful > 5 * noise


def test_confidence_is_calibrated_on_rows_it_has_not_seen() -> None:
    fusion = Fusion.fit(COLUMNS, _rows(400))
    fresh = _rows(800, seed=1)
    answers = [(fusion.probabilities(row.features), row.relevant[0]) for row in fresh]
    confidence = np.mean([p.max() for p, _ in answers])
    accuracy = np.mean([p.argmax() == truth for p, truth in answers])

    assert abs(confidence - accuracy) < 0.05


def test_sure_answers_are_right_four_times_in_five() -> None:
    fusion = Fusion.fit(COLUMNS, _rows(400))
    sure = [
        probabilities.argmax() == row.relevant[0]
        for row in _rows(800, seed=2)
        if (probabilities := fusion.probabilities(row.features)).max() >= fusion.threshold
    ]

    assert len(sure) > 100
    assert np.mean(sure) > 0.77


def test_with_pure_noise_it_is_never_sure() -> None:
    random = np.random.default_rng(3)
    noise = [HeldOut(random.normal(size=(10, 2)).astype(np.float32), (int(random.integers(10)),)) for _ in range(100)]

    assert Fusion.fit(COLUMNS, noise).threshold > 1


def test_few_rows_mean_default_weights() -> None:
    assert Fusion.fit(COLUMNS, _rows(19)) == Fusion.default(COLUMNS)


def test_too_few_rows_for_a_threshold_of_their_own_leave_the_default_one() -> None:
    assert Fusion.fit(COLUMNS, _rows(40)).threshold == DEFAULT_THRESHOLD


def test_a_fusion_survives_json() -> None:
    fusion = Fusion.fit(COLUMNS, _rows(50))

    assert Fusion.from_json(fusion.to_json()) == fusion


def test_a_fusion_of_fewer_features_still_ranks_with_more() -> None:
    fusion = Fusion.fit(COLUMNS, _rows(50))

    assert fusion.aligned(("new", "past", "reranked")).weights == (0.0, fusion.weights[1], fusion.weights[0])


def test_of_very_many_rows_the_newest_decide() -> None:
    rows = _rows(MOST_ROWS + 300)

    assert Fusion.fit(COLUMNS, rows) == Fusion.fit(COLUMNS, rows[300:])
