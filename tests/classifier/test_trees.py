import numpy as np
import pytest

from classifier.trees import Trees


@pytest.fixture
def trees() -> Trees:
    """Two trees of depth two for one head each; the second ends at its root."""
    return Trees(
        feature=np.array([[0, 1, 1], [0, 0, 0]]),
        threshold=np.array([[0.5, 0.2, 0.8], [np.inf] * 3], dtype=np.float32),
        value=np.array([[2.5, 1.5, 3.5, 1, 2, 3, 4], [7] * 7], dtype=np.float32),
        starts=np.array([0, 1]),
        base=np.array([10, 20], dtype=np.float32),
    )


@pytest.mark.parametrize(("x", "leaf"), [((0.5, 0.2), 1), ((0, 1), 2), ((1, 0.8), 3), ((1, 1), 4)])
def test_each_leaf_is_reached_and_equal_goes_left(trees: Trees, x: tuple[float, float], leaf: float) -> None:
    assert trees.scores(np.array(x, dtype=np.float32)).tolist() == [10 + leaf, 27]


def test_parts_and_root_add_up_to_the_score(trees: Trees) -> None:
    x = np.array([1, 1], dtype=np.float32)
    assert trees.root(0) + trees.parts(x, 0, 2).sum() == trees.scores(x)[0]
    assert trees.parts(x, 1, 2).tolist() == [0, 0]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_table_finds_the_leaf_that_a_walk_finds(depth: int) -> None:
    random, n_inner = np.random.default_rng(depth), 2**depth - 1
    trees = Trees(
        feature=random.integers(0, 6, (500, n_inner)),
        threshold=random.choice([0.25, 0.5, np.inf], (500, n_inner)).astype(np.float32),
        value=np.broadcast_to(np.arange(2 * n_inner + 1, dtype=np.float32), (500, 2 * n_inner + 1)),
        starts=np.arange(500),
        base=np.zeros(500, dtype=np.float32),
    )
    for x in random.random((20, 6), dtype=np.float32):
        node = np.zeros(500, dtype=np.intp)
        for _ in range(depth):
            at = (np.arange(500), node)
            node = 2 * node + 1 + (x[trees.feature[at]] > trees.threshold[at])
        assert trees.scores(x).tolist() == node.tolist()


def test_deeper_trees_are_refused_and_what_would_be_served_is_said() -> None:
    with pytest.raises(ValueError, match="four deep"):
        Trees(np.zeros((1, 31)), np.zeros((1, 31)), np.zeros((1, 63)), np.zeros(1), np.zeros(1))
