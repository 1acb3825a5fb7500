"""How often promises are broken: thresholds chosen on resamples, judged on the population they were drawn from.

``python -m training.promise_check --out RUN`` prints a table for synthetic prompts and, where a run is given, for its
calibration prompts. A promise at confidence 1 - delta may be broken in a share delta of the resamples, no more; naive
thresholds are there to show what it is worth. ``recalibrated`` refits the calibration on each resample before the
thresholds are chosen on the same rows, as a training run does.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from classifier.classifier import Classifier
from router.core.policy import Thresholds
from training.bounds import clopper_pearson_upper
from training.calibration import platt
from training.data import Floats
from training.promise import Promise, Sample, broken_by, naive, path, routed, sample_of, search
from training.replay import replay
from training.steps import Run, loaded

PROMISES = (Promise(0.02, 0.05), Promise(0.05, 0.05), Promise(0.1, 0.1), Promise(0.05, 0.05, "failures"))
N_RESAMPLES = 300
N_PROMPTS = 2000


@dataclass(frozen=True, slots=True)
class Kept:
    """How a way of choosing thresholds did.

    Attributes:
        broken: share of the resamples whose thresholds miss the promise on the population.
        at_most: upper end of the 95 % interval of that share.
        answered: share of the resamples in which a policy was found at all.
        strong_share: mean share of calls to strong.
    """

    broken: float
    at_most: float
    answered: float
    strong_share: float


Choose = Callable[[Sample, Promise], Thresholds | None]


def certified(sample: Sample, promise: Promise) -> Thresholds | None:
    """Learn, then test."""
    return search(sample, path(2.0, 1.0), promise)[0]


def best_here(sample: Sample, promise: Promise) -> Thresholds | None:
    """The naive way."""
    return naive(sample, path(2.0, 1.0), promise)


def simulate(
    population: Sample, promise: Promise, choose: Choose, n_resamples: int, seed: int = 0, *, recalibrate: bool = False
) -> Kept:
    """Choose thresholds on resamples of the population's groups and judge them on the population itself."""
    rng = np.random.default_rng(seed)
    broken, found, strong = 0, 0, 0.0
    for _ in range(n_resamples):
        sample = draw(population, rng)
        everyone = population
        if recalibrate:
            sample, everyone = _recalibrated(sample, sample), _recalibrated(sample, population)
        policy = choose(sample, promise)
        if policy is None:
            strong += 1
            continue
        sent = routed(everyone, policy)
        found, strong = found + 1, strong + float(sent.mean())
        broken += broken_by(everyone, sent, promise) > 0
    upper = clopper_pearson_upper(broken, n_resamples, 0.025)
    return Kept(broken / n_resamples, upper, found / n_resamples, strong / n_resamples)


def draw(population: Sample, rng: np.random.Generator) -> Sample:
    """As many groups as the population has, with replacement; a group drawn twice counts as two."""
    order = np.argsort(population.group, kind="stable")
    _, starts, sizes = np.unique(population.group[order], return_index=True, return_counts=True)
    chosen = rng.integers(0, len(starts), len(starts))
    rows = np.concatenate([order[starts[group] : starts[group] + sizes[group]] for group in chosen])
    return replace(population.take(rows), group=np.repeat(np.arange(len(chosen)), sizes[chosen]))


def synthetic(n: int, seed: int = 0) -> Sample:
    """Prompts whose outcomes are coin tosses by a difficulty that the scores know in part; a few near-duplicates."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=n)
    seen = difficulty + rng.normal(size=n)
    small, strong = _logistic(0.3 - 1.4 * difficulty), _logistic(1.6 - 1.1 * difficulty)
    return Sample(
        complexity=_logistic(-0.3 + 0.8 * seen),
        gain=0.3 * np.tanh(seen) + 0.05,
        novelty=rng.random(n),
        small=(rng.random(n) < small).astype(float),
        strong=(rng.random(n) < strong).astype(float),
        group=np.sort(rng.integers(0, int(n * 0.97), n)),
    )


def table(populations: dict[str, Sample], n_resamples: int, promises: Sequence[Promise] = PROMISES) -> str:
    """Every promise on every population, certified, recalibrated and naive."""
    ways: dict[str, tuple[Choose, bool]] = {
        "certified": (certified, False),
        "recalibrated": (certified, True),
        "naive": (best_here, False),
    }
    tasks = [(name, promise, way) for name in populations for promise in promises for way in ways]
    lines = [
        f"{'population':12}{'promise':10}{'limit':>7}{'delta':>7}  {'way':14}{'broken':>8}{'at most':>9}{'answered':>10}{'strong':>8}"
    ]
    for name, promise, way in tqdm(tasks, desc="promises", leave=False):
        choose, again = ways[way]
        kept = simulate(populations[name], promise, choose, n_resamples, recalibrate=again)
        lines.append(
            f"{name:12}{promise.kind:10}{promise.limit:7.3f}{promise.delta:7.2f}  {way:14}{kept.broken:8.3f}"
            f"{kept.at_most:9.3f}{kept.answered:10.2f}{kept.strong_share:8.3f}"
        )
    return "\n".join(lines)


def _recalibrated(sample: Sample, target: Sample) -> Sample:
    """``target`` with scores recalibrated on ``sample``: Platt for complexity, a line for gain."""
    slope, bias = platt(_log_odds(sample.complexity), (sample.small < 0.5).astype(float))
    gain_slope, gain_bias = np.polyfit(sample.gain, sample.strong - sample.small, 1)
    return replace(
        target,
        complexity=_logistic(slope * _log_odds(target.complexity) + bias),
        gain=max(float(gain_slope), 0.1) * target.gain + gain_bias,
    )


def _log_odds(probability: Floats) -> Floats:
    sure = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(sure / (1 - sure))
    return odds


def _logistic(odds: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-odds))
    return probability


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m training.promise_check", description=__doc__)
    parser.add_argument("--out", type=Path, help="directory of a run; its calibration prompts are resampled, too")
    parser.add_argument("--resamples", type=int, default=N_RESAMPLES)
    parsed = parser.parse_args()
    populations = {"synthetic": synthetic(N_PROMPTS)}
    if parsed.out:
        chosen = Run(data=None, out=parsed.out)
        populations["recorded"] = sample_of(replay(loaded(chosen), "calibration", Classifier.load(chosen.artifact)))
    print(table(populations, parsed.resamples))


if __name__ == "__main__":
    main()
