"""What is material is learned: around a request from prompts that have one set apart, of whole turns from turns under instructions."""

from dataclasses import replace

import numpy as np

from classifier.artifact import Contents
from training.material import fit_material, fit_material_turns
from training.prepared import Prepared
from training.rows import EVERYDAY, FAMILY, RECORDED, TRAFFIC, Rows
from training.turns import NO_ROW, Turns

N = 40


def prepared(*origins: str) -> Prepared:
    """``N`` prompts an origin, all with a request set apart; everyday ones have a high first feature, the others a low one."""
    origin = np.repeat(origins, N)
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(len(origin), 3)).astype(np.float32)
    dense[:, 0] += np.where(origin == EVERYDAY, 3, -3)
    nan = np.full(len(origin), np.nan)
    rows = Rows(
        texts=("",) * len(origin),
        source=origin,
        origin=origin,
        success=nan,
        gain=nan,
        failed=nan,
        task=np.full(len(origin), ""),
        output_tokens=nan,
        closed=nan,
    )
    rows_of, folds = np.arange(len(origin)), np.zeros(len(origin), np.int64)
    is_material = origin == EVERYDAY
    turns = Turns(dense, dense[::-1], is_material, np.where(is_material, "brought", origin), rows_of)
    return Prepared(rows, (), dense, rows_of, dense, turns, folds, Contents({}, {}))


def fitted(found: Prepared, use: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    everything = np.ones(len(found.rows), dtype=np.bool_)
    return fit_material(found, everything if use is None else use, np.zeros(3), np.ones(3), 0)


def test_everyday_prompts_bring_material_along_and_recorded_ones_and_traffic_do_not() -> None:
    found = prepared(RECORDED, EVERYDAY, TRAFFIC)
    weights, bias = fitted(found)
    is_material = found.apart_dense @ weights + bias > 0
    np.testing.assert_array_equal(is_material, found.rows.origin == EVERYDAY)


def test_prompts_by_kind_say_nothing() -> None:
    weights, bias = fitted(prepared(RECORDED, EVERYDAY))
    again, same = fitted(prepared(RECORDED, EVERYDAY, FAMILY))
    np.testing.assert_allclose(again[0], weights[0], rtol=0.2)
    assert (bias > 0) == (same > 0)


def test_without_prompts_of_both_kinds_nothing_is_ever_taken_for_material() -> None:
    for origins in ((RECORDED,), (EVERYDAY,), (EVERYDAY, FAMILY)):
        weights, bias = fitted(prepared(*origins))
        assert not weights.any()
        assert bias < 0


def test_only_rows_in_use_are_learned_from() -> None:
    found = prepared(RECORDED, EVERYDAY)
    weights, _ = fitted(found, found.rows.origin == RECORDED)
    assert not weights.any()


def fitted_turns(turns: Turns, use: np.ndarray) -> tuple[np.ndarray, float]:
    return fit_material_turns(turns, use, np.zeros(3), np.ones(3), 0)


def test_turns_that_bring_only_material_are_told_from_those_that_ask() -> None:
    turns = prepared(RECORDED, EVERYDAY).turns
    weights, bias = fitted_turns(turns, np.ones(2 * N, dtype=np.bool_))
    assert weights.shape == (2, 3)
    found = turns.dense @ weights[0] + turns.instructions @ weights[1] + bias > 0
    np.testing.assert_array_equal(found, turns.is_material)


def test_turns_of_rows_that_are_not_in_use_are_not_learned_from_and_those_of_no_row_are() -> None:
    turns = prepared(RECORDED, EVERYDAY).turns
    nothing = np.zeros(2 * N, dtype=np.bool_)
    assert not fitted_turns(turns, nothing)[0].any()
    assert fitted_turns(replace(turns, row=np.full(2 * N, NO_ROW)), nothing)[0].any()


def test_without_turns_of_both_sorts_none_is_ever_taken_for_material() -> None:
    weights, bias = fitted_turns(prepared(EVERYDAY).turns, np.ones(N, dtype=np.bool_))
    assert not weights.any()
    assert bias < 0
