"""How well calibrated an artifact is on the calibration split; what a fit set there is measured, not changed."""

from pathlib import Path
from typing import Any

from classifier.classifier import Classifier
from training.calibration import expected_calibration_error
from training.data import Data
from training.metrics import brier, reliability
from training.replay import replay


def recalibrate(artifact: Path, data: Data) -> dict[str, Any]:
    """Calibration of the artifact on the calibration split."""
    rows = replay(data, "calibration", Classifier.load(artifact))
    return {
        "prompts": len(rows),
        "ece": expected_calibration_error(rows.complexity, rows.small_fails),
        "brier": brier(rows.complexity, rows.small_fails),
        "reliability": reliability(rows.complexity, rows.small_fails),
    }
