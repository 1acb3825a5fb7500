"""Replaying panels over recorded answers: when a vote of three beats its best member, and what it costs.

``python -m training fusion-replay --data DIR [--out FILE]``

Members are ranked on one half of each domain's near-duplicate groups and everything is measured on the other, so
that the best member is not best by luck. Calibration and test splits are not touched.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from classifier.assessment import Task
from training.replay_data import Domain, read_domains

Floats = npt.NDArray[np.float64]

SPREADS = (0.0, 0.03, 0.07, 0.12, 1.0)
"""Edges of the bins, in accuracy between the best and the weakest member."""

MAX_PANELS = 300
"""Panels drawn per domain and bin; more do not move the second decimal of a point."""

RESAMPLES = 1_000
NEAR_EQUAL = (0, 1)
"""The bins that the evidence is read from: members within seven points of each other."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One domain's panels of one spread, prompt by prompt, averaged over the panels.

    Attributes:
        solo, vote: accuracy of the best member, and of the vote of three (ties go to the best member).
        unanimous, sure: share of panels that agree, and share that agree and are right.
        lazy_scouts, lazy_second: third calls needed when the two cheaper members go first, or the best and the next.
        cost_solo, cost_vote, cost_scouts, cost_second: USD.
    """

    domain: str
    task: str
    spread: int
    panels: int
    group: npt.NDArray[np.int64]
    solo: Floats
    vote: Floats
    unanimous: Floats
    sure: Floats
    lazy_scouts: Floats
    lazy_second: Floats
    cost_solo: Floats
    cost_vote: Floats
    cost_scouts: Floats
    cost_second: Floats


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``python -m training fusion-replay``."""
    parser.add_argument("--data", type=Path, required=True, help="directory with prompts.parquet and outcomes.parquet")
    parser.add_argument("--out", type=Path, help="where the evidence table goes, e.g. router/fusion_evidence.json")
    parser.add_argument("--seed", type=int, default=0)


def run(data: Path, out: Path | None, seed: int = 0) -> None:
    """Replay, print what was found, and write the evidence table where ``out`` says."""
    domains = read_domains(data)
    rng = np.random.default_rng(seed)
    found = [part for domain in domains for part in replay(domain, rng)]
    print(report(found, rng))
    if out is not None:
        table = evidence(found, rng)
        out.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"wrote {out}")


def replay(domain: Domain, rng: np.random.Generator) -> list[Replayed]:
    """Draw panels of three by spread, and let them answer the half that did not rank them."""
    ranking = domain.half == 0
    accuracy = domain.correct[ranking].mean(axis=0)
    panels = np.array(list(combinations(np.argsort(-accuracy, kind="stable"), 3)), dtype=np.int64)
    spread = accuracy[panels[:, 0]] - accuracy[panels[:, 2]]
    bins = np.digitize(spread, SPREADS[1:-1], right=True)
    parts = []
    for number in range(len(SPREADS) - 1):
        members = panels[bins == number]
        if len(members):
            drawn = rng.permutation(len(members))[:MAX_PANELS]
            parts.append(_answered(domain, members[drawn], number))
    return parts


def _answered(domain: Domain, panels: npt.NDArray[np.int64], spread: int) -> Replayed:
    rows = domain.half == 1
    answers, correct, cost = domain.answers[rows], domain.correct[rows], domain.cost[rows]
    sums = {name: np.zeros(int(rows.sum())) for name in Replayed.__dataclass_fields__ if name not in _NOT_SUMS}
    for panel in panels:
        a, b, c = (answers[:, member] for member in panel)
        right_a, right_b = correct[:, panel[0]], correct[:, panel[1]]
        second_wins = (b == c) & (b >= 0) & (b != a)
        all_same = (a == b) & (b == c) & (a >= 0)
        sums["solo"] += right_a
        sums["vote"] += np.where(second_wins, right_b, right_a)
        sums["unanimous"] += all_same
        sums["sure"] += all_same & (right_a > 0)
        _add_costs(sums, answers, cost, panel)
    means = {name: total / len(panels) for name, total in sums.items()}
    return Replayed(domain.name, domain.task, spread, len(panels), domain.group[rows], **means)


def _add_costs(sums: Mapping[str, Floats], answers: npt.NDArray[np.int64], cost: Floats, panel: Any) -> None:
    """Who goes first decides how often the third is called; the answer is the vote's in every order."""
    price = cost[:, panel]
    by_price = panel[np.argsort(price.mean(axis=0), kind="stable")]
    for name, (first, second, third) in (("scouts", by_price), ("second", panel)):
        split = (answers[:, first] != answers[:, second]) | (answers[:, first] < 0)
        sums[f"lazy_{name}"][:] += split
        sums[f"cost_{name}"][:] += cost[:, first] + cost[:, second] + split * cost[:, third]
    sums["cost_solo"][:] += price[:, 0]
    sums["cost_vote"][:] += price.sum(axis=1)


