"""What the judges are fitted on, and with what say."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data import DataError
from training.judges import gain_line, general_weights, typical_gain, worth_spending
from training.rows import EVERYDAY, FAMILY, RECORDED, TRAFFIC, Rows, family_rows, join, traffic_rows


def rows_of(origin: str, source: str, success: np.ndarray, gain: np.ndarray) -> Rows:
    n = len(success)
    nan = np.full(n, np.nan)
    return Rows(
        texts=tuple(f"{source} {row}" for row in range(n)),
        source=np.full(n, source),
        origin=np.full(n, origin),
        success=success,
        gain=gain,
        failed=nan,
        task=np.full(n, "chat"),
        output_tokens=nan,
        closed=nan,
    )


def everything(rows: Rows) -> np.ndarray:
    return np.ones(len(rows), dtype=np.bool_)


def test_gain_is_fitted_where_both_sides_answered_and_refused_where_none_did() -> None:
    predicted, gain = np.array([0.0, 0.5, 1.0, 7.0]), np.array([0.1, 0.2, 0.3, np.nan])
    assert gain_line(predicted, gain) == pytest.approx((0.2, 0.1))
    for few in (np.full(4, np.nan), np.array([0.1, np.nan, np.nan, np.nan])):
        with pytest.raises(DataError, match="--ledger"):
            gain_line(predicted, few)


def test_a_source_whose_strong_tier_is_no_better_teaches_no_general_gain() -> None:
    half = np.full(40, 0.5)
    rows = join(
        [
            rows_of(RECORDED, "better", half, np.full(40, 0.2)),
            rows_of(RECORDED, "worse", half, np.full(40, -0.1)),
            rows_of(TRAFFIC, "worse", half, np.full(40, 0.3)),
        ]
    )
    worth = worth_spending(rows, everything(rows))
    assert worth[:40].all()
    assert not worth[40:80].any()
    assert worth[80:].all()  # judged traffic of the same family is judged for other models


def test_only_rows_in_use_say_whether_a_source_is_worth_spending_on() -> None:
    rows = rows_of(RECORDED, "mixed", np.full(40, 0.5), np.repeat([0.5, -0.5], 20))
    first = np.arange(40) < 20
    assert worth_spending(rows, first).all()
    assert not worth_spending(rows, ~first).any()


def test_the_typical_gain_is_the_judged_prompts_parabola_and_ignores_recorded_ones() -> None:
    success = np.linspace(0, 1, 60)
    judged = rows_of(FAMILY, "kind", success, 0.3 - 0.3 * success**2)
    recorded = rows_of(RECORDED, "source", success, np.full(60, 0.9))
    rows = join([recorded, judged])
    np.testing.assert_allclose(typical_gain(rows, everything(rows)), [-0.3, 0, 0.3], atol=1e-9)
    np.testing.assert_allclose(typical_gain(recorded, everything(recorded)), [0, 0, 0.9], atol=1e-9)


def test_without_any_known_gain_nothing_is_typical() -> None:
    rows = rows_of(EVERYDAY, "everyday", np.linspace(0, 1, 60), np.full(60, np.nan))
    assert typical_gain(rows, everything(rows)).tolist() == [0, 0, 0]


def test_an_origins_weight_does_not_depend_on_how_many_rows_it_has() -> None:
    few = rows_of(FAMILY, "kind", np.full(10, 0.5), np.full(10, 0.1))
    many = rows_of(RECORDED, "source", np.full(500, 0.5), np.full(500, 0.1))
    rows = join([many, few])
    weight = general_weights(rows, everything(rows), {RECORDED: 1.0, FAMILY: 2.0})
    assert np.isclose(weight[:500].sum(), 500)
    assert np.isclose(weight[500:].sum(), 1000)


def test_traffic_is_joined_to_its_judgements_by_id_and_the_rest_left_out(tmp_path: Path) -> None:
    texts = {f"u:chat:{hashlib.md5(text.encode()).hexdigest()[:12]}": text for text in ("judged one", "nobody read me")}
    table = pa.table({"prompt_id": list(texts), "prompt": list(texts.values()), "source": ["bfcl_v4_memory", "chat"]})
    pq.write_table(table, tmp_path / "unlabelled.parquet")
    line = {"p_small": 0.25, "p_strong": 0.75, "task": "tool_use", "closed": 1, "tokens": 40}
    judgements = tmp_path / "judgements.jsonl"
    judgements.write_text(json.dumps({"prompt_id": next(iter(texts)), **line}) + "\n", encoding="utf-8")
    rows = traffic_rows(tmp_path / "unlabelled.parquet", judgements)
    assert rows.texts == ("judged one",)
    assert rows.source.tolist() == ["bfcl"]  # left out together with the recorded source of its family
    assert (rows.success.tolist(), rows.gain.tolist()) == ([0.25], [0.5])


def test_without_the_table_there_is_no_traffic(tmp_path: Path) -> None:
    rows = traffic_rows(tmp_path / "unlabelled.parquet")
    assert len(rows) == 0
    assert len(join([family_rows(), rows])) == len(family_rows())


def test_judged_rows_have_no_outcome_to_calibrate_on() -> None:
    rows = family_rows()
    assert np.isnan(rows.failed).all()
    assert ((rows.success >= 0) & (rows.success <= 1)).all()
