import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.assessment import Assessment
from router.core.policy import Thresholds
from training.replay import Rows, as_prompt, cost_share, escalates, routes

share = st.floats(0, 1)


@given(share, st.floats(-1, 1), share, share, st.floats(-1, 2), st.floats(0, 0.3), share)
@settings(max_examples=300, deadline=None)
def test_arrays_decide_as_the_gateway_does(
    complexity: float, gain: float, novelty: float, at: float, gain_at: float, band: float, novel: float
) -> None:
    thresholds = Thresholds(at, gain_at, band, novel)
    found = Assessment(complexity, gain, "chat", novelty, False, 10, "a@1:0")
    decided = routes([as_prompt("What?")], [found], thresholds)[0]
    assert decided == escalates(np.array([complexity]), np.array([gain]), np.array([novelty]), thresholds)[0]


def test_cost_is_shared_by_calls_or_by_tokens(rows: Rows) -> None:
    strong = np.arange(len(rows)) < 100
    assert cost_share(strong) == pytest.approx(0.06 + 0.94 * 0.25)
    assert cost_share(strong, rows.tokens) != cost_share(strong)
    assert cost_share(np.ones(len(rows), dtype=bool), rows.tokens) == pytest.approx(1)


def test_taking_rows_keeps_every_field_in_step(rows: Rows) -> None:
    some = rows.take([5, 3])
    assert some.texts == (rows.texts[5], rows.texts[3])
    assert some.small.tolist() == [rows.small[5], rows.small[3]]
    assert some.assessments[1] is rows.assessments[3]
