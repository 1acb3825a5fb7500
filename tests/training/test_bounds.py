import numpy as np
import pytest

from training.bounds import clopper_pearson_upper, mean_is_below, mean_upper


def test_a_two_percent_promise_needs_114_rows_without_a_failure() -> None:
    assert clopper_pearson_upper(0, 114, 0.1) <= 0.02 < clopper_pearson_upper(0, 113, 0.1)


@pytest.mark.parametrize(("failures", "n"), [(0, 0), (5, 5)])
def test_without_a_success_nothing_is_bounded(failures: int, n: int) -> None:
    assert clopper_pearson_upper(failures, n, 0.05) == 1


def test_the_bound_on_a_mean_lies_above_it_and_close_to_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(0.02, 0.2, 2000).clip(-1, 1)
    upper, normal = mean_upper(values, -1, 1, 0.05), values.mean() + 1.645 * values.std() / 2000**0.5
    assert values.mean() < upper < normal + 0.01


def test_a_true_mean_is_refuted_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(1)
    refuted = [mean_is_below((rng.random(300) < 0.1).astype(float), 0.1, 0, 1, 0.1) for _ in range(500)]
    assert np.mean(refuted) <= 0.1


def test_nothing_is_proved_from_no_rows() -> None:
    assert not mean_is_below(np.array([]), 0.5, 0, 1, 0.05)
