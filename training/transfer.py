"""How the classifier does on prompts of a kind it has not seen, and how fast it learns them.

Only ``train`` and ``calibration`` are used. A source left out means a fit anew; what its own rows add is learned on top
of that fit, as a gateway learns from its ledger.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.model import Model
from training.adapt import Lessons, adapt, corrected
from training.bootstrap import interval, resamples
from training.calibration import expected_calibration_error
from training.data import Bools, Data, Floats, Ints
from training.heldout import Judged, Numbers, by_source, fit_without, judge, leave_one_source_out, macro
from training.labels import Labels
from training.metrics import apgr, auroc, curve
from training.prepared import Prepared
from training.state import plain, read_json, write_json

Progress = Callable[[Any], Iterable[str]]
"""Shows how far a loop over names is."""

ADAPTING_SIZES = (0, 100, 300, 1000)
ADAPTING_SOURCES = 2
"""The largest sources take part: half of each is judged, the other half is what may be learned from."""


class Refits:
    """Fits that have not seen a source: one each, for leaving it out and for learning it; their results are kept."""

    def __init__(self, data: Data, labels: Labels, prepared: Prepared, seed: int, keep: Path, inputs: str) -> None:
        """Nothing is fitted yet.

        Args:
            data: whose ``train`` and ``calibration`` splits are used.
            labels: tier means of ``data``.
            prepared: its prompts as the judges see them.
            seed: of every random choice.
            keep: directory of the results, so that an interrupted evaluation goes on where it was.
            inputs: what the results depend on; kept ones of other inputs are made anew.
        """
        self.data, self.labels, self.prepared, self.seed = data, labels, prepared, seed
        self.usable: Bools = data.split != "test"
        self._keep, self._inputs = keep, inputs
        self.adapted = _largest(data, self.usable & labels.judged)

    def of(self, source: str) -> dict[str, Any]:
        """``complexity``, ``gain`` and ``novelty`` of the source's prompts, and its ``adapting`` curve where it takes part."""
        path = self._keep / f"{source}.json"
        if path.is_file():
            kept: dict[str, Any] = read_json(path)
            if kept["inputs"] == self._inputs:
                return kept
        model = Model(fit_without(source, self.data, self.prepared, self.usable, self.seed, None))
        rows = np.flatnonzero(self.usable & (self.data.source == source))
        judged = judge(model, [self.prepared.readings[row] for row in rows])
        found: dict[str, Any] = {
            "inputs": self._inputs,
            **{name: getattr(judged, name).tolist() for name in ("complexity", "gain", "novelty")},
            "adapting": self._adapting(source, model) if source in self.adapted else None,
        }
        found = plain(found)
        write_json(path, found)
        return found

    def _adapting(self, source: str, model: Model) -> list[dict[str, Any]]:
        """Half of the source is judged, after learning 0 to 1,000 rows of the other half."""
        data, mine = self.data, self.usable & self.labels.judged & (self.data.source == source)
        half = _half(data.group, self.seed)
        pool = np.random.default_rng(self.seed).permutation(np.flatnonzero(mine & half))[: max(ADAPTING_SIZES)]
        taught = _lessons(model, self.prepared, self.labels, data, pool)
        held_out = _lessons(model, self.prepared, self.labels, data, np.flatnonzero(mine & ~half))
        return [
            {"rows": size, **_learned(taught.take(np.arange(size)), held_out, self.seed)}
            for size in ADAPTING_SIZES
            if size <= len(pool)
        ]


def _largest(data: Data, use: Bools) -> list[str]:
    """The sources that the adapting curve is drawn for; none where there is only one."""
    names, counts = np.unique(data.source[use], return_counts=True)
    ranked = [str(name) for name in names[np.argsort(-counts, kind="stable")]]
    return ranked[:ADAPTING_SOURCES] if len(ranked) > 1 else []


