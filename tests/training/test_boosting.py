import numpy as np

from classifier.trees import Trees
from training.boosting import Recipe, grow, lay_out


def test_the_arrays_predict_what_scikit_learn_predicts() -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(600, 5)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]) * 0.5 + 0.3 * (x[:, 2] > 0)
    heads = [grow(x, y, np.ones(600), Recipe(n, least_rows=5), None, seed=0) for n in (7, 11)]
    arrays = lay_out(heads)
    trees = Trees(
        arrays["tree_feature"].astype(np.int64),
        arrays["tree_threshold"],
        arrays["tree_value"],
        arrays["tree_starts"].astype(np.int64),
        arrays["tree_base"],
    )
    served = np.array([trees.scores(row) for row in x])
    fitted = np.column_stack([head.predict(x) for head in heads])
    assert np.abs(served - fitted).max() < 1e-5


def test_a_forced_direction_is_kept() -> None:
    random = np.random.default_rng(0)
    x = random.uniform(size=(400, 1)).astype(np.float32)
    model = grow(x, 1 - x[:, 0].astype(float), np.ones(400), Recipe(20), np.array([1], dtype=np.int8), seed=0)
    assert np.all(np.diff(model.predict(np.sort(x, axis=0))) >= 0)


def test_thresholds_are_in_the_features_own_units_though_trees_are_grown_on_bins() -> None:
    random = np.random.default_rng(1)
    x = random.uniform(900, 1100, size=(3000, 2)).astype(np.float32)
    model = grow(
        x, (x[:, 1] > 1000).astype(float), random.uniform(1, 9, 3000), Recipe(60, share_of_features=1.0), None, 0
    )
    unseen = np.array([[950, 998], [1050, 998], [950, 1002], [1050, 1002]], dtype=np.float32)
    assert np.abs(model.predict(unseen) - [0, 0, 1, 1]).max() < 0.1


def test_a_feature_of_few_values_is_cut_halfway_between_them() -> None:
    x = np.repeat(np.array([[0.0], [10.0]], dtype=np.float32), 100, axis=0)
    model = grow(x, x[:, 0] / 10, np.ones(200), Recipe(60, share_of_features=1.0), None, seed=0)
    low, high = model.predict(np.array([[4.9], [5.1]], dtype=np.float32))
    assert low < 0.1
    assert high > 0.9
