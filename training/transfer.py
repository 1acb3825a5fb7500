"""How the classifier does on prompts of a kind it has not seen, and how fast it learns them.

Only ``train`` and ``calibration`` are used; the test split stays out of it. The model is fitted anew for each number.
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.classifier import Classifier
from training.calibration import expected_calibration_error
from training.data import Bools, Data, Ints
from training.labels import Labels
from training.metrics import apgr, auroc, curve
from training.replay import Rows, replay

Fit = Callable[[Data, Path, int], object]
"""Fits data into an artifact directory, by a seed."""

LEAST_PROMPTS = 60
"""A source with fewer judged prompts says too little to be held out."""

ADAPTING_SIZES = (0, 100, 300, 1000)
ADAPTING_SOURCES = 3
"""The largest sources take part: half of each is judged, the other half is what may be learned from."""


def leave_one_source_out(
    data: Data, labels: Labels, fit: Fit, seed: int, progress: Callable[[list[str]], Iterable[str]]
) -> dict[str, Any]:
    """AUROC, APGR and ECE of each source under a model that never saw it, and their macro average."""
    usable = (data.split != "test") & labels.judged
    sources = [str(name) for name in np.unique(data.source) if (usable & (data.source == name)).sum() >= LEAST_PROMPTS]
    if len(sources) < 2:
        return {}
    found = {}
    for name in progress(sources):
        held_out = data.source == name
        rows = _fit_and_judge(data, labels, fit, seed, learned=~held_out, judged=held_out)
        found[name] = _measure(rows)
    macro = {key: float(np.mean([each[key] for each in found.values()])) for key in ("auroc", "apgr", "ece")}
    return {"sources": found, "macro": macro}


def adapting(
    data: Data, labels: Labels, fit: Fit, seed: int, progress: Callable[[list[str]], Iterable[str]]
) -> dict[str, Any]:
    """What rows of an unseen source add: half of it is judged, 0 to 1,000 rows of the other half are learned."""
    usable = (data.split != "test") & labels.judged
    names, counts = np.unique(data.source[usable], return_counts=True)
    ranked = [str(name) for name in names[np.argsort(-counts, kind="stable")]]
    found: dict[str, Any] = {}
    for name in progress(ranked[:ADAPTING_SOURCES] if len(ranked) > 1 else []):
        mine = usable & (data.source == name)
        learned_half = mine & _half(data.group, seed)
        pool = np.random.default_rng(seed).permutation(np.flatnonzero(learned_half))
        points = []
        for size in ADAPTING_SIZES:
            if size > len(pool):
                continue
            taught = data.source != name
            taught[pool[:size]] = True
            rows = _fit_and_judge(data, labels, fit, seed, learned=taught, judged=mine & ~learned_half)
            points.append({"rows": size, **_measure(rows)})
        found[name] = points
    return found


def _fit_and_judge(data: Data, labels: Labels, fit: Fit, seed: int, *, learned: Bools, judged: Bools) -> Rows:
    """Fit on the learned prompts, with their own splits, and judge the others with what came out."""
    usable = data.split != "test"
    split = np.where(usable & judged, "test", np.where(usable & learned, data.split, "unused"))
    with tempfile.TemporaryDirectory() as scratch:
        artifact = Path(scratch) / "artifact"
        fit(replace(data, split=split), artifact, seed)
        return replay(replace(data, split=split), "test", Classifier.load(artifact), labels)


def _half(group: Ints, seed: int) -> Bools:
    """True for half of the groups, by lot."""
    numbers, member = np.unique(group, return_inverse=True)
    half: Bools = (np.random.default_rng(seed).random(len(numbers)) < 0.5)[member]
    return half


def _measure(rows: Rows) -> dict[str, float]:
    return {
        "n": len(rows),
        "auroc": auroc(rows.complexity, rows.small_fails),
        "apgr": apgr(curve(rows.gain, rows.small, rows.strong)),
        "ece": expected_calibration_error(rows.complexity, rows.small_fails),
    }