def left_out(refits: Refits, progress: Progress) -> dict[str, Any]:
    """AUROC, APGR and ECE of each source under a model that never saw it, and their macro average with intervals."""
    data, labels, usable, seed = refits.data, refits.labels, refits.usable, refits.seed
    if len(np.unique(data.source[usable])) < 2:
        return {}

    def judge_source(source: str) -> Judged:
        found = refits.of(source)
        return Judged(*(np.array(found[name]) for name in ("complexity", "gain", "novelty")))

    judged = leave_one_source_out(
        data, labels, refits.prepared, usable, seed=seed, progress=progress, judge_source=judge_source
    )
    found = by_source(data, labels, judged, usable)
    area, gap = macro(found)
    sources = {
        name: {
            **as_metrics(numbers),
            "n": int((usable & (data.source == name)).sum()),
            "ece": _ece(labels, judged, usable & (data.source == name)),
        }
        for name, numbers in found.items()
    }
    return {
        "sources": sources,
        "macro": {"auroc": area, "apgr": gap, **_macro_intervals(data, labels, judged, usable, seed)},
    }


def adapting(refits: Refits) -> dict[str, Any]:
    """What judged rows of an unseen source add: half of it is judged, 0 to 1,000 rows of the other half are learned."""
    return {name: refits.of(name)["adapting"] for name in refits.adapted}


def _lessons(model: Model, prepared: Prepared, labels: Labels, data: Data, rows: Ints) -> Lessons:
    scores = [model.scores(prepared.readings[row]) for row in rows]
    return Lessons(
        features=np.array([score.features for score in scores], dtype=np.float64),
        complexity=np.array([score.complexity for score in scores]),
        gain=np.array([score.gain for score in scores]),
        small=labels.small[rows],
        strong=labels.strong[rows],
        group=data.group[rows],
    )


def _learned(taught: Lessons, held_out: Lessons, seed: int) -> dict[str, Any]:
    """How the held-out half is judged after learning ``taught``; without rows, by the model as it is."""
    complexity, gain = held_out.complexity, held_out.gain
    if len(taught):
        complexity, gain = corrected(adapt(taught, seed)[0], held_out)
    return _measure(complexity, gain, held_out, seed)


def _half(group: Ints, seed: int) -> Bools:
    """True for half of the groups, by lot."""
    numbers, member = np.unique(group, return_inverse=True)
    half: Bools = (np.random.default_rng(seed).random(len(numbers)) < 0.5)[member]
    return half


def _measure(complexity: Floats, gain: Floats, held_out: Lessons, seed: int) -> dict[str, Any]:
    """AUROC and APGR with intervals, and ECE."""
    small, strong = held_out.small, held_out.strong

    def ranked(rows: Ints) -> tuple[float, float]:
        return auroc(complexity[rows], small[rows] < 0.5), apgr(curve(gain[rows], small[rows], strong[rows]))

    drawn: Sequence[tuple[float, float]] = [ranked(rows) for rows in resamples(held_out.group, seed)]
    area, gap = ranked(np.arange(len(small)))
    return {
        "n": len(small),
        "auroc": area,
        "auroc_95": interval([a for a, _ in drawn]),
        "apgr": gap,
        "apgr_95": interval([g for _, g in drawn]),
        "ece": expected_calibration_error(complexity, small < 0.5),
    }


def _macro_intervals(data: Data, labels: Labels, judged: Judged, usable: Bools, seed: int) -> dict[str, Any]:
    """Intervals of the macro averages: groups resampled inside each source."""
    areas, gaps = [], []
    for name in np.unique(data.source[usable]):
        rows = np.flatnonzero(usable & (data.source == name) & labels.judged)
        if not len(rows):
            continue
        fails, small, strong = labels.small[rows] < 0.5, labels.small[rows], labels.strong[rows]
        draws = resamples(data.group[rows], seed)
        areas.append([auroc(judged.complexity[rows][d], fails[d]) for d in draws])
        if (strong - small).mean() > 0.02:
            gaps.append([apgr(curve(judged.gain[rows][d], small[d], strong[d])) for d in draws])
    return {
        "auroc_95": interval(np.nanmean(areas, axis=0)) if areas else None,
        "apgr_95": interval(np.nanmean(gaps, axis=0)) if gaps else None,
    }


def _ece(labels: Labels, judged: Judged, here: Bools) -> float:
    known = here & (labels.n_small > 0)
    return expected_calibration_error(judged.complexity[known], labels.small[known] < 0.5)


def as_metrics(numbers: Numbers) -> dict[str, float]:
    """Numbers under the names that reports use."""
    return {"auroc": numbers.auroc, "apgr": numbers.apgr, "cost_at_99": numbers.cost_99, "cost_at_95": numbers.cost_95}
