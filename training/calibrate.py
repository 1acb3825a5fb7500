"""How well calibrated an artifact is on the calibration split, and how it spreads complexity there."""

from pathlib import Path
from typing import Any

import numpy as np

from classifier.abilities import design
from classifier.classifier import Classifier
from training.calibration import expected_calibration_error
from training.data import Data, Floats, Ints
from training.metrics import brier, reliability
from training.replay import Rows, replay

REFERENCE_EDGES = tuple(step / 20 for step in range(1, 21))
"""Where the spread of complexity is measured: the buckets of the gateway's histogram, held equal by a test."""

MIX_CELLS = 8
"""Cells that the prompts of a task are put into, by complexity."""


def judged(artifact: Path, data: Data) -> Rows:
    """The calibration split as the artifact judges it."""
    return replay(data, "calibration", Classifier.load(artifact))


def calibration_of(rows: Rows) -> dict[str, Any]:
    """What a fit set is measured here, not changed."""
    return {
        "prompts": len(rows),
        "ece": expected_calibration_error(rows.complexity, rows.small_fails),
        "brier": brier(rows.complexity, rows.small_fails),
        "reliability": reliability(rows.complexity, rows.small_fails),
    }


def complexity_reference(complexity: Floats) -> dict[str, Any]:
    """The manifest's ``complexity_reference``: the certificate holds for traffic whose complexity is spread like this."""
    at_most = [round(float(np.mean(complexity <= edge)), 6) for edge in REFERENCE_EDGES]
    return {"prompts": len(complexity), "edges": list(REFERENCE_EDGES), "at_most": at_most}


def prompt_mix(rows: Rows) -> dict[str, Any]:
    """The manifest's ``prompt_mix``: these prompts by task and complexity, in cells of equal size within a task."""
    odds, complexity = design(rows.assessments)[:, 1:3], rows.complexity
    tasks = np.array([found.task for found in rows.assessments])
    cells = [
        (str(task), part)
        for task in np.unique(tasks)
        for part in np.array_split(_by(complexity, np.flatnonzero(tasks == task)), MIX_CELLS)
        if len(part)
    ]
    return {
        "task": [task for task, _ in cells],
        "share": [round(len(part) / len(rows), 5) for _, part in cells],
        "small": [round(float(odds[part, 0].mean()), 3) for _, part in cells],
        "strong": [round(float(odds[part, 1].mean()), 3) for _, part in cells],
    }


def _by(value: Floats, rows: Ints) -> Ints:
    """Rows in the order of their values."""
    ordered: Ints = rows[np.argsort(value[rows], kind="stable")]
    return ordered