_NOT_SUMS = ("domain", "task", "spread", "panels", "group")


def interval(values: Floats, group: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean with a 95 % interval, by drawing whole near-duplicate groups."""
    _, index = np.unique(group, return_inverse=True)
    total, count = np.bincount(index, values), np.bincount(index)
    weights = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), size=RESAMPLES)
    drawn = (weights @ total) / (weights @ count)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def report(found: Sequence[Replayed], rng: np.random.Generator) -> str:
    """A table of what was found, in points and in shares."""
    lines = [
        "| domain | task | spread | panels | prompts | best alone | vote of 3: gain (95 %) | all agree | right if so "
        "| scouts: calls, cost | strong + one: calls, cost | vote: cost |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for part in found:
        gain, low, high = interval(part.vote - part.solo, part.group, rng)
        solo_usd = part.cost_solo.sum()
        agreed = part.unanimous.mean()
        lines.append(
            f"| {part.domain} | {part.task} | {SPREADS[part.spread] * 100:.0f}–{SPREADS[part.spread + 1] * 100:.0f} "
            f"| {part.panels} | {len(part.solo)} | {part.solo.mean() * 100:.1f} "
            f"| {gain * 100:+.1f} ({low * 100:+.1f} … {high * 100:+.1f}) | {agreed:.2f} "
            f"| {part.sure.mean() / agreed if agreed else float('nan'):.2f} "
            f"| {2 + part.lazy_scouts.mean():.2f}, {part.cost_scouts.sum() / solo_usd:.2f}× "
            f"| {2 + part.lazy_second.mean():.2f}, {part.cost_second.sum() / solo_usd:.2f}× "
            f"| {part.cost_vote.sum() / solo_usd:.2f}× |"
        )
    return "\n".join(lines)


def evidence(found: Sequence[Replayed], rng: np.random.Generator) -> dict[str, Any]:
    """The table that the policy ships with: closed answers as replayed, open ones as published; the rest does not pay."""
    return {
        "not_measured": NOT_MEASURED,
        "spread": SPREADS[max(NEAR_EQUAL) + 1],
        "tasks": {
            task: {"closed": _closed(task, found, rng), "open": OPEN.get(task, _row(False, NO_OPEN))}
            for task in get_args(Task)
        },
    }


def _closed(task: str, found: Sequence[Replayed], rng: np.random.Generator) -> dict[str, Any]:
    near = [part for part in found if part.task == task and part.spread in NEAR_EQUAL]
    if task in NEVER or not near:
        return _row(False, NEVER.get(task, "no recorded answers to replay"))
    gains = np.concatenate([part.vote - part.solo for part in near])
    # groups are numbered over all sources, so that parts of one task can be drawn together
    gain, low, high = interval(gains, np.concatenate([part.group for part in near]), rng)
    domains = ", ".join(dict.fromkeys(part.domain for part in near))
    prompts = sum({part.domain: len(part.solo) for part in near}.values())
    basis = f"replay of votes of three models within seven points of each other, {prompts} recorded prompts ({domains})"
    return _row(low > 0, basis, round(gain, 4), round(low, 4), round(high, 4))


def _row(pays: bool, basis: str, gain: float | None = None, low: float | None = None, high: float | None = None) -> dict[str, Any]:  # fmt: skip
    return {"pays": pays, "gain": gain, "low": low, "high": high, "basis": basis}


NOT_MEASURED = [
    "from which complexity, and from which length of an open answer, a panel is asked by itself: judgement",
    "that open answers pay: a vendor's published numbers, not a replay",
    "that a tenfold difference in price tells who is far behind, where nothing else is known: judgement",
]
"""What the policy rests on besides the rows of the table."""

NEVER: Mapping[str, str] = {
    "code": "a vote on outputs gains, but an answer here is a program, and nothing executes it",
    "tool_use": "a turn that calls tools cannot be merged",
    "chat": "a panel costs more than small talk can repay",
}
"""Tasks that are not fused whatever a replay says."""

NO_OPEN = "nothing published or recorded says that blending such texts helps"
_DRACO = (
    "published, not replayed: on research reports (DRACO, August 2026) panels of OpenRouter Fusion reached 69.0 "
    "against 65.3 for the best single model, by the vendor's own count"
)
OPEN: Mapping[str, dict[str, Any]] = {"knowledge": _row(True, _DRACO), "reasoning": _row(True, _DRACO)}
"""Where a judge over open answers pays: questions of fact and of argument that end in a report."""
