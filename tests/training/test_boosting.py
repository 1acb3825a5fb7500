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
