"""What groups share is kept, what each has of its own is not."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from training.data import Floats, Strings
from training.shared_slopes import fit_shared_slopes

N_GROUPS, N_ROWS = 6, 200


def _fit(x: Floats, target: Floats, group: Strings, weight: Floats | None = None) -> tuple[Floats, float]:
    weight = np.ones(len(x)) if weight is None else weight
    return fit_shared_slopes(x, target, weight, group, shared_penalty=10.0, own_penalty=30.0)


def _groups() -> tuple[Floats, Strings, Floats]:
    random = np.random.default_rng(0)
    group = np.repeat([f"g{number}" for number in range(N_GROUPS)], N_ROWS)
    return random.normal(size=(len(group), 3)), group, random.normal(scale=0.1, size=len(group))


def test_a_slope_inside_every_group_is_found_though_the_groups_levels_run_the_other_way() -> None:
    x, group, noise = _groups()
    centre = np.repeat(np.arange(N_GROUPS), N_ROWS).astype(np.float64)
    x[:, 0] += 3 * centre
    target = 0.5 * (x[:, 0] - 3 * centre) - 2 * centre + noise
    assert Ridge(alpha=10.0).fit(x, target).coef_[0] < -0.3
    assert _fit(x, target, group)[0][0] == pytest.approx(0.5, abs=0.05)


def test_what_one_large_group_alone_has_counts_less_than_in_a_plain_regression() -> None:
    x, group, noise = _groups()
    group[: 4 * N_ROWS] = "g0"
    target = np.where(group == "g0", 1.0, 0.0) * x[:, 1] + noise
    plain = Ridge(alpha=10.0).fit(x, target).coef_[1]
    assert plain > 0.6
    assert 0 < _fit(x, target, group)[0][1] < 0.75 * plain


def test_one_group_alone_is_fitted_with_its_level_and_its_slope() -> None:
    x, group, noise = _groups()
    group[:] = "g0"
    target = 5 + 0.5 * x[:, 2] + noise
    weights, bias = _fit(x, target, group)
    assert 0.25 < weights[2] < 0.5
    assert np.mean(x @ weights + bias) == pytest.approx(target.mean(), abs=0.02)


def test_rows_without_weight_are_not_heard_and_the_unit_of_weights_does_not_matter() -> None:
    x, group, noise = _groups()
    target = 0.5 * x[:, 0] + noise
    heard = np.arange(len(x)) % 4 > 0
    weight = np.where(heard, 1.0, 0.0)
    spoiled = np.where(heard, target, 100.0)
    found, bias = _fit(x, target, group, weight)
    again, same_bias = _fit(x, spoiled, group, 7 * weight)
    assert np.allclose(found, again)
    assert bias == pytest.approx(same_bias)
