from dataclasses import replace

import pytest

from router.core.policy import UNCERTIFIED
from training.mode_changes import changes_table, mode_changes
from training.replay import Rows, routes

ALL_SMALL = {"complexity": 2.0, "gain": 2.0}
ALL_STRONG = {"complexity": 0.0}


def test_each_mode_is_shown_with_who_goes_to_strong_and_at_what_cost_and_quality(rows: Rows) -> None:
    rows = replace(rows, small_price=0.25)
    old, new = {"balanced": ALL_SMALL, "certificate": {}}, {"balanced": ALL_STRONG}
    found = mode_changes(rows, old, rows, new)["balanced"]
    assert found["before"] == {
        "strong_share": 0.0,
        "cost_share": pytest.approx(0.25),
        "quality_share": pytest.approx(rows.small.mean() / rows.strong.mean()),
    }
    assert found["after"] == {"strong_share": 1.0, "cost_share": 1.0, "quality_share": 1.0}
    assert "0.000 -> 1.000    0.250 -> 1.000" in changes_table({"balanced": found})


def test_an_artifact_without_thresholds_decides_as_the_gateway_does_without_them(rows: Rows) -> None:
    found = mode_changes(rows, None, rows, None)
    for mode, thresholds in UNCERTIFIED.items():
        assert found[mode]["before"]["strong_share"] == routes(rows.prompts, rows.assessments, thresholds).mean()
