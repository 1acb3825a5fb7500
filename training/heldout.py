"""Held-out numbers of a fitted model: ranking, spending, sources left out, and placebo controls."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.artifact import Contents
from classifier.model import Model
from classifier.text import Reading
from training.data import Bools, Data, Floats, Strings
from training.judges import calibrate, fit_judges
from training.labels import LEAST_GAP, Labels
from training.metrics import apgr, auroc, cost_for, curve
from training.prepared import Prepared
from training.rows import RECORDED


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model says of many prompts, in their order; see :class:`classifier.assessment.Assessment`."""

    complexity: Floats
    gain: Floats
    novelty: Floats


@dataclass(frozen=True, slots=True)
class Numbers:
    """Ranking and spending on a set of prompts.

    Attributes:
        auroc: of "the small tier's mean score is below 0.5" by complexity.
        apgr: area under the performance gap recovered, escalating by gain; 0.5 is random.
        cost_99, cost_95: cheapest spend that keeps 99 % / 95 % of always-strong's quality, as a share of
            its cost.
    """

    auroc: float
    apgr: float
    cost_99: float
    cost_95: float


def judge(model: Model, readings: Sequence[Reading]) -> Judged:
    """Judge many prompts with the code that serves."""
    scores = [model.scores(reading) for reading in readings]
    return Judged(
        np.array([score.complexity for score in scores]),
        np.array([score.gain for score in scores]),
        np.array([score.novelty for score in scores]),
    )


def numbers(labels: Labels, judged: Judged, use: Bools) -> Numbers:
    """The numbers over the prompts ``use``; ``judged`` and ``labels`` are as long as the data."""
    known = use & (labels.n_small > 0)
    both = use & labels.judged
    found = curve(judged.gain[both], labels.small[both], labels.strong[both])
    return Numbers(
        auroc(judged.complexity[known], labels.small[known] < 0.5),
        apgr(found),
        cost_for(found, 0.99),
        cost_for(found, 0.95),
    )


def leave_one_source_out(
    data: Data,
    labels: Labels,
    prepared: Prepared,
    use: Bools,
    *,
    seed: int = 0,
    progress: Callable[[Strings], Iterable[str]] = iter,
    judge_source: Callable[[str], Judged] | None = None,
) -> Judged:
    """Judge each source of the prompts ``use`` with a model fitted and calibrated without it.

    A tenth of the other sources' groups calibrates; traffic of the source's own family is left out too.
    ``progress`` may show how far the sources are; ``judge_source`` may judge a source's prompts otherwise than by a fit
    that is made now, e.g. by one made before.
    """
    complexity, gain, novelty = (np.full(len(data), np.nan) for _ in range(3))
    for source in progress(np.unique(data.source[use])):
        here = use & (data.source == source)
        if judge_source is not None:
            judged = judge_source(str(source))
        else:
            model = Model(fit_without(source, data, prepared, use, seed, None))
            judged = judge(model, [prepared.readings[row] for row in np.flatnonzero(here)])
        complexity[here], gain[here], novelty[here] = judged.complexity, judged.gain, judged.novelty
    return Judged(complexity, gain, novelty)


def fit_without(
    source: str,
    data: Data,
    prepared: Prepared,
    use: Bools,
    seed: int,
    gate: Floats | None,
) -> Contents:
    """A model that has not seen a source."""
    recorded = np.zeros(len(prepared.rows), dtype=np.bool_)
    recorded[: len(data)] = use
    others = (recorded | (prepared.rows.origin != RECORDED)) & (prepared.rows.source != source)
    held_back = others & (prepared.fold == 0) & (np.arange(len(others)) % 2 == 0) & (prepared.rows.origin == RECORDED)
    return calibrate(fit_judges(prepared, others & ~held_back, seed=seed, gate=gate), prepared, held_back)


def by_source(data: Data, labels: Labels, judged: Judged, use: Bools) -> dict[str, Numbers]:
    """The numbers of each source; spending is NaN where the strong tier is no better than the small one."""
    found = {}
    for source in np.unique(data.source[use]):
        here = use & (data.source == source)
        result = numbers(labels, judged, here)
        both = here & labels.judged
        better = both.any() and (labels.strong[both] - labels.small[both]).mean() > LEAST_GAP
        nan = float("nan")
        found[str(source)] = result if better else Numbers(result.auroc, nan, nan, nan)
    return found


def macro(found: dict[str, Numbers]) -> tuple[float, float]:
    """Mean AUROC and mean APGR over sources."""
    values = list(found.values())
    return float(np.mean([v.auroc for v in values])), float(np.nanmean([v.apgr for v in values]))
