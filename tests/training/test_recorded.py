"""On the recorded outcomes themselves; they are not part of the project."""

import os
from pathlib import Path

import numpy as np
import pytest

from training.data import Data, load
from training.labels import Labels, label
from training.metrics import spending

DIRECTORY = os.environ.get("FUSION_ROUTER_DATA")

pytestmark = pytest.mark.skipif(
    not DIRECTORY, reason="FUSION_ROUTER_DATA does not name a directory with recorded outcomes"
)


@pytest.fixture(scope="module")
def recorded() -> tuple[Data, Labels]:
    data = load(Path(DIRECTORY or ""))
    return data, label(data)


def test_the_oracle_and_the_lot_score_what_they_scored_elsewhere(recorded: tuple[Data, Labels]) -> None:
    data, labels = recorded
    use = (data.split == "test") & labels.judged
    small, strong = labels.small[use], labels.strong[use]
    oracle = spending(strong - small, small, strong)
    assert oracle["apgr"] == pytest.approx(1.11, abs=0.01)
    assert oracle["cost_at_99"] == pytest.approx(0.30, abs=0.01)
    assert oracle["cost_at_95"] == pytest.approx(0.23, abs=0.01)
    rng = np.random.default_rng(0)
    lots = [spending(rng.random(len(small)), small, strong) for _ in range(20)]
    assert np.mean([lot["apgr"] for lot in lots]) == pytest.approx(0.50, abs=0.01)
    assert np.mean([lot["cost_at_99"] for lot in lots]) == pytest.approx(0.95, abs=0.015)
    assert np.mean([lot["cost_at_95"] for lot in lots]) == pytest.approx(0.78, abs=0.02)


def test_no_near_duplicate_lies_in_two_splits(recorded: tuple[Data, Labels]) -> None:
    data, _ = recorded
    assert len(set(zip(data.group.tolist(), data.split.tolist(), strict=True))) == len(set(data.group.tolist()))
